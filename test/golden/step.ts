// What a step of a story is: a name in story.yaml, what it takes, what it means, and what it does.
import type { z } from 'zod';
import type { Role } from '../../workflows/contract.ts';
import type { RecoveryReport } from '../../workflows/domain.ts';
import type { Fault } from '../world/faults.ts';
import type { Story } from '../stories/harness.ts';
import type { Voice } from './line.ts';

/** One data centre of a story, with its Lifeboat. */
export interface Place {
  story: Story;
  /** What a line says; its subject stands first. */
  tell(voice: Voice, text: string): void;
  /** What the data centre's log shows is told as it comes; a step that waits for more than its own answer waits here. */
  workers: Map<string, StoryWorker>;
  /** Of the runs that have ended, in the order in which the story saw it. */
  reports: (RecoveryReport & { since?: number })[];
  /** Ids of runs that the story has waited for: a further one of the same node is another. */
  seen: Set<string>;
  /** Runs from before are another telling's: Temporal keeps them. */
  since: Date;
  faults: Fault[];
  /** Real milliseconds of so many seconds of the data centre's time. */
  ms(seconds: number): number;
}

export interface StoryWorker {
  roles: readonly Role[];
  stop(): Promise<void>;
  kill(): Promise<void>;
  /** Its wall clock is wrong by so much from now on. */
  jump(seconds: number): Promise<void>;
}

export interface StepKind<T = unknown> {
  /** How the README groups it. */
  group: string;
  takes: z.ZodType<T>;
  /** One sentence for the README. */
  means: string;
  /** An example of what stands behind the colon. */
  example: string;
  play(place: Place, given: T): Promise<void> | void;
}

/** Keeps the type of what it takes. */
export const step = <T>(kind: StepKind<T>): StepKind => kind as StepKind;
