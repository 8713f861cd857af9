// Whatever devices and witness say: a proof has two reads of off of all devices behind it, and no sign of life.
import fc from 'fast-check';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FenceInput } from '../../../activities/fencing/contract.ts';
import type { FenceDevice, PowerReading } from '../../../activities/fencing/driver.ts';
import { fenceByDevices } from '../../../activities/fencing/fence-level.ts';
import type { Sign } from '../../../activities/fencing/witness.ts';
import { DEFAULT_TIMINGS } from '../../../workflows/defaults.ts';
import type { DeviceFault } from '../../../workflows/domain.ts';
import { VirtualClock } from './virtual-clock.ts';

interface Read {
  began: number;
  ended: number;
  said: string;
}

const said = fc.constantFrom<PowerReading['power'] | DeviceFault>(
  'off',
  'off',
  'off',
  'on',
  'unknown',
  'timeout',
  'refused',
  'unreachable',
  'auth',
);
const script = fc.record({
  reads: fc.array(fc.record({ said, ms: fc.integer({ min: 0, max: 4_000 }) }), { minLength: 1, maxLength: 12 }),
  off: fc.constantFrom<'taken' | DeviceFault>('taken', 'timeout', 'refused', 'auth'),
  identityConfirmed: fc.boolean(),
});
const sign = fc.record({
  holder: fc.constantFrom('r', 'r', null),
  tcp: fc.constantFrom<Sign['tcp']>('silent', 'silent', 'answers', 'unknown', 'none'),
  updatedAt: fc.constantFrom<Sign['updatedAt']>('T0', 'T0', 'T0', 'T1', undefined),
});

test('every proof has two reads of off of all devices behind it, the hold apart, and no sign of life at the second', async () => {
  const story = fc.record({
    devices: fc.array(script, { minLength: 1, maxLength: 3 }),
    signs: fc.array(sign, { minLength: 1, maxLength: 8 }),
    silentMs: fc.integer({ min: 0, max: 60_000 }),
    again: fc.integer({ min: 0, max: 1 }),
  });
  let proofs = 0;
  await fc.assert(
    fc.asyncProperty(story, async ({ devices: scripts, signs, silentMs, again }) => {
      const clock = new VirtualClock();
      const reads: Read[][] = scripts.map(() => []);
      const offs = scripts.map(() => 0);
      const shown: Sign[] = [];
      // The last line of a script goes on for ever.
      const nth = <T>(list: readonly T[], n: number): T => list[Math.min(n, list.length - 1)]!;
      const devices = scripts.map((lines, i): FenceDevice => ({
        label: `d${i}`,
        async status(signal) {
          const line = nth(lines.reads, reads[i]!.length);
          const read: Read = { began: clock.now(), ended: Infinity, said: line.said };
          reads[i]!.push(read);
          await clock.sleep(line.ms, signal);
          read.ended = clock.now();
          const { identityConfirmed } = lines;
          if (line.said === 'on' || line.said === 'off' || line.said === 'unknown')
            return { power: line.said, detail: line.said, identityConfirmed };
          return { power: 'unknown', fault: line.said, detail: line.said, identityConfirmed: false };
        },
        off() {
          offs[i]! += 1;
          if (lines.off === 'taken') return Promise.resolve({ accepted: true, detail: 'taken' });
          return Promise.resolve({ accepted: false, fault: lines.off, detail: lines.off });
        },
        on: () => Promise.reject(new Error('nobody may switch on')),
        confirmCommand: () => '',
      }));
      const input: FenceInput = {
        cloud: 'c',
        node: 'n',
        serviceId: 's',
        hostIp: null,
        level: 'l',
        updatedAt: 'T0',
        silentMs,
        workflowId: 'w',
        runId: 'r',
        again,
        timings: DEFAULT_TIMINGS,
      };
      const result = await clock.run(
        fenceByDevices(input, {
          devices,
          look: () => {
            shown.push({ ...nth(signs, shown.length), anotherService: false, saw: '' });
            return Promise.resolve(shown.at(-1)!);
          },
          mayFence: () => Promise.resolve({ ok: true, why: '' }),
          clock,
          signal: new AbortController().signal,
          offSentBefore: false,
          sending: () => undefined,
        }),
      );
      assert.ok(
        offs.every((n) => n <= 1),
        'at most one off to a device',
      );
      const sent = offs.some((n) => n > 0);
      if (again > 0 && sent) assert.equal(shown[0]!.holder, 'r', 'a further off needs the marker of the run');
      if (result.kind === 'alive') assert.ok(offs.every((n) => n === 0));
      if (result.kind !== 'proven') return;
      proofs += 1;
      for (const own of reads) {
        const lastRead = own.at(-1)!;
        assert.equal(lastRead.said, 'off');
        const first = own.findLast((read) => read.ended <= lastRead.began - DEFAULT_TIMINGS.powerHoldMs);
        assert.ok(first, 'a first read of off');
        assert.ok(
          own.slice(own.indexOf(first)).every((read) => read.said === 'off'),
          'off all through the hold',
        );
      }
      const last = shown.at(-1)!;
      assert.ok(last.tcp !== 'answers' && last.updatedAt !== undefined);
    }),
    { numRuns: 500 },
  );
  assert.ok(proofs > 0, `the stories must contain proofs, not ${proofs}`);
});
