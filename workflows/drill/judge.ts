// What would not work were this node to die now, and what a person should know of it. Pure.
import type { RecoveryPreview } from '../contract.ts';
import type { NodeDrill, Together } from './types.ts';

/** What is known of a node, from a drill of it alone or of the fleet. */
export type Drilled = Omit<NodeDrill, 'zone' | 'instances'>;

export interface Judgement {
  /** Why its instances would not come back by themselves, what stops everything first. Empty: it would work. */
  problems: string[];
  /** Worth to know; nothing fails by it. */
  notes: string[];
  /** Instances that would be left on a dead node, until a person helps. */
  stranded: number;
}

/** Of a drill of one node. */
export function ofPreview(p: RecoveryPreview): Drilled {
  const moving = p.instances.filter((i) => i.decision !== 'keep');
  const keeps = new Map<string, number>();
  for (const i of p.instances) if (i.decision === 'keep') keeps.set(i.reason, (keeps.get(i.reason) ?? 0) + 1);
  const zone = p.drill?.zone;
  return {
    ...{ node: p.node, unseen: p.drill?.unseen ?? null, gate: p.gate, up: p.drill?.up ?? false, power: p.power },
    ...{ moves: moving.length, fits: moving.filter((i) => i.room).length, trouble: '' },
    fitsInZone: moving.filter((i) => p.drill?.seats[i.id]?.zone === zone).length,
    loses: moving.filter((i) => i.loses !== undefined).length,
    keeps: [...keeps].map(([reason, count]) => ({ reason, count })),
  };
}

export const OBSTACLES = ['unreadable', 'unseen', 'gate', 'fence', 'room'] as const;

/** One thing that would stop it, or part of it. Two of the same `about` are the same trouble, whatever their words. */
export interface Obstacle {
  kind: (typeof OBSTACLES)[number];
  /** The kind, and which gate. */
  about: string;
  text: string;
}

/** What stops everything first; `room` strands some. */
export function obstaclesOf(d: Drilled): Obstacle[] {
  const found: Obstacle[] = [];
  const add = (kind: Obstacle['kind'], text: string, which = ''): void =>
    void found.push({ kind, about: which ? `${kind}:${which}` : kind, text });
  if (d.trouble) add('unreadable', `its instances cannot be read: ${d.trouble}`);
  if (d.unseen !== null) add('unseen', `its death would not be noticed: ${d.unseen}`);
  if (d.gate !== 'pass') add('gate', `it would be held: ${d.gate}`, d.gate.split(':')[0]!);
  const { problem } = judgeFence(d);
  if (problem) add('fence', problem);
  const short = d.moves - d.fits;
  if (short > 0) add('room', `no room now for ${short} of its ${many(d.moves, 'instance')}`);
  return found;
}

export function judge(d: Drilled): Judgement {
  const found = obstaclesOf(d);
  return {
    problems: found.map(({ text }) => text),
    notes: [...judgeFence(d).notes, ...worthKnowing(d)],
    stranded: found.some(({ kind }) => kind !== 'room') ? d.moves : Math.max(0, d.moves - d.fits),
  };
}

export const many = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;

/** A level proves by all its devices; one that says off of a node that lives is another machine's. */
function judgeFence({ power, up }: Drilled): { problem: string; notes: string[] } {
  if (power.length === 0)
    return { problem: 'no fence device is configured for it: a person would have to confirm', notes: [] };
  const levels = [...new Set(power.map((p) => p.level))];
  const broken = levels.flatMap((level) => {
    const wrong = power
      .filter((p) => p.level === level)
      .map((p) =>
        p.power === 'unknown' ? p.detail : up && p.power === 'off' ? `${p.label} says off, but it is up` : '',
      )
      .filter(Boolean);
    return wrong.length > 0 ? [`level ${level} could not prove it off: ${wrong.join('; ')}`] : [];
  });
  if (broken.length < levels.length) return { problem: '', notes: broken };
  return { problem: `it cannot be fenced: ${broken.join('; ')}`, notes: [] };
}

function worthKnowing({ moves, fits, fitsInZone, loses, keeps }: Drilled): string[] {
  const elsewhere = fits - fitsInZone;
  return [
    elsewhere > 0
      ? `${elsewhere} of ${moves} would go to another availability zone; Nova refuses those that asked for theirs`
      : '',
    loses > 0 ? `${many(loses, 'instance')} would lose data` : '',
    ...keeps.map(({ reason, count }) => `${many(count, 'instance')} would stay: ${reason}`),
  ].filter(Boolean);
}

export function togetherText({ nodes, moves, fits }: Together): string {
  const who = `${nodes.join(' and ')} ${nodes.length === 1 ? 'gone' : 'gone at once'}`;
  return fits === moves
    ? `N+${nodes.length}: ${who}: all ${many(moves, 'instance')} find room`
    : `N+${nodes.length}: ${who}: ${moves - fits} of ${many(moves, 'instance')} find no room`;
}
