// Room for all that wait un-posted, in one activity: returns those that fit, the first in order first.
import { Context } from '@temporalio/activity';
import { startBeat } from './beat.ts';
import type { Clock } from './clock.ts';
import type { RoomInput, RoomResult } from './contract.ts';
import { failureOf, final, isForbidden, textOf } from './failure.ts';
import { place } from './fit.ts';
import { classesOf } from './needs.ts';
import type { Rooms } from './room.ts';

/**
 * Asks Placement once per distinct need; `once: false` asks again every `roomEveryMs` until something fits, through failures
 * of the API too. Reads only. Rejects with Forbidden on refused credentials, and with `once` on any failure.
 */
export async function findRoom(deps: { rooms: Rooms; clock: Clock }, input: RoomInput): Promise<RoomResult> {
  const { timings } = input.policy;
  const { cancellationSignal } = Context.current();
  let why = 'Placement was not asked yet';
  const beat = startBeat(deps.clock, 60_000 + timings.roomEveryMs + 4 * timings.novaReadMs, () => why);
  try {
    for (;;) {
      const found = await look(deps.rooms, input);
      beat.progress();
      if (found.fits.length > 0 || input.once) return found;
      why = found.why;
      await deps.clock.sleep(timings.roomEveryMs, cancellationSignal);
    }
  } finally {
    beat.stop();
  }
}

async function look(rooms: Rooms, input: RoomInput): Promise<RoomResult> {
  try {
    // What needs nothing (an adopted one that has already arrived) is no question: Placement refuses an empty one.
    const needs = [...input.posted, ...input.waiting]
      .map((x) => x.need)
      .filter((n) => Object.keys(classesOf(n)).length > 0);
    const { room, why, hosts, zones } = await rooms.survey(needs, input.node, input.policy.timings);
    const places = place(room, input.posted, input.waiting);
    const found = { fits: [...places.keys()], why };
    if (!input.seats) return found;
    const seats = [...places].map(([id, host]) => [id, { host, zone: zones.get(host) ?? '' }] as const);
    return { ...found, seats: Object.fromEntries(seats), destinations: hosts.length };
  } catch (error) {
    const failure = failureOf(error);
    if (!failure) throw error;
    if (isForbidden(failure)) throw final('Forbidden', failure.message);
    if (input.once) throw error;
    return { fits: [], why: textOf(error) };
  }
}
