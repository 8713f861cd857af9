// Plays a story: the data centre, Lifeboat beside it, step after step, and what all of it looked like from outside.
import { SCALE, ADMIN, tellStory, type Story } from '../stories/harness.ts';
import { until } from '../support/until.ts';
import { audit, type AuditOptions, type Finding } from '../world/audit.ts';
import type { WorldOptions } from '../world/settings.ts';
import { compare } from './compare.ts';
import { lineOf, type Line } from './line.ts';
import { recount } from './recount.ts';
import type { Place } from './step.ts';
import type { StoryFile } from './story-file.ts';
import { rolesOf } from './steps/machinery.ts';
import { startWorker } from './workers.ts';

export interface Played {
  lines: Line[];
  /** What the audit found in the data centre's own log. */
  findings: Finding[];
  /** Why the story did not come to its end. */
  trouble: string | null;
}

export interface PlayOptions {
  onLine?: (line: Line) => void;
  /** For tests of this room: after the first lookout, before the first step. */
  before?: (place: Place) => Promise<void>;
}

type Sections = Record<string, Record<string, unknown>>;

/** On a busy machine an answer that took longer would be no permission any more, and another instance would go first. */
const PATIENT = { permission: '20s' };

/** Never rejects for what the story did; whatever it started has ended afterwards. */
export async function playStory(file: StoryFile, { onLine, before }: PlayOptions = {}): Promise<Played> {
  const lines: Line[] = [];
  const tell = (line: Line): void => {
    lines.push(line);
    onLine?.(line);
  };
  const places = new Map<string, Opened>();
  const undo: (() => Promise<unknown>)[] = [];
  let trouble: string | null = null;
  const findings: Finding[] = [];
  try {
    for (const cloud of file.clouds ?? [file.name]) places.set(cloud, await openPlace(file, cloud, tell, undo));
    const first = [...places.values()][0]!;
    for (const place of places.values()) place.begin();
    await before?.(first);
    for (const { kind, given, cloud } of file.steps) await kind.play(places.get(cloud ?? '') ?? first, given);
    for (const place of places.values()) await everybodyTold(place);
    for (const place of places.values()) findings.push(...judge(file, place));
  } catch (error) {
    trouble = error instanceof Error ? error.message : String(error);
  } finally {
    for (const end of undo.reverse()) await end();
  }
  return { lines, findings, trouble };
}

/** What is wrong with what was played, in words; empty: the story is as it was expected, and no rule was broken. */
export function verdict(file: StoryFile, { lines, findings, trouble }: Played, expected: readonly Line[]): string[] {
  return [
    ...(trouble === null ? [] : [`the story did not come to its end: ${trouble}`]),
    ...findings.map((f) => `the audit finds a breach of ${f.rule}: ${f.what}`),
    ...compare(expected, lines, file.compare),
  ];
}

/** Its log begins when all data centres of the story are there. */
type Opened = Place & { begin(): void };

async function openPlace(
  file: StoryFile,
  cloud: string,
  tell: (line: Line) => void,
  undo: (() => Promise<unknown>)[],
): Promise<Opened> {
  const { mode, timings, ...sections } = file.lifeboat;
  const story = await tellStory({
    ...{ cloud, world: worldOf(file), watch: false, roles: [] },
    ...(mode === undefined ? {} : { mode: mode as 'auto' }),
    sections: { ...sections, timings: { ...PATIENT, ...(timings as object | undefined) } } as Sections,
  });
  undo.push(() => story.end());
  const { world } = story;
  furnish(file, story);
  const ms = (seconds: number): number => seconds * 1_000 * SCALE;
  const prefix = file.clouds ? `${cloud}/` : '';
  const named = (text: string): string =>
    prefix === '' ? text : `${prefix}${text.replace(/ (leave|is on) (?=\S)/, ` $1 ${prefix}`)}`;
  let began = Infinity;
  const say = (voice: Line['voice'], text: string, at: number): void => {
    if (at >= began) tell(lineOf((at - began) / 1_000 / SCALE, voice, named(text)));
  };
  const place: Opened = {
    ...{ story, ms, workers: new Map(), reports: [], seen: new Set<string>(), faults: [], since: new Date() },
    tell: (voice, text) => say(voice, text, world.log.now()),
    begin() {
      began = world.log.now();
      for (const node of nodesOf(file, world)) say('event', `${node} carries ${carried(story, node)}`, began);
    },
  };
  undo.push(async () => {
    for (const worker of place.workers.values()) await worker.stop().catch(() => undefined);
  });
  for (const [name, { roles, process }] of Object.entries(file.workers))
    place.workers.set(name, await startWorker(story, name, rolesOf(roles), { process }));
  const end = recount(world, say);
  undo.push(async () => end());
  await story.lookout();
  return place;
}

function worldOf({ dataCentre: d }: StoryFile): WorldOptions {
  const durations = Object.fromEntries(Object.entries(d.durations).map(([key, s]) => [`${key}Ms`, s * 1_000]));
  return {
    ...{ seed: d.seed, nodes: d.nodes, durations },
    instances: typeof d.instances === 'number' ? d.instances : 0,
    ...(d.projects ? { projects: d.projects } : {}),
    ...(d.pageLimit ? { pageLimit: d.pageLimit } : {}),
    // Keystone's clock is the real one.
    ...(d.tokenSeconds ? { tokenSeconds: d.tokenSeconds * SCALE } : {}),
  };
}

function furnish({ dataCentre: d }: StoryFile, { world }: Story): void {
  if (typeof d.instances !== 'number') for (const i of d.instances) world.addInstance(i);
  for (const [node, size] of Object.entries(d.capacity)) world.capacity(node, size);
}

/** Nodes that the story speaks of. */
function nodesOf(file: StoryFile, { nodes }: Story['world']): string[] {
  const { instances } = file.dataCentre;
  const hosts = typeof instances === 'number' ? [] : instances.map((i) => i.host);
  const said = JSON.stringify([hosts, file.steps.map((s) => s.given)]);
  return nodes.map((n) => n.name).filter((node) => said.includes(`"${node}"`));
}

function carried({ world }: Story, node: string): string {
  const here = Object.values(world.truth().instances).filter((i) => i.host === node && !i.deleted);
  const named = here.map(({ name, vmState }) => (vmState === 'active' ? name : `${name} (${vmState})`));
  return named.sort().join(', ') || 'no instance';
}

/** The story has ended when its mails were sent: nothing is told after the last line. */
async function everybodyTold({ story }: Place): Promise<void> {
  const query = `WorkflowType = "tellPeople" AND ExecutionStatus = "Running" AND WorkflowId STARTS_WITH "${story.cloud}/"`;
  const alarms = `WorkflowType = "tellPeople" AND ExecutionStatus = "Running" AND WorkflowId STARTS_WITH "${story.cloud}/tell"`;
  const open = async (): Promise<number> => {
    const { workflow } = story.temporal.env.client;
    return (await workflow.count(query)).count + (await workflow.count(alarms)).count;
  };
  await until(async () => (await open()) === 0, { what: 'everybody is told', timeoutMs: 60_000, everyMs: 100 });
}

function judge({ audit: a }: StoryFile, { story, reports }: Place): Finding[] {
  const { perNode, overall, perDestination, guardSeconds, ...rest } = a;
  const limits = { perNode, overall, perDestination };
  const options: AuditOptions = {
    admins: [ADMIN],
    ended: Object.values(story.world.truth().nodes).every((n) => !/^lifeboat:[^:]+$/.test(n.reason ?? '')),
    runs: reports
      .filter((r) => r.proof !== null)
      .map(({ node, instances, since }) => ({ node, instances, ...(since === undefined ? {} : { since }) })),
    limits: Object.fromEntries(Object.entries(limits).filter(([, v]) => v !== undefined)),
    ...(guardSeconds ? { guardMs: guardSeconds * 1_000 * SCALE } : {}),
    ...Object.fromEntries(Object.entries(rest).filter(([, v]) => v !== undefined)),
  };
  return audit(story.world, options);
}
