// The way back (docs/readmit.md): power on → nova-compute cleans up → un-force → healthy for a while → enable. Every step looks
// first, so a second call changes nothing. Lifeboat never deletes a service: for dead hardware it names the command.
import { ApplicationFailure, setCurrentDetails, setHandler, sleep, workflowInfo } from '@temporalio/workflow';
import { readMarker, type Notice, type ReadmitInput, type ReadmitReport } from './contract.ts';
import { DEFAULT_TIMINGS, type Timings } from './defaults.ts';
import type { MigrationRecord, NodeView } from './domain.ts';
import { brief } from './proxies.ts';
import { sendNotice } from './recovery/tell.ts';
import { readmitStateQuery } from './verbs.ts';

interface Way {
  input: ReadmitInput;
  cloud: string;
  node: string;
  timings: Timings;
  doing: string;
}

/** Thrown to end early; nothing is undone, because every step is safe to stand. */
class Halt {
  readonly outcome: ReadmitReport['outcome'];
  readonly reason: string;
  constructor(outcome: ReadmitReport['outcome'], reason: string) {
    this.outcome = outcome;
    this.reason = reason;
  }
}

export async function readmitNode(input: ReadmitInput): Promise<ReadmitReport> {
  const cloud = input?.cloud ?? workflowInfo().workflowId.split('/')[0] ?? '';
  if (!input?.node || !input.by?.trim())
    throw ApplicationFailure.nonRetryable('readmitNode: needs {"node":"compute-7","by":"your name"}', 'BadInput');
  const way: Way = { input, cloud, node: input.node, timings: input.timings ?? DEFAULT_TIMINGS, doing: '' };
  setHandler(readmitStateQuery, () => ({ node: way.node, doing: way.doing }));
  const destroys: string[] = [];
  let end: Halt;
  try {
    end = await walk(way, destroys);
  } catch (e) {
    if (!(e instanceof Halt)) throw e;
    end = e;
  }
  const report: ReadmitReport = { node: way.node, outcome: end.outcome, reason: end.reason, destroys };
  step(way, `${end.outcome}: ${end.reason}`);
  if (end.outcome !== 'alreadyEnabled') await tellAdmins(way, report);
  return report;
}

async function walk(way: Way, destroys: string[]): Promise<Halt> {
  const row = await mayReadmit(way);
  destroys.push(...(await recordsAllow(way)).map((r) => r.instanceId));
  await powerOn(way);
  await untilReports(way, row);
  await unforce(way);
  await untilHealthy(way);
  step(way, 'enables it');
  await brief(way.cloud).openstack.enable.executeWithOptions({ summary: `enable ${way.node}` }, [
    { serviceId: row.serviceId, node: way.node },
  ]);
  return new Halt('readmitted', `${way.node} takes instances again`);
}

function step(way: Way, doing: string): void {
  way.doing = doing;
  setCurrentDetails(`**${way.node}**: readmission asked by ${way.input.by} — ${doing}`);
}

async function readRow(way: Way): Promise<NodeView> {
  const row = await brief(way.cloud).openstack.readService.executeWithOptions({ summary: `reads ${way.node}` }, [
    way.node,
  ]);
  if (!row) throw new Halt('refused', `there is no nova-compute service of ${way.node} any more`);
  return row;
}

/** Only what Lifeboat switched off, and only after its recovery has ended. */
async function mayReadmit(way: Way): Promise<NodeView> {
  step(way, 'looks whether it may come back');
  const { found } = await brief(way.cloud).monitoring.resolveNode(way.input.node);
  if (!found) throw new Halt('refused', `there is no compute node ${way.input.node}`);
  way.node = found.host;
  const ours = readMarker(found.disabledReason);
  if (found.status === 'enabled' && !found.forcedDown)
    throw new Halt('alreadyEnabled', `${found.host} is enabled: nothing to do`);
  if (!ours)
    throw new Halt(
      'refused',
      `${found.host} was disabled by a person (${found.disabledReason ?? 'no reason given'}): it is theirs to enable`,
    );
  if (ours.outcome === null)
    throw new Halt(
      'refused',
      `the recovery of ${found.host} (run ${ours.run}) has not ended; the watch takes it up again by itself`,
    );
  return found;
}

/** An open record on a node with local disks would delete the only copy when its nova-compute starts. */
async function recordsAllow(way: Way): Promise<MigrationRecord[]> {
  const records = await brief(way.cloud).openstack.openRecords.executeWithOptions(
    { summary: 'open evacuation records?' },
    [way.node],
  );
  const limbo = records.filter((r) => r.status !== 'done');
  if (limbo.length > 0)
    throw new Halt(
      'refused',
      `evacuations of ${limbo.map((r) => `${r.instanceId} (record ${r.id}, ${r.status})`).join(', ')} are open: Nova would destroy these guests on ${way.node}`,
    );
  return records;
}

async function powerOn(way: Way): Promise<void> {
  const { fencing } = brief(way.cloud);
  const power = await fencing.readPower.executeWithOptions({ summary: 'is it on?' }, [way.node]);
  if (power.length > 0 && power.every((p) => p.power === 'on')) return;
  step(way, 'switches it on');
  const r = await fencing.powerOn.executeWithOptions({ summary: `power on ${way.node}` }, [
    { node: way.node, timings: way.timings },
  ]);
  if (!r.ok)
    throw new Halt(
      'gaveUp',
      `${way.node} could not be switched on: ${r.detail}. Where its hardware is dead and nothing is left on it: openstack compute service delete <id>`,
    );
}

/** Asks again and again until `done`, at most `limitMs`. */
async function poll(way: Way, limitMs: number, done: (row: NodeView) => boolean): Promise<NodeView | null> {
  const end = Date.now() + limitMs;
  for (;;) {
    const row = await readRow(way);
    if (done(row)) return row;
    if (Date.now() >= end) return null;
    await sleep(2 * way.timings.guardEveryMs, { summary: way.doing });
  }
}

/** While it is forced down, Nova's `state` hides its return; `updated_at` does not. */
async function untilReports(way: Way, before: NodeView): Promise<void> {
  step(way, 'waits for its nova-compute to start');
  if (!before.forcedDown && before.state === 'up') return;
  let last = before.updatedAt;
  let moves = 0;
  const row = await poll(way, way.timings.bootMs, ({ updatedAt }) => {
    if (updatedAt !== last) moves += 1;
    last = updatedAt;
    return moves >= 2;
  });
  if (!row)
    throw new Halt(
      'gaveUp',
      `nova-compute of ${way.node} did not start within ${Math.round(way.timings.bootMs / 1000)} s; it stays disabled`,
    );
}

/** Nova refuses with 400 until nova-compute has cleaned up what was evacuated. */
async function unforce(way: Way): Promise<void> {
  step(way, 'waits for its nova-compute to clean up, then lifts forced_down');
  const row = await readRow(way);
  const end = Date.now() + way.timings.bootMs;
  for (;;) {
    const r = await brief(way.cloud).openstack.unforce.executeWithOptions(
      { summary: `lift forced_down of ${way.node}` },
      [{ serviceId: row.serviceId }],
    );
    if (r.ok) return;
    if (Date.now() >= end) throw new Halt('gaveUp', `Nova does not lift forced_down of ${way.node}: ${r.why}`);
    await sleep(2 * way.timings.guardEveryMs, { summary: `Nova: ${r.why}`.slice(0, 180) });
  }
}

async function untilHealthy(way: Way): Promise<void> {
  step(way, `watches whether it stays up for ${Math.round(way.timings.healthyBeforeEnableMs / 1000)} s`);
  if (!(await poll(way, way.timings.bootMs, (r) => r.state === 'up')))
    throw new Halt('failedAgain', `${way.node} did not come up`);
  const end = Date.now() + way.timings.healthyBeforeEnableMs;
  while (Date.now() < end) {
    await sleep(2 * way.timings.guardEveryMs, { summary: way.doing });
    const row = await readRow(way);
    if (row.state !== 'up')
      throw new Halt('failedAgain', `${way.node} went down again while it was readmitted; it stays disabled`);
  }
}

async function tellAdmins(way: Way, report: ReadmitReport): Promise<void> {
  const { workflowId, runId } = workflowInfo();
  const notice: Notice = {
    stage: 'readmitted',
    audience: 'admins',
    cloud: way.cloud,
    node: way.node,
    key: `${runId}.readmitted`,
    observedAt: new Date().toISOString(),
    since: null,
    headline: `${way.node}: ${report.outcome} — ${report.reason}`,
    lines: [
      `Asked by ${way.input.by}${way.input.reason ? `: ${way.input.reason}` : ''}.`,
      ...(report.destroys.length > 0
        ? [`Its nova-compute removed what was evacuated from it: ${report.destroys.join(', ')}.`]
        : []),
    ],
    question: null,
    tellNodeNames: true,
    instances: [],
    report: null,
    run: { workflowId, runId },
  };
  await sendNotice(workflowId, runId, 'readmitted', notice);
}
