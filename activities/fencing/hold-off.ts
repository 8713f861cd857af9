// The second half of a fence: reads until all devices say off, and holds it over a second read with no sign of life.
import type { FenceResult } from './contract.ts';
import type { PowerReading } from './driver.ts';
import { allOff, isHopeless, readAll, refuseAnotherService, unproven } from './attempt.ts';
import type { Attempt } from './attempt.ts';
import type { Sign } from './witness.ts';

interface Hold {
  foundOff: boolean;
  /** Until when it may take. */
  deadline: number;
  /** End of the first read at which all were off; null: not yet. */
  offSince: number | null;
  movesBefore: number;
}

/** Answers `proven`, or why not. A device that says on after it said off ends it: something switches it on. */
export async function holdOff(attempt: Attempt, { foundOff }: { foundOff: boolean }): Promise<FenceResult> {
  const { clock, signal } = attempt.tools;
  const { powerPollMs, powerHoldMs } = attempt.input.timings;
  const now = clock.now();
  const hold: Hold = {
    foundOff,
    deadline: now + powerPollMs,
    offSince: foundOff ? now : null,
    movesBefore: attempt.silence.moves,
  };
  for (;;) {
    const [readings, sign] =
      hold.offSince === null ? [await readAll(attempt), null] : await readAgain(attempt, hold.offSince + powerHoldMs);
    signal.throwIfAborted();
    const result = judge(attempt, hold, readings, sign);
    if (result) return result;
    await clock.sleep(powerHoldMs / 3, signal);
  }
}

/**
 * The second read, at `at`. An address is silent only after the whole time limit: it is asked so much earlier that its silence and the
 * power are known at the same moment. Whatever it says, the power is read no earlier than `at`.
 */
async function readAgain(attempt: Attempt, at: number): Promise<[PowerReading[], Sign]> {
  const { clock, signal, look } = attempt.tools;
  const until = (moment: number): Promise<void> => clock.sleep(Math.max(0, moment - clock.now()), signal);
  await until(at - attempt.input.timings.tcpTimeoutMs);
  return Promise.all([until(at).then(() => readAll(attempt)), look(signal)]);
}

/** Null: read again. */
function judge(attempt: Attempt, hold: Hold, readings: PowerReading[], sign: Sign | null): FenceResult | null {
  const now = attempt.tools.clock.now();
  if (!allOff(readings)) return judgeNotOff(attempt, hold, readings, now);
  if (hold.offSince === null || !sign) {
    hold.offSince = now;
    // Late, but off: the hold gets its time.
    const { powerHoldMs, powerStatusMs, reportIntervalMs } = attempt.input.timings;
    hold.deadline = Math.max(hold.deadline, now + powerHoldMs + powerStatusMs + reportIntervalMs);
    return null;
  }
  attempt.silence.note(sign, now);
  const changed = refuseAnotherService(attempt, sign);
  if (changed) return changed;
  if (sign.tcp === 'answers') return { kind: 'contradiction', saw: sign.saw, offSent: attempt.offSent };
  const missing = whatIsMissing(attempt, hold, readings, sign, now);
  if (missing === null) return proven(attempt, readings, sign, now);
  if (now < hold.deadline) return null;
  // A row that went on moving is a node that reports.
  if (attempt.silence.moves > hold.movesBefore)
    return { kind: 'contradiction', saw: sign.saw, offSent: attempt.offSent };
  return unproven(attempt, readings, `reads off, but ${missing}`);
}

function judgeNotOff(attempt: Attempt, hold: Hold, readings: PowerReading[], now: number): FenceResult | null {
  if (hold.offSince !== null && readings.some(({ power }) => power === 'on'))
    return unproven(attempt, readings, 'it was off and went on again');
  hold.offSince = null;
  const giveUp = readings.some((reading, i) => {
    if (reading.power === 'off') return false;
    const command = attempt.commands[i];
    const refused = command?.fault === 'refused' && reading.power === 'on';
    return refused || isHopeless(reading.fault) || isHopeless(command?.fault);
  });
  return giveUp || now >= hold.deadline ? unproven(attempt, readings) : null;
}

/** Why off is not yet a proof; null: it is. */
function whatIsMissing(attempt: Attempt, hold: Hold, readings: PowerReading[], sign: Sign, now: number): string | null {
  const { silence, input } = attempt;
  const { reportIntervalMs, silentBeforeFoundOffMs } = input.timings;
  if (sign.updatedAt === undefined) return `its row cannot be read: ${sign.saw}`;
  if (silence.rowMs(now) <= reportIntervalMs) return `its row has not stood still for a report interval: ${sign.saw}`;
  // Found off, it may be another machine that happens to be off: then the node itself must have been silent for longer.
  if (!hold.foundOff || readings.every(({ identityConfirmed }) => identityConfirmed)) return null;
  if (sign.tcp === 'unknown')
    return `whose device it is was not confirmed, and nobody knows whether the node is silent: ${sign.saw}`;
  if (silence.ms(now) < silentBeforeFoundOffMs)
    return `whose device it is was not confirmed, and the node was silent for ${Math.round(silence.ms(now) / 1_000)} s only`;
  return null;
}

function proven(attempt: Attempt, readings: PowerReading[], sign: Sign, now: number): FenceResult {
  const { tools, input, offSent, startedAt, silence } = attempt;
  const devices = readings.map(({ detail }) => detail);
  const seconds = Math.round((now - startedAt) / 1_000);
  const witness = `no sign of life for ${Math.floor(silence.ms(now) / 1_000)} s (${sign.saw})`;
  const proof = { kind: 'power', level: input.level, devices, readAt: tools.clock.iso(), witness } as const;
  return { kind: 'proven', proof, offSent, seconds };
}
