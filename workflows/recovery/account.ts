// How an instance ended: from then on the run waits for it no more.
import type { Account } from '../domain.ts';
import type { Pending, Run } from './run.ts';

export function settleAs(
  run: Run,
  plan: Pending['plan'],
  end: Pick<Account, 'outcome' | 'reason' | 'host' | 'at'> & { loses?: string },
): void {
  const { id, name, projectId, userId } = plan;
  run.accounts.set(id, { id, name, projectId, userId, loses: plan.loses, ...end });
  run.pending.delete(id);
}
