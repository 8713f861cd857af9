import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ApplicationFailure } from '@temporalio/common';
import { Worker } from '@temporalio/worker';
import type { NotificationActivities, Recipient } from '../../activities/notification/contract.ts';
import { taskQueues, type Notice } from '../../workflows/contract.ts';
import type { tellPeople, Told } from '../../workflows/tell-people.ts';
import { account, admin, notice, report, user } from '../activities/notification/notices.ts';
import { workflowBundle } from '../support/bundle.ts';
import { timeSkipping } from '../support/temporal.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const refused = (why: string): ApplicationFailure => ApplicationFailure.nonRetryable(why, 'NotificationRefused');
const busy = (): ApplicationFailure => ApplicationFailure.retryable('451 busy', 'NotificationFailed');

type Delivery = Parameters<NotificationActivities['deliverNotice']>[0];
interface Tale {
  find?: NotificationActivities['findRecipients'];
  deliver?: (delivery: Delivery, attempt: number) => void;
  keep?: NotificationActivities['keepReport'];
}
interface Story {
  told: Told;
  deliveries: Delivery[];
  /** Milliseconds of the server's own clock. */
  tookMs: number;
  summaries: string[];
  /** What the Temporal UI shows at the end. */
  details: string;
}

/** Runs the workflow with a notification worker that behaves like this. */
async function tell(n: Notice, { find, deliver, keep }: Tale): Promise<Story> {
  const env = await timeSkipping();
  const deliveries: Delivery[] = [];
  const attempts = new Map<string, number>();
  const activities: NotificationActivities = {
    findRecipients: find ?? (async () => ({ recipients: [user(), admin], unreachable: [] })),
    async deliverNotice(delivery) {
      const { address } = delivery.recipient;
      const attempt = (attempts.get(address) ?? 0) + 1;
      attempts.set(address, attempt);
      deliver?.(delivery, attempt);
      deliveries.push(delivery);
      return 'lifeboat.id';
    },
    keepReport: keep ?? (async () => null),
    readyNotification: async () => 'ready',
  };
  try {
    const connection = env.nativeConnection;
    const queues = taskQueues(n.cloud);
    const workers = await Promise.all([
      Worker.create({ connection, taskQueue: queues.workflow, workflowBundle: await workflowBundle() }),
      Worker.create({ connection, taskQueue: queues.notification, activities }),
    ]);
    const run = async (): Promise<Story> => {
      const handle = await env.client.workflow.start<typeof tellPeople>('tellPeople', {
        ...{ workflowId: `${n.cloud}/tell`, taskQueue: queues.workflow, args: [n] },
      });
      const told = await handle.result();
      const { currentDetails } = await handle.query<{ currentDetails?: string }>('__temporal_workflow_metadata');
      const { startTime, closeTime } = await handle.describe();
      const { events } = await handle.fetchHistory();
      const summaries = (events ?? []).flatMap((e) => {
        const data = e.userMetadata?.summary?.data;
        return data ? [String(JSON.parse(Buffer.from(data).toString()))] : [];
      });
      const tookMs = closeTime!.getTime() - startTime.getTime();
      return { told, deliveries, tookMs, summaries, details: currentDetails ?? '' };
    };
    const [first, second] = workers;
    return await second!.runUntil(first!.runUntil(run));
  } finally {
    await env.teardown();
  }
}

const person = (n: number): Recipient => user({ id: `u${n}`, name: `u${n}`, address: `u${n}@example.net` });
const toUsers = (more: Partial<Notice> = {}): Notice =>
  notice({ audience: 'users', instances: [account('web-1', 'recovered')], ...more });

describe('tellPeople', () => {
  it('completes, and names who was refused for good, when others were told', async () => {
    const { told, tookMs, summaries, details } = await tell(toUsers(), {
      find: async () => ({ recipients: [person(1), person(2)], unreachable: ['bob (project shop): no address'] }),
      deliver: ({ recipient }) => {
        if (recipient.id === 'u1') throw refused('550 no such user');
      },
    });
    assert.deepEqual(told, {
      delivered: ['u2@example.net'],
      refused: [{ address: 'u1@example.net', why: '550 no such user' }],
      unreachable: ['bob (project shop): no address'],
    });
    assert.ok(tookMs < HOUR);
    assert.match(details, /1 told, 1 refused\n[^]*\| u1@example\.net \| not told: 550 no such user \|/);
    assert.ok(summaries.includes('mail to u2@example.net'), summaries.join());
  });

  it('goes on for a day with one who is not reached, and delays nobody else', async () => {
    const many = Array.from({ length: 25 }, (_, n) => person(n));
    const times = new Map<string, number>();
    const { told, tookMs } = await tell(toUsers(), {
      find: async () => ({ recipients: many, unreachable: [] }),
      deliver: ({ recipient: { id } }, attempt) => {
        times.set(id, attempt);
        if (Number(id.slice(1)) < 12) throw busy();
      },
    });
    assert.equal(told.delivered.length, 13);
    assert.equal(told.refused.length, 12);
    assert.match(told.refused[0]?.why ?? '', /^gave up after a day: 451 busy$/);
    assert.ok(tookMs > DAY - HOUR && tookMs < DAY + HOUR, `${tookMs / HOUR} h`);
    for (let n = 12; n < 25; n++) assert.equal(times.get(`u${n}`), 1);
    const again = times.get('u0') ?? 0;
    assert.ok(again > 100 && again < 200, `${again} attempts in a day: more often at first, then every ten minutes`);
  });

  it('reaches one whose mail server was down for hours', async () => {
    const { told } = await tell(toUsers(), {
      find: async () => ({ recipients: [person(1)], unreachable: [] }),
      deliver: (_, attempt) => {
        if (attempt < 30) throw busy();
      },
    });
    assert.deepEqual(told.delivered, ['u1@example.net']);
    assert.deepEqual(told.refused, []);
  });

  it("gives a tenant's message no more than their own projects' instances", async () => {
    const instances = [account('web-1', 'recovered'), account('alien', 'recovered', { projectId: 'p-bank' })];
    const full = notice({ instances, report: report(instances), lines: ['for admins'], headline: 'compute-7 is off' });
    const { deliveries } = await tell(full, {
      find: async ({ audience }) =>
        audience === 'admins'
          ? { recipients: [admin], unreachable: [] }
          : { recipients: [user()], unreachable: ['bob'] },
    });
    const toUser = deliveries.find((d) => d.recipient.audience === 'user');
    const toAdmin = deliveries.find((d) => d.recipient.audience === 'admin');
    assert.doesNotMatch(JSON.stringify(toUser), /alien|for admins|is off|bob|no answer on 22/);
    assert.deepEqual(toAdmin?.notice.report, full.report);
    assert.deepEqual(toAdmin?.unreachable, ['bob']);
  });

  it('tells the admins also while Keystone does not say who the users are', async () => {
    for (const stage of ['started', 'finished'] as const) {
      let keystone = 0;
      const { told, deliveries } = await tell(notice({ stage, instances: [account('web-1', 'recovered')] }), {
        find: async ({ audience }) => {
          if (audience === 'admins') return { recipients: [admin], unreachable: [] };
          keystone += 1;
          throw ApplicationFailure.retryable('[GET] identity: 503', 'OpenStackError');
        },
        deliver: () => assert.ok(keystone < 20, 'the admins waited for Keystone'),
      });
      assert.equal(deliveries.length, 1);
      assert.deepEqual(told.delivered, ['ops@example.net']);
      assert.deepEqual(told.refused, [{ address: '(all users)', why: 'gave up after a day: [GET] identity: 503' }]);
    }
  });

  it('goes on with a room that is out of reach as it asks, and tells the others meanwhile', async () => {
    const room: Recipient = {
      ...admin,
      id: 'channel:ops-room',
      name: 'ops-room',
      address: 'ops-room',
      channel: 'ops-room',
    };
    const { told, deliveries, tookMs, summaries } = await tell(notice({ stage: 'alarm', audience: 'admins' }), {
      find: async () => ({ recipients: [room, admin], unreachable: [] }),
      deliver: ({ recipient }, attempt) => {
        if (recipient.channel && attempt <= 2)
          throw ApplicationFailure.create({ ...{ message: '429', type: 'NotificationFailed' }, nextRetryDelay: HOUR });
      },
    });
    assert.deepEqual(told.delivered, ['ops@example.net', 'ops-room']);
    assert.equal(deliveries.length, 2);
    assert.ok(tookMs > 0.9 * HOUR && tookMs < 1.5 * HOUR, `${tookMs / HOUR} h`);
    assert.ok(summaries.includes('again: message to ops-room'), summaries.join());
  });

  it("names a person's own instances to them where they may not read the project", async () => {
    const own = { ...account('mine', 'recovered'), id: 'mine' };
    const { deliveries } = await tell(toUsers({ instances: [own, account('other', 'recovered')] }), {
      find: async () => ({ recipients: [user({ projects: [], instances: ['mine'] })], unreachable: [] }),
    });
    assert.deepEqual(deliveries[0]?.notice.instances, [own]);
  });

  it('keeps the report beside the messages, and a folder that is away delays nobody and fails nothing', async () => {
    const { told, deliveries } = await tell(
      notice({ audience: 'admins', report: report([account('a', 'recovered')]) }),
      {
        find: async () => ({ recipients: [admin], unreachable: [] }),
        keep: async () => {
          throw ApplicationFailure.create({ message: 'EROFS', type: 'ReportNotKept' });
        },
      },
    );
    assert.deepEqual([told.delivered, deliveries.length], [['ops@example.net'], 1]);
  });

  it('ends at once where there is nobody to tell', async () => {
    const { told } = await tell(toUsers(), { find: async () => ({ recipients: [], unreachable: [] }) });
    assert.deepEqual(told, { delivered: [], refused: [], unreachable: [] });
  });
});
