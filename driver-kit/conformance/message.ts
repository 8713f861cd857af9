// What a notification driver is handed in the promises: the admins' message of a run that waits for a person.
import type { Brief } from '../../activities/notification/brief.ts';
import type { Message } from '../../activities/notification/driver.ts';

const command = (verb: string, json: string): string =>
  `temporal workflow update execute --namespace default --workflow-id prod/compute-7 --run-id 0198c7a2-run --name ${verb} --input '${json}'`;

export const aBrief: Brief = {
  stage: 'blocked',
  audience: 'admin',
  cloud: 'prod',
  observedAt: '2026-08-02T14:08:00.000Z',
  sentAt: '2026-08-02T14:08:05.000Z',
  late: null,
  node: 'compute-7',
  headline: 'No level could prove that compute-7 is off.',
  lines: [],
  counts: '',
  instances: [],
  question: {
    what: 'No level could prove that compute-7 is off.',
    since: '2026-08-02T14:04:00.000Z',
    commands: ['ipmitool -I lanplus -H 10.0.0.7 -U lifeboat chassis power status'],
    answers: [
      {
        verb: 'confirmFenced',
        json: '{"by":"YOU","node":"compute-7"}',
        means: 'you saw that its power is off; everything depends on your word',
        command: command('confirmFenced', '{"by":"YOU","node":"compute-7"}'),
      },
      {
        verb: 'retry',
        json: '{"by":"YOU"}',
        means: 'tries all levels again now',
        command: command('retry', '{"by":"YOU"}'),
      },
    ],
  },
  report: null,
  unreachable: [],
  run: { workflowId: 'prod/compute-7', runId: '0198c7a2-run' },
  link: 'https://temporal.example.net/namespaces/default/workflows/prod%2Fcompute-7/0198c7a2-run/history',
  incident: { id: 'prod/compute-7/0198c7a2-run', over: false },
};

export const aMessage = (id: string, address: string, more: Partial<Message> = {}): Message => ({
  id,
  to: { name: 'Ann Example', address },
  subject: 'your instance web-1 is back',
  text: 'Your instance web-1 is back.\n',
  html: '<p>Your instance <b>web-1</b> is back.</p>',
  brief: aBrief,
  ...more,
});
