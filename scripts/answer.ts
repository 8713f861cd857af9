// npm run answer -- approve compute-7
import { WorkflowNotFoundError, WorkflowUpdateFailedError } from '@temporalio/client';
import { nodeWorkflowId, watchId, WORKFLOW_TYPES } from '../workflows/contract.ts';
import { byOf, COMMON_USAGE, configOf, EXIT, nodeOf, run, Unreachable, UsageError } from './cli/command.ts';
import { openNow } from './cli/start-run.ts';
import { isGone, withTemporal, workersThere, type Temporal } from './cli/temporal.ts';

const USAGE = `npm run answer -- VERB [NODE] [--by NAME] [--reason TEXT] [--until WHEN] [--instance NAME] [--record N] [--node-is-off NODE]

  Says something to an open recovery, or to the watch of all nodes; pause and resume without NODE reach every open recovery.

  approve NODE           mode confirm: go on, fence and evacuate
  retry NODE             try again what waits for a person: the fence, or instances
  skip NODE              give up on an instance (or on all that wait)
  confirm-fenced NODE    you saw with your own eyes that its power is off; type its name again: --node-is-off NODE
  abort NODE             nothing new begins; what runs is watched to its end
  detach NODE            nothing more is done or watched, now: the node is yours (--reason says whose)
  pause [NODE]           no new fence or evacuation until resume
  resume [NODE]
  maintain NODE          nothing fences it by itself --until then: 4h, 2d, 2026-01-31T18:00:00Z
  end-maintenance NODE   it is watched like any other again
  override               these many nodes are really dead: the limits on many failures do not hold --until then (at most 24h)

  --by NAME              who says it; $USER where it is not given
  --reason TEXT          kept in the report
  --until WHEN           for maintain and override: from now (30m, 4h, 2d), or a moment with its zone
  --instance NAME        for retry and skip: this one only (name or id)
  --record N             for retry: the migration record in limbo that you have looked at
${COMMON_USAGE}

  Ends with 0 done, 1 refused or nothing to say it to, 2 wrong usage or configuration, 3 nobody answers`;

const UPDATES: Record<string, string> = {
  ...{
    approve: 'approve',
    retry: 'retry',
    skip: 'skip',
    abort: 'abort',
    detach: 'detach',
    pause: 'pause',
    resume: 'resume',
  },
  ...{
    'confirm-fenced': 'confirmFenced',
    maintain: 'maintain',
    'end-maintenance': 'endMaintenance',
    override: 'override',
  },
};
/** Said to the watch: of a node by name, or of all. */
const OF_A_NODE = ['maintain', 'endMaintenance'];
const OF_ALL = ['pause', 'resume', 'override'];
const HAVE_AN_END = ['maintain', 'override'];
/** Pausing waits for every open run, and each of them for the permissions that it gave before. */
const LIMIT_MS = 60_000;

const options = {
  by: { type: 'string' },
  reason: { type: 'string' },
  until: { type: 'string' },
  instance: { type: 'string' },
  record: { type: 'string' },
  'node-is-off': { type: 'string' },
} as const;

function recordOf(given: string | undefined, update: string): number | null {
  if (given === undefined) return null;
  if (update !== 'retry') throw new UsageError('--record goes with retry');
  if (!/^\d+$/.test(given)) throw new UsageError(`--record ${given}: not the number of a migration record`);
  return Number(given);
}

async function say(temporal: Temporal, node: string | null, update: string, saying: object): Promise<number> {
  const { client, config } = temporal;
  const workflowId = node === null ? watchId(config.cloud) : nodeWorkflowId(config.cloud, node);
  const open = await openNow(temporal, workflowId);
  const wanted: string[] = node === null ? [WORKFLOW_TYPES.watch] : [WORKFLOW_TYPES.recover, WORKFLOW_TYPES.drain];
  const nobody =
    node === null ? `no watch of ${config.cloud} runs` : `no recovery or drain of ${node} is open (npm run status)`;
  if (!open || !wanted.includes(open.type)) throw new Error(nobody);
  await workersThere(temporal, ['workflow'], 'nothing was said');
  try {
    const answer = await client.withDeadline(Date.now() + LIMIT_MS, () =>
      // The watch continues as new: only a run is named by its run id.
      client.workflow
        .getHandle(workflowId, node === null ? undefined : open.runId)
        .executeUpdate<string, [object]>(update, { args: [saying] }),
    );
    process.stdout.write(`${answer}\n`);
    return EXIT.fine;
  } catch (error) {
    if (error instanceof WorkflowUpdateFailedError) throw new Error(error.cause?.message ?? error.message);
    if (error instanceof WorkflowNotFoundError) throw new Error(nobody);
    if (isGone(error))
      throw new Unreachable(
        `${update}: no answer within ${LIMIT_MS / 1_000} s; it is not known whether it was heard (npm run status)`,
      );
    throw error;
  }
}

await run({
  usage: USAGE,
  options,
  words: ['VERB', '[NODE]'],
  async main(values, [verb, word]) {
    const update = UPDATES[verb!];
    if (!update) throw new UsageError(`${verb}: there is no such verb (one of ${Object.keys(UPDATES).join(', ')})`);
    if (word === undefined && !OF_ALL.includes(update)) throw new UsageError(`${verb}: which node? NODE is missing`);
    if (word !== undefined && update === 'override')
      throw new UsageError(`${verb}: it is of all nodes, not of ${word}`);
    const node = word === undefined ? null : nodeOf(word);
    const { reason, instance, until } = values;
    if (HAVE_AN_END.includes(update) !== (until !== undefined))
      throw new UsageError(
        until === undefined ? `${verb}: --until is missing` : `--until goes with maintain and override`,
      );
    if (update !== 'retry' && update !== 'skip' && instance !== undefined)
      throw new UsageError(`--instance goes with retry and skip, not with ${verb}`);
    const record = recordOf(values.record, update);
    const off = values['node-is-off'];
    if (update === 'confirmFenced' && off !== node)
      throw new UsageError(
        `${verb} ${node}: type the node's name again, for it is your word alone: --node-is-off ${node}`,
      );
    if (update !== 'confirmFenced' && off !== undefined)
      throw new UsageError(`--node-is-off goes with confirm-fenced, not with ${verb}`);
    const saying = {
      by: byOf(values.by),
      ...(reason ? { reason } : {}),
      ...(instance ? { instance } : {}),
      ...(record !== null ? { record } : {}),
      ...(update === 'confirmFenced' ? { node: off } : {}),
      ...(OF_A_NODE.includes(update) ? { node } : {}),
      ...(until ? { until } : {}),
    };
    const to = OF_A_NODE.includes(update) ? null : node;
    return withTemporal(await configOf(values.config), (temporal) => say(temporal, to, update, saying));
  },
});
