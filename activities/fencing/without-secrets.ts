// A driver answers without secrets (driver.ts). One that is somebody else's may forget a form, and what it answers goes into the
// history, not through the worker's redaction of errors: so it is cleaned here, where every device is made.
import type { CommandResult, FenceDevice, PowerReading } from './driver.ts';

/** The same device; its words go through `redact` first. */
export function withoutSecrets(device: FenceDevice, redact: (text: string) => string): FenceDevice {
  const clean = async <T extends PowerReading | CommandResult>(answer: Promise<T>): Promise<T> => {
    try {
      const given = await answer;
      return { ...given, detail: redact(given.detail) };
    } catch (error) {
      throw new Error(redact(String(error)));
    }
  };
  return {
    label: device.label,
    status: (signal) => clean(device.status(signal)),
    off: (signal) => clean(device.off(signal)),
    on: (signal) => clean(device.on(signal)),
    // Made of the configuration alone; it names the variable of the password, which would be taken for one.
    confirmCommand: () => device.confirmCommand(),
    ...(device.close && { close: () => device.close!() }),
  };
}
