// All safety checks that the tests hold.
import { EVACUATION } from './evacuation.ts';
import { FENCE } from './fence.ts';
import { GATES } from './gates.ts';
import type { Guard } from './guard.ts';
import { PEOPLE } from './people.ts';
import { RUNS } from './run.ts';

export const GUARDS: readonly Guard[] = [...GATES, ...FENCE, ...RUNS, ...EVACUATION, ...PEOPLE];
