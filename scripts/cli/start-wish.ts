// What both commands that start work on a node take: start-recovery and drain.
import { byOf, nodeOf, type Values } from './command.ts';

export const START_OPTIONS = {
  reason: { type: 'string' },
  by: { type: 'string' },
  detach: { type: 'boolean', default: false },
  force: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
} as const;

export interface StartWish {
  node: string;
  by: string;
  reason: string | undefined;
  force: boolean;
  detach: boolean;
  json: boolean;
}

/** As typed. Throws UsageError for what is no node, or where nobody knows who asks. */
export function startWish({ reason, by, force, detach, json }: Values<typeof START_OPTIONS>, word: string): StartWish {
  return { node: nodeOf(word), by: byOf(by), reason, force, detach, json };
}
