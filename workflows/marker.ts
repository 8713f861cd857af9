// Our trace in Nova: what `disabled_reason` of a node says when it was us.
import type { NodeView } from './domain.ts';

/** What a readmission writes when it lifts forced_down: from then on the node may fail anew. */
export const RETURNING = 'returning';

/**
 * `lifeboat:<run>` while open, `lifeboat:<run>:<outcome>` at its end. `was` is the reason of a person who had disabled the node
 * before: it is theirs to enable also afterwards. Nova keeps 255 characters; a longer `was` is cut.
 */
export const marker = (runId: string, outcome?: string, was?: string | null): string =>
  `lifeboat:${runId}${outcome ? `:${outcome}` : ''}${was ? `, was disabled: ${was}` : ''}`.slice(0, 255);

export function readMarker(reason: string | null): { run: string; outcome: string | null; was: string | null } | null {
  const m = /^lifeboat:([0-9a-f-]{8,36})(?::([A-Za-z]+))?(?:, was disabled: ([^]+))?$/.exec(reason ?? '');
  return m ? { run: m[1]!, outcome: m[2] ?? null, was: m[3] ?? null } : null;
}

/** What a drain writes while it moves instances away, and at its end. The node lives. */
export const DRAINING = 'draining';
export const DRAINED = 'drained';

type Row = Pick<NodeView, 'status' | 'disabledReason' | 'forcedDown'>;

/** Disabled by a drain, and not off: no recovery ever marked it. */
export const isDrained = ({ disabledReason, forcedDown }: Omit<Row, 'status'>): boolean =>
  !forcedDown && [DRAINING, DRAINED].includes(readMarker(disabledReason)?.outcome ?? '');

/** The reason of a person's disable that a run of ours finds (or that an earlier run of ours found); null: there is none. */
export function disabledBefore({ status, disabledReason }: Pick<Row, 'status' | 'disabledReason'>): string | null {
  if (status !== 'disabled') return null;
  const ours = readMarker(disabledReason);
  return ours ? ours.was : disabledReason || 'no reason given';
}

/** Readmission has lifted forced_down and not enabled it yet, or a drain disabled it: what fails now is a new incident, and ours. */
export function isReturning({ status, disabledReason, forcedDown }: Row): boolean {
  const ours = readMarker(disabledReason);
  return (
    status === 'disabled' &&
    !forcedDown &&
    ours?.was === null &&
    [RETURNING, DRAINING, DRAINED].includes(ours.outcome ?? '')
  );
}
