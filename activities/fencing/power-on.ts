// Readmission's half of fencing: what a fence switched off is switched on again.
import type { Clock } from '../monitoring/clock.ts';
import type { Timings } from '../../workflows/defaults.ts';
import { readDevice, switchDevice } from './ask-device.ts';
import type { FenceDevice } from './driver.ts';
import type { FencingLevel } from './levels.ts';

interface Tools {
  timings: Pick<Timings, 'powerStatusMs' | 'powerOffMs' | 'powerPollMs' | 'powerHoldMs'>;
  clock: Clock;
  signal: AbortSignal;
}

/**
 * Last level first: behind a switched-off outlet there is no BMC to ask. A device that reads on gets no command. `ok` when the
 * devices of at least one level all read on and none reads off. Safe to repeat. Rejects only when the signal fires.
 */
export async function switchOn(
  levels: readonly FencingLevel[],
  tools: Tools,
): Promise<{ ok: boolean; detail: string }> {
  if (levels.length === 0) return { ok: false, detail: 'no fence device is configured: switch it on by hand' };
  const details: string[] = [];
  let some = false;
  let dark = false;
  for (const { devices } of levels.toReversed()) {
    const powers = await Promise.all(devices.map((device) => deviceOn(device, tools, details)));
    some ||= powers.every((power) => power === 'on');
    dark ||= powers.includes('off');
  }
  return { ok: some && !dark, detail: details.join('; ') };
}

async function deviceOn(device: FenceDevice, tools: Tools, details: string[]): Promise<'on' | 'off' | 'unknown'> {
  const { timings, clock, signal } = tools;
  const deadline = clock.now() + timings.powerPollMs;
  let said = '';
  for (;;) {
    const { power, detail } = await readDevice(device, timings.powerStatusMs, clock, signal);
    signal.throwIfAborted();
    // Unknown is not told to go on: it may be another machine, or one that is being repaired.
    const giveUp = clock.now() >= deadline || (said === '' && power === 'unknown');
    if (power === 'on' || giveUp) {
      details.push(said ? `${detail} (${said})` : detail);
      return power;
    }
    if (said === '') said = (await switchDevice(device, 'on', timings.powerOffMs, clock, signal)).detail;
    else await clock.sleep(timings.powerHoldMs / 3, signal);
  }
}
