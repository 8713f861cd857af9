// What the monitors may have of the fencing devices: their state, and no way to change it.
import { systemClock } from '../monitoring/clock.ts';
import type { PowerReader } from '../monitoring/driver.ts';
import { readDevice } from './ask-device.ts';
import type { Fencing } from './levels.ts';

/** Asks `status` of all devices of all levels, side by side; never another command. `open`: at the first reading. */
export function powerReader(open: () => Promise<Fencing>): PowerReader {
  return async (node, limitMs, signal) => {
    const fencing = await open();
    const asked = fencing.levelsOf(node).flatMap(({ name: level, devices }) =>
      devices.map(async (device) => {
        const { power, fault, detail } = await readDevice(device, limitMs, systemClock, signal);
        return { level, label: device.label, power, detail, ...(fault && { fault }) };
      }),
    );
    return Promise.all(asked);
  };
}
