// One story of a fencing level: devices, what the witness sees, what the run says; on a virtual clock.
import type { FenceInput, FenceResult } from '../../../activities/fencing/contract.ts';
import { fenceByDevices } from '../../../activities/fencing/fence-level.ts';
import type { Sign } from '../../../activities/fencing/witness.ts';
import { DEFAULT_TIMINGS } from '../../../workflows/defaults.ts';
import { fakeDevice } from './fake-device.ts';
import type { Behaviour, FakeDevice } from './fake-device.ts';
import { VirtualClock } from './virtual-clock.ts';

const SILENT: Sign = { tcp: 'silent', updatedAt: 'T0', anotherService: false, saw: 'silent; updated_at T0' };

export interface Story {
  devices?: Partial<Behaviour>[];
  input?: Partial<FenceInput>;
  /** What the witness sees at the nth look (0: the last look before an off), so many ms after the start. */
  sees?: (n: number, elapsedMs: number, devices: FakeDevice[]) => Partial<Sign>;
  may?: { ok: boolean; why: string };
  offSentBefore?: boolean;
  /** Somebody says that the node writes its memory dump. */
  dumping?: boolean;
}

export async function fence(
  story: Story,
): Promise<{ result: FenceResult; devices: FakeDevice[]; seconds: number; log: string[] }> {
  const clock = new VirtualClock();
  const started = clock.now();
  const log: string[] = [];
  const devices = (story.devices ?? [{}]).map((behaviour, i) => fakeDevice(clock, behaviour, `fake ${i + 1}`));
  let looks = 0;
  const input: FenceInput = {
    cloud: 'c',
    node: 'compute-1',
    serviceId: 's',
    hostIp: '10.0.0.1',
    level: 'bmc',
    updatedAt: 'T0',
    silentMs: 40_000,
    workflowId: 'c/compute-1',
    runId: 'r',
    again: 0,
    timings: DEFAULT_TIMINGS,
    ...story.input,
  };
  const work = fenceByDevices(input, {
    devices,
    look: async () => {
      log.push('look');
      const sign = { ...SILENT, ...story.sees?.(looks++, clock.now() - started, devices) };
      return Promise.resolve(sign);
    },
    mayFence: () => {
      log.push('mayFence');
      return Promise.resolve(story.may ?? { ok: true, why: '' });
    },
    clock,
    signal: new AbortController().signal,
    offSentBefore: story.offSentBefore ?? false,
    dumping: () =>
      story.dumping ? { saw: 'compute-1 writes its memory dump', agoMs: 1, silenceMs: 30_000, waitMs: 300_000 } : null,
    sending: () => log.push('off'),
  });
  const result = await clock.run(work);
  return { result, devices, seconds: (clock.now() - started) / 1_000, log };
}
