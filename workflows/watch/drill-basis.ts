// What a drill on a schedule is judged by, and what the last one found: the watch only keeps it for the next one. Recoveries that are open and a storm that has just ended are of this minute: they would
// make the same fleet look other each night.
import { setHandler } from '@temporalio/workflow';
import type { DrillBasis } from '../contract.ts';
import { DESCRIPTIONS, drillBasisQuery, drilledSignal } from '../verbs.ts';
import type { Watch } from './state.ts';

export function installDrill(w: Watch): void {
  setHandler(drillBasisQuery, () => drillBasis(w), { description: DESCRIPTIONS.drillBasisQuery });
  setHandler(drilledSignal, (found) => void (w.drill = found));
}

function drillBasis(w: Watch): DrillBasis {
  const left = new Set([...w.open.keys(), ...w.drains.keys(), ...w.maintenance.keys()]);
  for (const node of [...(w.sight?.ours ?? []), ...(w.sight?.drained ?? [])]) left.add(node);
  return {
    policy: w.config.policy,
    ifDead: {
      ...{ paused: w.paused, standDowns: [...w.standDowns.keys()], override: w.override !== null },
      ...{ maintenance: Object.fromEntries(w.maintenance), cooling: false, open: [] },
    },
    left: [...left],
    last: w.drill,
  };
}
