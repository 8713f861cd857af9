// Notices as the workflows make them, for the tests of this room.
import { briefOf } from '../../../activities/notification/brief.ts';
import type { Recipient } from '../../../activities/notification/contract.ts';
import type { Notice } from '../../../workflows/contract.ts';
import { countOutcomes } from '../../../workflows/policy.ts';
import type { Account, RecoveryReport } from '../../../workflows/domain.ts';

export const account = (name: string, outcome: Account['outcome'], more: Partial<Account> = {}): Account => ({
  id: `id-of-${name}`,
  name,
  projectId: 'p-shop',
  userId: 'u-ann',
  outcome,
  reason: outcome === 'recovered' ? '' : `the reason of ${name}`,
  host: outcome === 'recovered' ? 'compute-4' : 'compute-7',
  at: '2026-08-02T14:07:31.000Z',
  ...more,
});

export const moving = (name: string, projectId = 'p-shop'): Notice['instances'][number] => ({
  ...{ id: `id-of-${name}`, name, projectId, userId: 'u-ann', outcome: 'moving', reason: '', host: null, at: null },
});

export const notice = (more: Partial<Notice> = {}): Notice => ({
  stage: 'finished',
  audience: 'both',
  cloud: 'prod',
  node: 'compute-7',
  key: '0198c7a2-run.finished',
  observedAt: '2026-08-02T14:08:00.000Z',
  since: '2026-08-02T14:02:40.000Z',
  headline: 'compute-7: partial',
  lines: [],
  question: null,
  tellNodeNames: false,
  instances: [],
  report: null,
  run: { workflowId: 'prod/compute-7', runId: '0198c7a2-run' },
  ...more,
});

export const report = (instances: Account[], more: Partial<RecoveryReport> = {}): RecoveryReport => ({
  cloud: 'prod',
  node: 'compute-7',
  workflowId: 'prod/compute-7',
  runId: '0198c7a2-run',
  outcome: 'partial',
  reason: 'one failed',
  startedAt: '2026-08-02T14:03:00.000Z',
  endedAt: '2026-08-02T14:08:00.000Z',
  evidence: [{ channel: 'tcp', verdict: 'failed', saw: 'no answer on 22', readAt: '2026-08-02T14:03:01.000Z' }],
  proof: {
    ...{ kind: 'power', level: 'ipmi', devices: ['ipmi 10.0.0.7:623'] },
    ...{ readAt: '2026-08-02T14:03:20.000Z', witness: 'silent for 55 s' },
  },
  stages: { evacuating: 24_000, fencing: 1_000 },
  instances,
  counts: countOutcomes(instances),
  decisions: [{ at: '2026-08-02T14:05:00.000Z', by: 'dora', what: 'retry', reason: 'freed a host' }],
  ...more,
});

export const user = (more: Partial<Recipient> = {}): Recipient => ({
  id: 'u-ann',
  name: 'ann',
  address: 'ann@example.net',
  audience: 'user',
  projects: ['p-shop'],
  projectNames: { 'p-shop': 'shop' },
  ...more,
});

export const admin: Recipient = {
  ...{ id: 'ops@example.net', name: '', address: 'ops@example.net', audience: 'admin', projects: [] },
};

export const blocked = (more: Partial<Notice> = {}): Notice =>
  notice({
    stage: 'blocked',
    audience: 'admins',
    key: '0198c7a2-run.blocked-fence-1-0-0',
    headline: 'No level could prove that compute-7 is off.',
    question: {
      what: 'No level could prove that compute-7 is off.',
      answers: [
        {
          verb: 'confirmFenced',
          json: '{"by":"YOU","node":"compute-7"}',
          means: 'you saw that its power is off; everything depends on your word',
        },
        { verb: 'retry', json: '{"by":"YOU"}', means: 'tries all levels again now' },
      ],
      commands: ['ipmitool -I lanplus -H 10.0.0.7 -U lifeboat chassis power status'],
      since: '2026-08-02T14:04:00.000Z',
    },
    ...more,
  });

export const TELLING = {
  ...{ now: '2026-08-02T14:08:05.000Z', console: 'https://temporal.example.net/', namespace: 'default' },
};

/** What the drivers' tests send: the admins' message of a run that waits for a person. */
export const briefOfBlocked = briefOf({ notice: blocked(), recipient: admin }, TELLING, '');
