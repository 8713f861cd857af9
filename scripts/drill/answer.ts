// A drill's answer, as it is printed as JSON: the judgement first, then what it is made of. Pure.
import type { Policy } from '../../workflows/defaults.ts';
import type { FleetDrill, RecoveryPreview, Together } from '../../workflows/contract.ts';
import { estimate, type Estimate, type Pace } from './duration.ts';
import { judge, ofPreview, togetherText, type Judgement } from '../../workflows/drill/judge.ts';

export interface NodeAnswer extends Judgement {
  node: string;
  works: boolean;
  moves: number;
  fits: number;
  time: Estimate;
}

export interface FleetAnswer {
  works: boolean;
  /** What would stop any of them, and what the fleet as a whole lacks. */
  problems: string[];
  notes: string[];
  /** Worst first. */
  nodes: NodeAnswer[];
  together: (Together & { works: boolean })[];
}

interface Given {
  policy: Policy;
  pace: Pace;
  /** Recoveries that are open now. */
  open: number;
  /** What would keep any node from being recovered. */
  problems: string[];
}

const nobody = 'no admin would be told: notification.admins, and a channel for them';
const confirm = 'mode confirm: a person has to approve first, and the time begins with that';

export function answerOfNode(p: RecoveryPreview, { policy, pace, open, problems }: Given): NodeAnswer {
  const drilled = ofPreview(p);
  const judged = judge(drilled);
  const why = judged.problems.map((text) =>
    /^no room now/.test(text) && p.drill ? `${text}: ${p.drill.roomWhy}` : text,
  );
  const all = [...problems, ...why, ...(p.tells.some((t) => t.audience === 'admin') ? [] : [nobody])];
  const fleet = { nodes: p.drill?.nodes ?? 0, destinations: p.drill?.destinations ?? 0, open: open + 1 };
  return {
    ...{ node: p.node, works: all.length === 0, problems: all, moves: drilled.moves, fits: drilled.fits },
    notes: [
      ...(p.mode === 'confirm' ? [confirm] : []),
      ...judged.notes,
      ...(p.unreachable.length > 0 ? [`cannot be told: ${p.unreachable.join(', ')}`] : []),
    ],
    stranded: problems.length > 0 ? drilled.moves : judged.stranded,
    time: estimate(policy, fleet, drilled.fits, pace),
  };
}

/** `survive`: so many of the biggest nodes at once have to fit on the rest. */
export function answerOfFleet(f: FleetDrill, given: Given, survive: number): FleetAnswer {
  const { policy, pace, open } = given;
  const nodes = f.nodes.map((n): NodeAnswer => {
    const { problems, notes, stranded } = judge(n);
    const fleet = { nodes: f.nodes.length, destinations: f.destinations, open: open + 1 };
    return {
      ...{ node: n.node, works: problems.length === 0, problems, notes, stranded, moves: n.moves, fits: n.fits },
      time: estimate(policy, fleet, n.fits, pace),
    };
  });
  const together = f.together.map((t) => ({ ...t, works: t.fits === t.moves }));
  const short = together.filter((t) => !t.works).map((t) => ({ k: t.nodes.length, text: togetherText(t) }));
  const problems = [
    ...given.problems,
    f.sightTrouble ? `the fleet cannot be seen whole: ${f.sightTrouble}` : '',
    f.admins === 0 ? nobody : '',
    ...short.filter(({ k }) => k <= survive).map(({ text }) => text),
  ].filter(Boolean);
  return {
    works: problems.length === 0 && nodes.every((n) => n.works),
    problems,
    notes: [
      ...(policy.mode === 'confirm' ? [confirm] : []),
      ...short.filter(({ k }) => k > survive).map(({ text }) => text),
      ...(f.unreachable.length > 0 ? [`cannot be told: ${f.unreachable.join(', ')}`] : []),
    ],
    nodes: nodes.toSorted(worstFirst),
    together,
  };
}

/** Those that would not work by what they strand; then those with something to know; the biggest first. */
const worstFirst = (a: NodeAnswer, b: NodeAnswer): number =>
  Number(a.works) - Number(b.works) ||
  b.stranded - a.stranded ||
  b.problems.length - a.problems.length ||
  b.notes.length - a.notes.length ||
  b.moves - a.moves ||
  a.node.localeCompare(b.node, 'en');
