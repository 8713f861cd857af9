// Tells one tale: a Lifeboat of its own beside a data centre of its own, the steps of the tale, then everything works again and a
// person answers, until nothing is open. Answers what was wrong.
import { watchId } from '../../workflows/contract.ts';
import type { RecoveryReport } from '../../workflows/domain.ts';
import { until } from '../support/until.ts';
import type { RunHandle, Story } from '../stories/harness.ts';
import { openTemporal, tellStory } from '../stories/harness.ts';
import type { Entry } from '../world/log.ts';
import { heal, perform } from './deeds.ts';
import { judge, type Ended } from './judge.ts';
import { Operator, unhandled } from './operator.ts';
import { describeTale, type Moment, type Tale } from './tale.ts';

export interface Told {
  tale: Tale;
  /** Empty: it went well. */
  wrong: string[];
  /** What was done, with its answers, and how runs ended. */
  lines: string[];
  seconds: number;
  /** The longest that this process stood still meanwhile (ms): beyond a second or two its promises say nothing of Lifeboat. */
  stoodStillMs: number;
}

/** A moment that does not come is not waited for longer (real ms). */
const MOMENT_MS = 4_000;
/** Everything works, a person answers: by then it must be quiet. A machine that tells many tales is slow. */
const QUIET_MS = 300_000;

/**
 * What would be too short for a machine that tells many tales, and looks that cost it less; a record in limbo is one sooner. Scaled to a
 * twentieth.
 */
const TIMINGS = { stuck: '2m', permission: '20s', powerStatus: '40s', sweepEvery: '10s', guardEvery: '10s' };

const MOMENTS: Record<Exclude<Moment, 'now'>, (e: Entry) => boolean> = {
  off: (e) => e.kind === 'power-command',
  marked: (e) => e.kind === 'service' && e.by === 'lifeboat',
  locked: (e) => e.kind === 'lock' && e.by === 'lifeboat',
  evacuate: (e) => e.kind === 'evacuate' && e.by === 'lifeboat',
  moved: (e) => e.kind === 'record' && e.status === 'done',
};

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Hears the log instead of looking at the whole truth again and again: many tales are told at once. */
function reach({ world }: Story, at: Moment): Promise<void> {
  if (at === 'now' || world.log.entries.some(MOMENTS[at])) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      off();
      clearTimeout(limit);
      resolve();
    };
    const off = world.on((entry) => MOMENTS[at](entry) && done());
    const limit = setTimeout(done, MOMENT_MS);
  });
}

export async function tell(tale: Tale): Promise<Told> {
  const started = performance.now();
  const told: Told = { tale, wrong: [], lines: [], seconds: 0, stoodStillMs: 0 };
  let last = started;
  const watching = setInterval(() => {
    const now = performance.now();
    told.stoodStillMs = Math.max(told.stoodStillMs, now - last - TICK_MS);
    last = now;
  }, TICK_MS);
  try {
    await tellOn(tale, told);
  } catch (e) {
    told.wrong.push(`the tale could not be told: ${(e as Error).stack ?? String(e)}`);
  } finally {
    clearInterval(watching);
  }
  return { ...told, seconds: (performance.now() - started) / 1_000 };
}

const TICK_MS = 100;

async function tellOn(tale: Tale, { wrong, lines }: Told): Promise<void> {
  const s = await tellStory({
    mode: tale.mode,
    world: {
      ...{ seed: tale.seed, nodes: tale.nodes, instances: 0 },
      capacity: { vcpus: tale.vcpus, ram: 131_072, disk: 2_000 },
    },
    sections: {
      limits: { ...tale.limits, perHour: 60 },
      evacuation: { ...tale.evacuation, localFlavors: ['local-*'] },
      timings: TIMINGS,
    },
  });
  const say = (line: string): void => void lines.push(`${Math.round(s.world.log.now())} ms ${line}`);
  try {
    for (const guest of tale.guests) s.world.addInstance(guest);
    await s.lookout();
    for (const { at, wait, deed } of tale.steps) {
      await reach(s, at);
      await pause(wait);
      say(`${deed.do}: ${await perform(s, deed)}`);
    }
    await heal(s);
    say('everything works again');
    const operator = new Operator(s);
    await until(() => operator.round(), { what: 'nothing is open', timeoutMs: QUIET_MS, everyMs: 350 }).catch(
      async (e: Error) => wrong.push(`it does not become quiet: ${e.message}`, ...(await whatIsOpen(s))),
    );
    const ended: Ended = { runs: await runsOf(s), gaveUp: operator.gaveUp };
    for (const r of ended.runs) say(`${r.workflowId}: ${r.report?.outcome ?? r.status}: ${r.report?.reason ?? ''}`);
    wrong.push(...judge(s, tale, ended));
  } finally {
    await s.end();
  }
}

async function whatIsOpen(s: Story): Promise<string[]> {
  const watch = await s.watch();
  const states = await Promise.all(
    s.world.nodes.map(async ({ name }) => {
      const state = await s.state(name).catch(() => null);
      if (!state || state.report) return [];
      return [
        `${name}: ${state.phase}, ${state.doing}; asks: ${state.question?.what ?? 'nothing'}; guard ${state.guard.seeing}`,
      ];
    }),
  );
  return [
    `the watch holds ${JSON.stringify(watch.held)}, open ${watch.open.map((o) => o.node).join()}, not handled ${unhandled(s).join()}`,
    ...states.flat(),
  ];
}

/** Every recovery of this cloud, in the order of their starts. */
async function runsOf(s: Story): Promise<Ended['runs']> {
  const { client } = (await openTemporal()).env;
  const found: (Ended['runs'][number] & { at: number })[] = [];
  // The list of the server follows what happens by a moment: the watch tells which there are at the latest.
  await pause(300);
  for await (const w of client.workflow.list({ query: `WorkflowType = 'recoverNode'` })) {
    if (!w.workflowId.startsWith(`${watchId(s.cloud)}/`)) continue;
    const run: RunHandle = client.workflow.getHandle(w.workflowId, w.runId);
    const { status } = await run.describe();
    const report: RecoveryReport | null = status.name === 'COMPLETED' ? await run.result() : null;
    found.push({ workflowId: w.workflowId, runId: w.runId, status: status.name, report, at: w.startTime.getTime() });
  }
  return found.sort((a, b) => a.at - b.at);
}

/** All that a person needs to look at a tale that went wrong. */
export const describeTold = ({ tale, wrong, lines }: Told, again: string): string =>
  [...wrong.map((w) => `✗ ${w}`), `again: ${again}`, describeTale(tale), ...lines.map((l) => `  ${l}`)].join('\n');
