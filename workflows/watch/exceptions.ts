// Maintenance of a node and the override of a storm: said by a person, kept over continue-as-new, over by themselves and said so.
import { CancellationScope, isCancellation, patched, setHandler, sleep } from '@temporalio/workflow';
import { momentOf, type MaintainBy, type OverrideBy } from '../exceptions.ts';
import { brief } from '../proxies.ts';
import { checkWho, refuse } from '../refuse.ts';
import * as verbs from '../verbs.ts';
import { DESCRIPTIONS } from '../verbs.ts';
import { notice } from './alarms.ts';
import { judgeFailed } from './judge-failed.ts';
import { showWatch, type Watch } from './state.ts';

const DAY = 86_400_000;
const MOST_DAYS = 30;
const ASK_MS = 20_000;

export function installExceptions(w: Watch): void {
  installMaintenance(w);
  installOverride(w);
  for (const [node, m] of w.maintenance) void endsByItself(w, node, m.until);
  if (w.override) void overrideEnds(w, w.override.until);
}

function installMaintenance(w: Watch): void {
  setHandler(
    verbs.maintainUpdate,
    async ({ by, reason, node: typed, until }) => {
      const node = await exactName(w, typed);
      const since = new Date().toISOString();
      const end = momentOf(until, Date.now());
      if (!end) refuse(`maintain: ${until} is over already`);
      const before = w.maintenance.get(node);
      // Two people work on it: the one who needs it longer is not left alone with a node that may be fenced.
      const longer = before && before.by !== by && Date.parse(before.until) > Date.parse(end) ? before : null;
      const kept = longer && patched('maintenance-longer') ? longer : null;
      if (!kept) w.maintenance.set(node, { by, reason: reason ?? '', since, until: end });
      showWatch(w);
      void endsByItself(w, node, end);
      if (kept)
        return `${node} is under maintenance until ${kept.until} already, by ${kept.by}: that is longer, and stays (endMaintenance ends it for all)`;
      const was = before ? ` (was until ${before.until}, by ${before.by})` : '';
      const open = w.open.has(node) ? ` Its recovery is open and goes on: abort it if it shall not.` : '';
      return `${node} is under maintenance until ${end}${was}: nothing fences it by itself.${open}`;
    },
    { description: DESCRIPTIONS.maintainUpdate, validator: (x) => checkUntil('maintain', x, MOST_DAYS * DAY, true) },
  );
  setHandler(
    verbs.endMaintenanceUpdate,
    async ({ by, node: typed }) => {
      const node = [...w.maintenance.keys()].find((n) => n.toLowerCase() === typed.trim().toLowerCase());
      if (!node) return `${typed} is not under maintenance`;
      await endMaintenance(w, node, `ended by ${by}`);
      return `the maintenance of ${node} is over: it is watched like any other`;
    },
    { description: DESCRIPTIONS.endMaintenanceUpdate, validator: (x) => checkNode('endMaintenance', x) },
  );
}

function installOverride(w: Watch): void {
  setHandler(
    verbs.overrideUpdate,
    async ({ by, reason, until }) => {
      const end = momentOf(until, Date.now());
      if (!end) refuse(`override: ${until} is over already`);
      const was = w.override ? ` (was until ${w.override.until}, by ${w.override.by})` : '';
      w.override = { by, reason: reason ?? '', since: new Date().toISOString(), until: end };
      showWatch(w);
      void overrideEnds(w, end);
      await notice(w, 'override', `${by} overrides the limits on many failures until ${end}: ${reason}`);
      await judgeFailed(w);
      return `until ${end}${was} the share of failed nodes and the recoveries per hour hold nothing back; evidence, proof and atOnce still do`;
    },
    {
      description: DESCRIPTIONS.overrideUpdate,
      validator: (x) => {
        checkUntil('override', x, DAY, false);
        if (!x.reason?.trim()) refuse('override: "reason" is missing: how do you know that these nodes are dead?');
      },
    },
  );
}

/** As os-services spells it: under another spelling the node would be fenced all the same. */
async function exactName(w: Watch, typed: string): Promise<string> {
  const look = () =>
    brief(w.cloud).monitoring.resolveNode.executeWithOptions({ summary: `which node is ${typed}?` }, [typed]);
  const seen = await CancellationScope.withTimeout(ASK_MS, look).catch((e: unknown) => {
    if (!isCancellation(e)) throw e;
    return refuse(`maintain: Nova does not tell whether ${typed} is a node: nothing is noted, say it again`);
  });
  if (seen.found) return seen.found.host;
  const near = seen.near.length > 0 ? ` (near: ${seen.near.join(', ')})` : '';
  return refuse(`maintain: there is no compute node ${typed}${near}`);
}

async function endsByItself(w: Watch, node: string, until: string): Promise<void> {
  await sleep(Math.max(1, Date.parse(until) - Date.now()), { summary: `the maintenance of ${node} ends` });
  // Prolonged or ended meanwhile: then another timer, or nobody, is in charge.
  if (w.maintenance.get(node)?.until === until) await endMaintenance(w, node, 'its time is over');
}

async function endMaintenance(w: Watch, node: string, why: string): Promise<void> {
  const was = w.maintenance.get(node);
  if (!was) return;
  w.maintenance.delete(node);
  showWatch(w);
  await notice(w, `maintenance-over-${node}`, `the maintenance of ${node} (by ${was.by}) is over: ${why}`);
  await judgeFailed(w);
}

async function overrideEnds(w: Watch, until: string): Promise<void> {
  await sleep(Math.max(1, Date.parse(until) - Date.now()), { summary: 'the override ends' });
  if (w.override?.until !== until) return;
  const { by } = w.override;
  w.override = null;
  showWatch(w);
  await notice(w, 'override-over', `the override by ${by} is over: the limits hold again`);
}

function checkNode(verb: string, x: { node?: unknown; by: string } | undefined): void {
  checkWho(verb, x);
  if (typeof x?.node !== 'string' || x.node.trim() === '')
    refuse(`${verb}: "node" is missing (send {"by":"your name","node":"compute-7",…})`);
}

function checkUntil(verb: string, x: Partial<MaintainBy> & OverrideBy, mostMs: number, named: boolean): void {
  if (named) checkNode(verb, x as MaintainBy);
  else checkWho(verb, x);
  const end = momentOf(x.until, Date.now());
  if (!end) refuse(`${verb}: "until" is no time ahead: write "30m", "4h", "2d" or 2026-01-31T18:00:00Z`);
  if (Date.parse(end) - Date.now() > mostMs)
    refuse(`${verb}: "until" is more than ${mostMs / 3_600_000} h ahead: at most that long, then again`);
}
