// What a drill on a schedule asks of a monitor worker (queue `…-monitoring`).
import type { DrillBasis } from '../../workflows/contract.ts';

export interface DrillActivities {
  /** Asks the watch. Reads only; rejects where it does not run or nobody answers for it. */
  drillBasis(): Promise<DrillBasis>;
}
