// One fencing level of one node (recovery.md, 4): status first, one last look, permission, off, read until off, hold.
// Knows no Temporal: clock, witness, permission and devices are given. Only two reads of off of all devices, with no sign
// of life at the second, are a proof; a command's success, a timeout or silence prove nothing.
import { readDevice, switchDevice } from './ask-device.ts';
import { allOff, isHopeless, readAll, refuseAnotherService, unproven } from './attempt.ts';
import type { Attempt, FenceTools } from './attempt.ts';
import type { FenceInput, FenceResult } from './contract.ts';
import type { PowerReading } from './driver.ts';
import { holdOff } from './hold-off.ts';
import { Silence } from './witness.ts';
import type { Sign } from './witness.ts';

export type { FenceTools } from './attempt.ts';

/**
 * Tries to prove the node off by all devices of one level. Safe to repeat: a node found off gets no command. Sends at most
 * one off to a device. Rejects only when the signal fires.
 */
export async function fenceByDevices(input: FenceInput, tools: FenceTools): Promise<FenceResult> {
  const startedAt = tools.clock.now();
  // A node that came back has no silence to bring along.
  const silentMs = input.again === 0 ? input.silentMs : 0;
  const attempt: Attempt = {
    input,
    tools,
    startedAt,
    silence: new Silence(startedAt, input.updatedAt, silentMs),
    offSent: tools.offSentBefore,
    commands: tools.devices.map(() => undefined),
  };
  // All of no devices would be off.
  if (tools.devices.length === 0) return unproven(attempt, [], 'the level has no device for this node');
  const readings = await readTwiceIfUnreachable(attempt);
  // Off by an attempt of ours that lost its worker is our own off.
  if (allOff(readings)) return holdOff(attempt, { foundOff: !tools.offSentBefore });
  const lost = readings.some(({ fault }) => fault === 'unreachable' || isHopeless(fault));
  // One device that cannot answer, and the level can prove nothing: the next level, with nothing touched here.
  if (lost) return unproven(attempt, readings);

  // Its guests are dead while it writes; the off comes after, and only the off is a proof.
  const dump = input.again === 0 && !input.afterDump && !attempt.offSent ? tools.dumping?.() : null;
  if (dump) return { kind: 'dumping', ...dump, offSent: attempt.offSent };

  const refusal = await lastLook(attempt);
  if (refusal) return refusal;
  await sendOff(attempt, readings);
  return holdOff(attempt, { foundOff: false });
}

/** Lost packets look like a lost device: what did not answer is asked once more before the level is given up. */
async function readTwiceIfUnreachable(attempt: Attempt): Promise<PowerReading[]> {
  const { devices, clock, signal } = attempt.tools;
  const first = await readAll(attempt);
  const again = first.map((reading, i) =>
    reading.fault === 'unreachable'
      ? readDevice(devices[i]!, attempt.input.timings.powerStatusMs, clock, signal)
      : reading,
  );
  const second = await Promise.all(again);
  signal.throwIfAborted();
  return second;
}

/** Null: go on and switch it off. The last moment at which a false alarm costs nothing. */
async function lastLook(attempt: Attempt): Promise<FenceResult | null> {
  const { input, tools, silence } = attempt;
  const sign = await tools.look(tools.signal);
  tools.signal.throwIfAborted();
  const lives = silence.note(sign, tools.clock.now());
  const changed = refuseAnotherService(attempt, sign);
  if (changed) return changed;
  if (input.again === 0) {
    const { offSent } = attempt;
    if (lives) return { kind: 'alive', saw: sign.saw };
    if (sign.updatedAt === undefined)
      return { kind: 'unproven', offSent, devices: [], why: `nothing was sent: the last look failed (${sign.saw})` };
  } else {
    const notOurs = unlessMarked(attempt, sign);
    if (notOurs) return notOurs;
  }
  const may = await tools.mayFence();
  tools.signal.throwIfAborted();
  return may.ok ? null : { kind: 'forbidden', why: may.why, offSent: attempt.offSent };
}

/**
 * A further off has no evidence of its own, only the run's marker: a database that was restored, or a worker that slept for long, may hold
 * a run as open whose node was given back meanwhile. Null: it stands, or the guard saw it standing a moment ago.
 */
function unlessMarked({ input, tools, offSent }: Attempt, sign: Sign): FenceResult | null {
  if (sign.holder === input.runId) return null;
  if (sign.updatedAt !== undefined) return { kind: 'markGone', saw: sign.saw, offSent };
  const age = Date.parse(tools.clock.iso()) - Date.parse(input.markSeenAt ?? '');
  if (age <= input.timings.guardBlindMs) return null;
  const why = `nothing was sent: nobody sees whether the run's marker still stands (${sign.saw})`;
  return { kind: 'unproven', offSent, devices: [], why };
}

/** One off to each device that did not read off; what they answer proves nothing, but tells why it may not go off. */
async function sendOff(attempt: Attempt, readings: readonly PowerReading[]): Promise<void> {
  const { devices, clock, signal } = attempt.tools;
  attempt.tools.sending();
  const before = attempt.offSent;
  attempt.offSent = true;
  attempt.commands = await Promise.all(
    devices.map((device, i) =>
      readings[i]!.power === 'off'
        ? undefined
        : switchDevice(device, 'off', attempt.input.timings.powerOffMs, clock, signal),
    ),
  );
  const sent = attempt.commands.some((command) => command && !isHopeless(command.fault));
  attempt.offSent = before || sent;
  signal.throwIfAborted();
}
