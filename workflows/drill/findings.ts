// What a drill of the fleet found, small enough to be remembered, and what has changed since the last one. Pure.
import { judge, many, obstaclesOf, OBSTACLES, togetherText, type Obstacle } from './judge.ts';
import type { FleetDrill } from './types.ts';

/** The answer of one round, and what the next one is compared with. Only kinds of trouble are compared, never their words. */
export interface DrillFindings {
  format: 'drill-1';
  /** When the fleet was read; null: never yet. */
  readAt: string | null;
  /** Why this round could not be made; empty: it was. */
  trouble: string;
  nodes: number;
  works: number;
  /** Nodes that would not be recovered, and by what. */
  stopped: Record<string, Obstacle[]>;
  /** Instances that would be left on their node, by node and reason. */
  stays: Record<string, Record<string, number>>;
  /** What the fleet as a whole lacks: N+1, room in a zone. */
  fleet: Record<string, string>;
}

export type DrillSummary = Pick<DrillFindings, 'readAt' | 'trouble' | 'nodes' | 'works'>;

export const NO_FINDINGS: DrillFindings = {
  ...{ format: 'drill-1', readAt: null, trouble: '', nodes: 0, works: 0, stopped: {}, stays: {}, fleet: {} },
};

/** One line of a device or of Nova; a thousand nodes have to fit into one result. */
const MAX_TEXT = 240;
const short = (text: string): string => (text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT - 1)}…` : text);

/**
 * `left`: nodes that are off by us, being worked on or recovered: what would happen to them is no news, and what was known of them stays.
 * `survive`: so many nodes at once have to find room.
 */
export function findingsOf(
  f: FleetDrill,
  left: readonly string[],
  survive: number,
  before = NO_FINDINGS,
): DrillFindings {
  const now: DrillFindings = {
    ...NO_FINDINGS,
    readAt: f.readAt,
    nodes: f.nodes.length,
    stopped: {},
    stays: {},
    fleet: {},
  };
  const apart = new Set(left);
  for (const n of f.nodes) {
    const [stopped, stays] = apart.has(n.node)
      ? [before.stopped[n.node] ?? [], before.stays[n.node] ?? {}]
      : [obstaclesOf(n).map((o) => ({ ...o, text: short(o.text) })), countsOf(n.keeps)];
    if (stopped.length > 0) now.stopped[n.node] = stopped;
    if (Object.keys(stays).length > 0) now.stays[n.node] = stays;
    if (judge(n).problems.length === 0) now.works++;
  }
  for (const t of f.together.filter(({ nodes }) => nodes.length <= survive))
    if (t.fits < t.moves) now.fleet[`N+${t.nodes.length}`] = togetherText(t);
  if (f.zones > 1) Object.assign(now.fleet, fullZones(f, apart));
  return now;
}

function countsOf(keeps: FleetDrill['nodes'][number]['keeps']): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { reason, count } of keeps) counts[reason] = (counts[reason] ?? 0) + count;
  return counts;
}

/** Zones of which some node's instances would have to leave the zone, and the hardest of these nodes. */
function fullZones(f: FleetDrill, apart: ReadonlySet<string>): Record<string, string> {
  const full: Record<string, { node: string; missing: number; moves: number }> = {};
  for (const { node, zone, moves, fitsInZone } of f.nodes) {
    const missing = moves - fitsInZone;
    if (!apart.has(node) && missing > (full[zone]?.missing ?? 0)) full[zone] = { node, missing, moves };
  }
  const told = Object.entries(full).map(([zone, { node, missing, moves }]) => {
    const text = `${node} gone: ${missing} of its ${many(moves, 'instance')} find no room in zone ${zone}`;
    return [`room in zone ${zone}`, text];
  });
  return Object.fromEntries(told) as Record<string, string>;
}

export interface DrillNews {
  headline: string;
  lines: string[];
}

/** `of` many nodes: what they are at first, and what they have become. */
const WHAT: Record<Obstacle['kind'], { are: string; became: string; todo: string }> = {
  unreadable: {
    ...{ are: 'cannot be judged', became: 'can no longer be judged' },
    todo: 'Nova does not tell what is on them; the next round reads it again',
  },
  unseen: {
    ...{ are: 'would die unnoticed', became: 'would die unnoticed now' },
    todo: 'npm run check says what each monitor sees of them',
  },
  gate: {
    ...{ are: 'would be held', became: 'would be held now' },
    todo: 'is this meant to be? docs/procedure.md has the gates',
  },
  fence: {
    ...{ are: 'cannot be fenced', became: 'can no longer be fenced' },
    todo: 'npm run check reads their power devices; until one level answers, a person would have to confirm that they are off',
  },
  room: {
    ...{ are: 'have instances without room', became: 'have instances without room now' },
    todo: 'make room: enable nodes, move or delete instances; else these wait on the dead node',
  },
};

/** So many nodes of one kind of trouble are listed with their words. */
const LISTED = 15;
const NAMED = 40;

/** So many nodes keep the words of what stops them: the watch carries it all from run to run. */
const WITH_WORDS = 100;

/** What the next round needs of this one. */
export function remembered(now: DrillFindings): DrillFindings {
  const stopped = Object.entries(now.stopped).map(([node, all], i) => {
    const kept = i < WITH_WORDS ? all : all.map((o) => ({ ...o, text: '' }));
    return [node, kept] as const;
  });
  return { ...now, stopped: Object.fromEntries(stopped) };
}

/** What the admins are told: all of it after the first round, then only what has changed. Null: nothing has. */
export function newsOf(before: DrillFindings, now: DrillFindings): DrillNews | null {
  const first = before.readAt === null;
  if (now.trouble) {
    if (before.trouble) return null;
    const lines = [
      'What is known is as old as the last round. The next one comes by itself; npm run drill -- --all asks now',
    ];
    return { headline: `drill: the round could not be made: ${now.trouble}`, lines };
  }
  const parts = [
    nodesWorse(before, now, first),
    nodesBetter(before, now),
    fleetChanges(before, now),
    staysMore(before, now),
  ];
  const changes = parts.flatMap(({ brief }) => brief);
  const again = before.trouble ? ['rounds can be made again'] : [];
  const score = `${now.works} of ${now.nodes} nodes would be recovered if they died now`;
  if (!first && changes.length + again.length === 0) return null;
  return {
    headline: `drill: ${(first ? [score, ...changes] : [...changes, ...again, score]).join('; ')}`,
    lines: [
      ...parts.flatMap(({ lines }) => lines),
      ...(first ? ['This is the first round. From now on only what changes is told'] : []),
      'Nothing was touched. All of it now: npm run drill -- --all',
    ],
  };
}

interface Part {
  brief: string[];
  lines: string[];
}

function nodesWorse(before: DrillFindings, now: DrillFindings, first: boolean): Part {
  const part: Part = { brief: [], lines: [] };
  for (const kind of OBSTACLES) {
    const fresh = Object.entries(now.stopped).flatMap(([node, all]) => {
      const known = before.stopped[node] ?? [];
      const one = all.find((o) => o.kind === kind && !known.some(({ about }) => about === o.about));
      return one ? [{ node, text: one.text }] : [];
    });
    if (fresh.length === 0) continue;
    const { are, became, todo } = WHAT[kind];
    const what = `${many(fresh.length, 'node')} ${first ? are : became}`;
    part.brief.push(`${what}: ${namesOf(fresh)}`);
    part.lines.push(`${what}: ${todo}`);
    // The same words for many nodes (a pause, a pattern that is excluded) are one line.
    const groups = [...grouped(fresh)].map(([text, all]) => `${namesOf(all)}: ${text}`);
    part.lines.push(...groups.slice(0, LISTED));
    if (groups.length > LISTED) part.lines.push(`and ${groups.length - LISTED} more`);
  }
  return part;
}

/** What is known of nodes that are still in Nova: one that was removed is no news. */
export function stillThere(before: DrillFindings, { nodes }: FleetDrill): DrillFindings {
  const there = new Set(nodes.map(({ node }) => node));
  const only = <T>(all: Record<string, T>): Record<string, T> =>
    Object.fromEntries(Object.entries(all).filter(([node]) => there.has(node)));
  return { ...before, stopped: only(before.stopped), stays: only(before.stays) };
}

function grouped<T extends { text: string }>(all: readonly T[]): Map<string, T[]> {
  const found = new Map<string, T[]>();
  for (const one of all) found.set(one.text, [...(found.get(one.text) ?? []), one]);
  return found;
}

/** What stopped them is over, by node. */
function nodesBetter(before: DrillFindings, now: DrillFindings): Part {
  const lines: string[] = [];
  const well: { node: string }[] = [];
  for (const [node, was] of Object.entries(before.stopped)) {
    const still = now.stopped[node] ?? [];
    const over = was.filter(({ about }) => !still.some((o) => o.about === about));
    if (over.length === 0) continue;
    well.push({ node });
    if (lines.length < LISTED)
      lines.push(
        `Over: ${node}: ${over.map(({ text, about }) => text || about).join('; ')}${still.length > 0 ? ' (other things still stop it)' : ''}`,
      );
  }
  if (well.length === 0) return { brief: [], lines: [] };
  const brief = `it is over for ${many(well.length, 'node')}: ${namesOf(well)}`;
  return { brief: [brief], lines: well.length > LISTED ? [...lines, `and ${well.length - LISTED} more`] : lines };
}

function fleetChanges(before: DrillFindings, now: DrillFindings): Part {
  const worse = Object.keys(now.fleet).filter((key) => !(key in before.fleet));
  const better = Object.keys(before.fleet).filter((key) => !(key in now.fleet));
  return {
    brief: [
      ...worse.map((key) => (key.startsWith('N+') ? `${key} does not hold` : `no ${key}`)),
      ...better.map((key) => (key.startsWith('N+') ? `${key} holds again` : `${key} again`)),
    ],
    lines: [...worse.map((key) => `${now.fleet[key]!}: make room, or their instances wait`)],
  };
}

/** Only more of them: what an owner deletes or marks is not the operators' business. */
function staysMore(before: DrillFindings, now: DrillFindings): Part {
  const more = new Map<string, { node: string; n: number; was: number }[]>();
  for (const [node, reasons] of Object.entries(now.stays))
    for (const [reason, n] of Object.entries(reasons)) {
      const was = before.stays[node]?.[reason] ?? 0;
      if (n > was) more.set(reason, [...(more.get(reason) ?? []), { node, n, was }]);
    }
  const lines = [...more].map(([reason, all]) => {
    const listed = all.slice(0, LISTED).map(({ node, n, was }) => `${node} ${was > 0 ? `${n} (were ${was})` : n}`);
    const rest = all.length > LISTED ? ` and ${all.length - LISTED} more nodes` : '';
    return `Would stay on their node: ${reason}: ${listed.join(', ')}${rest}`;
  });
  const count = [...more.values()].flat().reduce((sum, { n, was }) => sum + n - was, 0);
  return { brief: count > 0 ? [`${many(count, 'more instance')} would not be evacuated`] : [], lines };
}

function namesOf(nodes: readonly { node: string }[]): string {
  const names = nodes.map(({ node }) => node);
  const rest = names.length - NAMED;
  return rest > 0 ? `${names.slice(0, NAMED).join(', ')} and ${rest} more` : names.join(', ');
}
