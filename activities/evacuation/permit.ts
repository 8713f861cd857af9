// The last look before a POST: the instance, its records, the node's row and the run's word, all young enough. Any no, or no
// answer, and nothing is sent.
import { readMarker } from '../../workflows/contract.ts';
import { decide, type Sorted } from '../../workflows/policy.ts';
import type { InstanceView, NodeView } from '../../workflows/domain.ts';
import { expectFailure, peek, readRow, type Attempt, type Sight, type Word } from './attempt.ts';
import { ageMs, moment, type Moment } from './clock.ts';
import { textOf } from './failure.ts';
import { isOpen, standingOf } from './records.ts';

const ROUNDS = 5;

export type Permit =
  | { is: 'granted'; view: InstanceView; asked: Moment }
  | { is: 'denied'; why: string; movedTo?: string | null }
  | { is: 'changed' };

/** What the policy says of it now. A record that a person named in `retry` is looked past. */
export function sortNow(a: Attempt, view: InstanceView, sight: Sight): Sorted {
  const { ignoreRecord, policy } = a.input;
  const past = sight.moves.some((m) => m.id === ignoreRecord);
  const context = {
    openEvacuation: sight.evacuations.find((r) => isOpen(r) && r.id !== ignoreRecord) ?? null,
    openMigration: sight.moves.find((m) => m.id !== ignoreRecord) ?? null,
    hardAffinity: false,
  };
  return decide(past ? { ...view, taskState: null } : view, context, policy);
}

export const standingNow = (a: Attempt, sight: Sight) =>
  standingOf(a.input.node, sight.view, sight.evacuations, a.ours, a.input.instance.rebuilding);

/**
 * `changed`: the instance is not as it was a moment ago; look and sort again. Sends nothing itself. `seen`: a look since which
 * nobody but us may touch it; it serves while it is young enough for a POST.
 */
export async function permit(a: Attempt, seen: Sight | null): Promise<Permit> {
  const { permissionMs } = a.timings;
  let why = '';
  for (let round = 0; round < ROUNDS; round += 1) {
    a.signal.throwIfAborted();
    const young = seen !== null && round === 0 && ageMs(a.deps.clock, seen.at) < permissionMs / 3;
    const fresh = await readBoth(a, young ? seen : null);
    if ('why' in fresh) return { is: 'denied', why: fresh.why };
    const no = rowForbids(a, fresh.row);
    if (no !== null) return { is: 'denied', ...no };
    const { view } = fresh.sight;
    if (view === null || standingNow(a, fresh.sight).is !== 'untouched') return { is: 'changed' };
    if (sortNow(a, view, fresh.sight).decision !== 'evacuate') return { is: 'changed' };
    // The permission counts from the question: the run may have said yes right away and have been paused since.
    const { asked, answer } = (young && a.word) || askRun(a);
    a.word = null;
    const said = await answer;
    if (!said.ok) return { is: 'denied', why: said.why };
    const lookAge = ageMs(a.deps.clock, fresh.at);
    const permissionAge = ageMs(a.deps.clock, asked);
    if (lookAge < permissionMs / 2 && permissionAge < permissionMs) return { is: 'granted', view, asked };
    why = `look ${Math.round(lookAge)} ms, permission ${Math.round(permissionAge)} ms old`;
  }
  return { is: 'denied', why: `Nova or the run answers too slowly for a safe POST (${why})` };
}

async function readBoth(
  a: Attempt,
  seen: Sight | null,
): Promise<{ sight: Sight; row: NodeView | null; at: Moment } | { why: string }> {
  const { clock } = a.deps;
  const before = seen === null ? null : a.row;
  a.row = null;
  try {
    const [sight, service] = await Promise.all([seen ?? peek(a), before ?? readRow(a)]);
    const at = ageMs(clock, sight.at) > ageMs(clock, service.at) ? sight.at : service.at;
    return { sight, row: service.value, at };
  } catch (error) {
    return { why: `Nova does not answer: ${expectFailure(error).message}` };
  }
}

/** The row says by itself whether the node is still ours and still off: nobody changed it since we marked it. Null: it is. */
function rowForbids({ input }: Attempt, row: NodeView | null): { why: string; movedTo?: string | null } | null {
  const { node, serviceId, marker, updatedAt } = input;
  const no = (why: string): { why: string } => ({ why });
  if (row === null) return no(`the service of ${node} is gone from os-services`);
  if (row.serviceId !== serviceId) return no(`the service of ${node} has another UUID: it was rebuilt`);
  if (row.state === 'unknown') return no(`the cell of ${node} does not answer`);
  const ours = readMarker(row.disabledReason);
  if (ours === null || ours.outcome !== null || ours.run !== readMarker(marker)?.run)
    return no(`the service of ${node} does not carry this run's marker (${row.disabledReason ?? 'no reason'})`);
  if (row.status !== 'disabled' || !row.forcedDown) return no(`${node} is not disabled and forced down any more`);
  if (row.updatedAt === updatedAt) return null;
  const why = `the row of ${node} moved since it was marked: a sign of life, or somebody changed it`;
  return { why, movedTo: row.updatedAt };
}

/** From now on the question grows old. Its answer never rejects: none is a no. */
export const askRun = (a: Omit<Attempt, 'beat'>): Word => ({ asked: moment(a.deps.clock), answer: askInTime(a) });

async function askInTime(a: Omit<Attempt, 'beat'>): Promise<{ ok: boolean; why: string }> {
  const over = new AbortController();
  const { permissionMs } = a.timings;
  const { workflowId, runId, instance } = a.input;
  const question = { workflowId, runId, instance: instance.id, activityId: a.activityId, attempt: a.number };
  const late = { ok: false, why: 'the run did not answer in time' };
  try {
    return await Promise.race([
      a.deps.ask({ ...question, timeoutMs: permissionMs }),
      a.deps.clock.sleep(permissionMs, over.signal).then(() => late),
    ]);
  } catch (error) {
    return { ok: false, why: `the run could not be asked: ${textOf(error)}` };
  } finally {
    over.abort();
  }
}
