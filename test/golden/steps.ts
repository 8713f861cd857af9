// Every step that a story may take, by its name.
import { AWAITS } from './steps/awaits.ts';
import { FIELD } from './steps/field.ts';
import { MACHINERY } from './steps/machinery.ts';
import { PEOPLE } from './steps/people.ts';
import type { StepKind } from './step.ts';

export const STEPS: Readonly<Record<string, StepKind>> = { ...FIELD, ...PEOPLE, ...MACHINERY, ...AWAITS };
