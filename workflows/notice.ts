// What people are told: the one model that every message is made of.
import type { Question } from './contract.ts';
import type { Account, Planned, RecoveryReport } from './domain.ts';

export const STAGES = [
  'started',
  'delayed',
  'finished',
  'blocked',
  'approval',
  'alarm',
  'returned',
  'readmitted',
  'drained',
] as const;
export type Stage = (typeof STAGES)[number];

/** Everything that a message may say. Users see their own projects' instances only; node names only where the policy tells them. */
export interface Notice {
  stage: Stage;
  /** Who is told: users of the projects concerned, and/or the admins. */
  audience: 'users' | 'admins' | 'both';
  cloud: string;
  node: string | null;
  /** Stable for one (run, stage): the Message-IDs are made of it. */
  key: string;
  /** When what it says was observed. */
  observedAt: string;
  /** When the node was last seen alive or first suspected, for "how long away". */
  since: string | null;
  headline: string;
  /** For admins, one paragraph each. */
  lines: string[];
  question: Question | null;
  tellNodeNames: boolean;
  instances: (
    | Account
    | (Pick<Planned, 'id' | 'name' | 'projectId' | 'userId' | 'loses'> & {
        outcome: 'moving' | 'kept' | 'waiting';
        reason: string;
        host: null;
        at: string | null;
      })
  )[];
  report: RecoveryReport | null;
  /** How to look at the run: workflow id and run id; the worker knows the UI's address. */
  run: { workflowId: string; runId: string } | null;
  /** What a pager opens and closes where that is not the run: an alarm, which outlives its run of the watch. Null: nothing. */
  incident?: { id: string; over: boolean } | null;
  /** Beyond `notification.perHour`: at once to pagers and programs, and later, gathered, to people. Absent: to all. */
  only?: 'pagers' | 'people';
}
