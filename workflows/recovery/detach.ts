// `detach`: the run lets go of its node, now. Nothing more is fenced, evacuated, watched or waited for; what Nova was asked for goes on
// without us, our locks are given back, and the marker says that a person has it. An abort, unlike it, watches to the end what runs.
import { CancellationScope, condition, setHandler, sleep } from '@temporalio/workflow';
import type { By } from '../contract.ts';
import { refuse } from '../refuse.ts';
import * as verbs from '../verbs.ts';
import { DESCRIPTIONS } from '../verbs.ts';
import { show } from './console.ts';
import { granted, noteDecision, type Run } from './run.ts';

export const isDetached = (run: Run): boolean => run.stop?.outcome === 'detached';

export function installDetach(run: Run, check: (verb: string, x: By | undefined) => void): void {
  setHandler(
    verbs.detachUpdate,
    ({ by, reason }) => {
      const said = `detached by ${by}: ${reason}`;
      const sent = whatIsLeft(run);
      run.stop = { by, reason: said, outcome: 'detached' };
      noteDecision(run, by, 'detached', reason);
      show(run);
      return `${run.node.host} is yours: nothing more is done with it. ${sent}`;
    },
    {
      description: DESCRIPTIONS.detachUpdate,
      validator: (x) => {
        check('detach', x);
        if (!x.reason?.trim()) refuse('detach: "reason" is missing: who has the node now, and what for?');
        if (isDetached(run)) refuse(`detach: ${run.stop?.reason}`);
        if (run.step === 'closing') refuse('detach: the recovery is ending by itself');
      },
    },
  );
}

/** What a person takes over. Asked before anything is stopped. */
function whatIsLeft(run: Run): string {
  const moving = [...run.moving].map((id) => run.pending.get(id)?.plan.name ?? id);
  const fence = run.fencingLevel ? ` An off (level ${run.fencingLevel}) may have been sent.` : '';
  const row =
    run.stages['marked'] === undefined
      ? ' Nova was not changed, and nothing starts it again until it was seen alive or a person starts it.'
      : ' It stays disabled and forced down, and nobody guards it: do not switch it on while an evacuation is open.';
  const left =
    moving.length > 0 ? `Nova goes on with ${moving.join(', ')}, unwatched.` : 'No evacuation is on its way.';
  return `${left}${fence}${row}`;
}

/** Ends with `attempt`, or with `gone` as soon as a person detaches the run; what was asked for is cancelled then. */
export async function unlessDetached<T>(run: Run, attempt: () => Promise<T>, gone: () => T): Promise<T> {
  if (isDetached(run)) return gone();
  const scope = new CancellationScope({ cancellable: true });
  const asked = scope.run(attempt);
  const detached = condition(() => isDetached(run)).then(() => false);
  const first = await Promise.race([asked.then(() => true), detached]);
  if (first) return asked;
  asked.catch(() => undefined);
  scope.cancel();
  return gone();
}

/** A request that has its permission leaves within that time: our locks are lifted after it. */
export const lastPermissions = (run: Run): Promise<void> =>
  sleep(granted(run).policy.timings.permissionMs, { summary: 'permissions given before run out' });
