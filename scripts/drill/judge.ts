// What would not work were this node to die now, and what a person should know of it. Pure.
import type { NodeDrill, RecoveryPreview } from '../../workflows/contract.ts';

/** What is known of a node, from a drill of it alone or of the fleet. */
export interface Drilled {
  node: string;
  unseen: string | null;
  gate: string;
  /** Nova calls it up. */
  up: boolean;
  power: RecoveryPreview['power'];
  moves: number;
  fits: number;
  fitsInZone: number;
  loses: number;
  keeps: { reason: string; count: number }[];
  trouble: string;
}

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

export const ofFleet = (n: NodeDrill): Drilled => n;

export function judge(d: Drilled): Judgement {
  const fence = judgeFence(d);
  const stops = [
    d.trouble ? `its instances cannot be read: ${d.trouble}` : '',
    d.unseen === null ? '' : `its death would not be noticed: ${d.unseen}`,
    d.gate === 'pass' ? '' : `it would be held: ${d.gate}`,
    fence.problem,
  ].filter(Boolean);
  const short = d.moves - d.fits;
  const room = short > 0 ? [`no room now for ${short} of its ${many(d.moves, 'instance')}`] : [];
  return {
    problems: [...stops, ...room],
    notes: [...fence.notes, ...worthKnowing(d)],
    stranded: stops.length > 0 ? d.moves : Math.max(0, short),
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
