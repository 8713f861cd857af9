// The acts, in order. Another act is one more entry: a title, and what happens.
import { actLyingBmc } from './act-lying-bmc.ts';
import { actPowerLoss } from './act-power-loss.ts';
import { actKilledWorker } from './act-killed-worker.ts';
import { actSwitchFault } from './act-switch-fault.ts';
import type { Act } from './stage.ts';

export const ACTS: readonly Act[] = [actPowerLoss, actLyingBmc, actKilledWorker, actSwitchFault];
