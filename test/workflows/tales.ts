// One closed run of every kind, for the histories that the replay test plays again (capture-histories.ts). Each tale goes another
// way through the workflows, so that a change of their steps is noticed wherever it is.
import type { WorkflowHandle } from '@temporalio/client';
import {
  drillId,
  drillsId,
  noticeId,
  previewId,
  probesId,
  taskQueues,
  WORKFLOW_TYPES,
} from '../../workflows/contract.ts';
import { DEFAULT_POLICY } from '../../workflows/defaults.ts';
import * as verbs from '../../workflows/verbs.ts';
import { admin, user } from '../activities/notification/notices.ts';
import { until } from '../support/until.ts';
import { comesBack } from './comes-back.ts';
import { aNode, anInstance, open, story, untilCancelled, type Fakes, type Story } from './harness.ts';
import { off, returning } from './returning.ts';
import { watchTale } from './tale-of-the-watch.ts';

/** Plays it to its end and answers what to keep: name → a handle with its run id. */
export type Tale = () => Promise<Record<string, WorkflowHandle>>;
type Handle = Awaited<ReturnType<Story['start']>>;
type Settings = NonNullable<Parameters<typeof story>[1]>;
type Over = NonNullable<Parameters<typeof story>[0]>;

const by = (more: object = {}): { args: [never] } => ({ args: [{ by: 'ann', ...more } as never] });
const phase = (h: Handle, p: string): Promise<unknown> =>
  until(async () => (await h.query(verbs.stateQuery)).phase === p, { what: `the run is ${p}` });
const thisRun = async (h: WorkflowHandle): Promise<WorkflowHandle> => {
  const { env } = await open();
  return env.client.workflow.getHandle(h.workflowId, (await h.describe()).runId);
};

/** A recovery in a cloud of its own, acted on by a person, until its report. */
function recovery(
  over: Over | undefined,
  act: (h: Handle, s: Story) => Promise<unknown> = async () => undefined,
  { input = {}, ...settings }: Settings & { input?: Parameters<Story['start']>[0] } = {},
): Tale {
  return async () => {
    const s = await story(over, settings);
    try {
      const h = await s.start(input);
      await act(h, s);
      const { outcome } = await h.result();
      return { [`recover-${outcome}`]: await thisRun(h) };
    } finally {
      await s.end();
    }
  };
}

const named =
  (name: string, tale: Tale): Tale =>
  async () => ({ [name]: Object.values(await tale())[0]! });

const blind = { kind: 'unproven' as const, offSent: false, devices: [], why: 'ipmi: unreachable' };

const recovered: Tale = async () => {
  let first = true;
  const notify: Settings['notify'] = {
    findRecipients: async ({ audience }) => ({
      recipients: audience === 'admins' ? [admin] : [user()],
      unreachable: audience === 'admins' ? [] : ['eve (project acme): no address'],
    }),
    deliverNotice: async () => {
      if (!first) return 'id';
      first = false;
      throw new Error('the mail server is away');
    },
  };
  const s = await story(undefined, { notify });
  try {
    const h = await s.start();
    const { runId } = await h.result();
    const { env } = await open();
    const tell = (name: string): WorkflowHandle => env.client.workflow.getHandle(noticeId(h.workflowId, runId, name));
    const told = { 'tell-started': tell('started'), 'tell-finished': tell('finished') };
    for (const t of Object.values(told)) await t.result();
    return { 'recover-recovered': await thisRun(h), ...told };
  } finally {
    await s.end();
  }
};

const stuckThenFailed: Over = (_s, good) => {
  let tries = 0;
  return {
    evacuateInstance: async (input) => {
      if (input.instance.name === 'web-1' && ++tries === 1)
        return { kind: 'stuck', reason: 'record 42 has no destination', record: 42, destination: null };
      if (input.instance.name === 'web-2')
        return { kind: 'failed', reason: 'NoValidHost', posts: 1, record: 3, retryable: false };
      return good.evacuateInstance(input);
    },
  };
};

/** It came back, and somebody has enabled it: the gates say that it lives. */
const givenBack: Over = (told, good) => ({
  ...comesBack(told, good),
  askAdmission: async (request) => {
    if (!told.calls.includes('admission')) return good.askAdmission(request);
    return { kind: 'denied', gate: 'alive', why: 'compute-7 is alive: its monitors do not agree that it failed' };
  },
  fenceLevel: async (input) =>
    input.again === 0 ? good.fenceLevel(input) : { kind: 'markGone', saw: 'enabled', offSent: false },
});

const partial = recovery(stuckThenFailed, async (h) => {
  await until(async () => (await h.query(verbs.stateQuery)).question?.what.includes('2 instances'), {
    what: 'both wait',
  });
  await h.executeUpdate(verbs.retryUpdate, by({ instance: 'web-1', record: 42 }));
  await h.executeUpdate(verbs.skipUpdate, by({ instance: 'web-2' }));
});

const aborted: Tale = () => {
  let letGo = (): void => undefined;
  const gate = new Promise<void>((r) => (letGo = r));
  const slow: Over = (_s, good) => ({
    evacuateInstance: (input) => gate.then(() => good.evacuateInstance(input)),
  });
  return recovery(slow, async (h) => {
    await h.signal(verbs.widthSignal, { width: 1 });
    await until(async () => (await h.query(verbs.stateQuery)).instances.some((i) => i.outcome === 'moving'), {
      what: 'something moves',
    });
    await h.executeUpdate(verbs.abortUpdate, by({ reason: 'the wrong node' }));
    letGo();
  })();
};

const sentThenAlive: Over = () => {
  let tries = 0;
  return {
    fenceLevel: async () =>
      ++tries > 1 ? { kind: 'alive', saw: 'TCP 22 answers' } : { ...blind, offSent: true, why: 'no answer in time' },
  };
};

const noRoomAtFirst: Over = () => {
  let looks = 0;
  return {
    findRoom: async ({ waiting, once }) => {
      if (!once) await until(() => ++looks > 20, { what: 'room comes late' });
      return { fits: looks > 20 ? waiting.map((w) => w.id) : [], why: 'all hosts are full' };
    },
  };
};

const anySpelling: Over = (_s, good) => ({
  resolveNode: async (name) => (name === 'COMPUTE-7' ? { found: aNode() } : good.resolveNode(name)),
});

const readmission: Tale = async () => {
  const s = await story(returning(off));
  try {
    const { env } = await open();
    const joined = await env.client.workflow.start(WORKFLOW_TYPES.readmit, {
      taskQueue: taskQueues(s.cloud).workflow,
      workflowId: `${s.cloud}/COMPUTE-7`,
      args: [{ node: 'COMPUTE-7', by: 'ann', timings: s.policy.timings }],
    });
    await joined.result();
    await s.handle('compute-7').result();
    return { 'readmit-joined': joined, 'readmit-readmitted': s.handle('compute-7') };
  } finally {
    await s.end();
  }
};

/** What was evacuated from it is still where it went: it is proposed to be moved back. */
const proposing: Tale = async () => {
  const moved = { id: 'id-web-1', host: 'compute-1', status: 'ACTIVE', vmState: 'active', taskState: null };
  const s = await story((told) => ({
    ...returning(off)(told),
    openRecords: async () => [
      {
        ...{ id: 1, instanceId: 'id-web-1', type: 'evacuation', status: 'done', sourceCompute: off.host },
        ...{ destCompute: 'compute-1', createdAt: '2026-01-01T00:00:00Z', updatedAt: null },
      },
    ],
    observe: async () => ({ 'id-web-1': { view: moved, at: '2026-01-01T00:00:00Z' } }),
  }));
  try {
    const { env } = await open();
    const handle = await env.client.workflow.start(WORKFLOW_TYPES.readmit, {
      taskQueue: taskQueues(s.cloud).workflow,
      workflowId: `${s.cloud}/${off.host}`,
      args: [{ node: off.host, by: 'ann', timings: s.policy.timings }],
    });
    await handle.result();
    return { 'readmit-proposed': handle };
  } finally {
    await s.end();
  }
};

const seen: Fakes['lookAtFleet'] = async () => ({
  sight: {
    ...{ whole: true, trouble: '', nodes: 20, alive: 19, failed: ['compute-7'], ours: [], unknown: 0 },
    readAt: new Date().toISOString(),
  },
  looks: { 'compute-7': { node: aNode(), verdict: 'failed', evidence: [] } },
});

const preview: Tale = async () => {
  const s = await story(() => ({ lookAtFleet: seen }));
  try {
    const { env } = await open();
    const handle = await env.client.workflow.start(WORKFLOW_TYPES.preview, {
      taskQueue: taskQueues(s.cloud).workflow,
      workflowId: previewId(s.cloud, 'compute-7', 1),
      args: [{ cloud: s.cloud, node: 'compute-7', force: false, policy: s.policy }],
    });
    await handle.result();
    return { preview: handle };
  } finally {
    await s.end();
  }
};

const nothingKnown = { paused: null, standDowns: [], maintenance: {}, override: false, cooling: false, open: [] };

const drill: Tale = async () => {
  const s = await story(() => ({ lookAtFleet: seen }));
  try {
    const { env } = await open();
    const handle = await env.client.workflow.start(WORKFLOW_TYPES.drill, {
      taskQueue: taskQueues(s.cloud).workflow,
      workflowId: drillId(s.cloud, 1),
      args: [{ cloud: s.cloud, policy: s.policy, ifDead: nothingKnown, together: [1, 2] }],
    });
    await handle.result();
    return { drill: handle };
  } finally {
    await s.end();
  }
};

const drillRound: Tale = async () => {
  const s = await story(({ policy }) => ({
    lookAtFleet: seen,
    drillBasis: async () => ({ policy, ifDead: nothingKnown, left: [], last: null }),
  }));
  try {
    await s.watch();
    const { env } = await open();
    const handle = await env.client.workflow.start(WORKFLOW_TYPES.drillRound, {
      taskQueue: taskQueues(s.cloud).workflow,
      workflowId: drillsId(s.cloud),
      args: [{ cloud: s.cloud, survive: 1, limitMs: 600_000 }],
    });
    await handle.result();
    return { 'drill-round': handle };
  } finally {
    await s.end();
  }
};

/** Two batches, one of them with a device that is broken. */
const probe: Tale = async () => {
  const nodes = Array.from({ length: 70 }, (_, i) => `compute-${i}`);
  const s = await story(() => ({
    fleetToProbe: async () => ({ nodes, busy: [], known: [] }),
    readDevices: async ({ nodes: [node = ''] }) => ({
      ...{ ok: [], left: [], bare: 0 },
      broken: [{ node, level: 'bmc', label: 'ipmi', health: 'timeout' as const, detail: 'no answer', byHand: '' }],
    }),
  }));
  try {
    const { env } = await open();
    await s.watch();
    const handle = await env.client.workflow.start(WORKFLOW_TYPES.probe, {
      taskQueue: taskQueues(s.cloud).workflow,
      workflowId: probesId(s.cloud),
      args: [{ cloud: s.cloud, everyMs: 3_600_000 }],
    });
    await handle.result();
    return { probe: handle };
  } finally {
    await s.end();
  }
};

/** One that is emptied, with a pause in the middle; and one that fails meanwhile and goes on as a recovery. */
const drained: Tale = async () => {
  const at = (s: Story, more: object = {}): Promise<WorkflowHandle> =>
    open().then(({ env }) =>
      env.client.workflow.start(WORKFLOW_TYPES.drain, {
        taskQueue: taskQueues(s.cloud).workflow,
        workflowId: `${s.cloud}/compute-7`,
        args: [{ node: 'compute-7', by: 'ann', ...more }],
        workflowTaskTimeout: '5s',
      }),
    );
  const moving = (h: WorkflowHandle): Promise<unknown> =>
    until(async () => (await h.query(verbs.stateQuery)).instances.some((i) => i.outcome === 'moving'), {
      what: 'something moves',
    });
  let tries = 0;
  const one = await story((_s, good) => ({
    liveMigrate: async (input) =>
      ++tries > 2 ? good.liveMigrate(input) : { kind: 'failed', reason: 'NoValidHost', record: tries, retryable: true },
  }));
  const two = await story(() => ({ liveMigrate: async () => untilCancelled() }), { policy: { mode: 'confirm' } });
  try {
    const empty = await at(one);
    await empty.result();
    const dies = await at(two, { automatic: true });
    const first = await thisRun(dies);
    await phase(first as Handle, 'approval');
    await first.executeUpdate(verbs.approveUpdate, by());
    await moving(first);
    await first.signal(verbs.makeWaySignal, { why: 'tcp: no answer' });
    await until(async () => (await first.describe()).status.name !== 'RUNNING', { what: 'it makes way' });
    return { 'drain-drained': await thisRun(empty), 'drain-made-way': first };
  } finally {
    await two.handle('compute-7').terminate('the tale ends');
    await one.end();
    await two.end();
  }
};

export const TALES: readonly Tale[] = [
  recovered,
  named(
    'recover-confirmed',
    recovery(
      () => ({ fenceLevel: async () => blind }),
      async (h) => {
        await phase(h, 'blocked');
        await h.executeUpdate(verbs.confirmFencedUpdate, by({ node: 'compute-7', reason: 'pulled the plug' }));
      },
    ),
  ),
  named(
    'recover-approved',
    recovery(
      undefined,
      async (h) => {
        await phase(h, 'approval');
        await h.executeUpdate(verbs.pauseUpdate, by());
        await h.executeUpdate(verbs.resumeUpdate, by());
        await h.executeUpdate(verbs.approveUpdate, by());
      },
      { policy: { mode: 'confirm' }, input: { automatic: true } },
    ),
  ),
  drained,
  named('recover-fenced-again', recovery(comesBack)),
  named(
    'recover-mark-gone',
    recovery(givenBack, async (h) => h.signal(verbs.widthSignal, { width: 1 })),
  ),
  recovery(stuckThenFailed, async (h) => {
    await until(async () => (await h.query(verbs.stateQuery)).question?.what.includes('2 instances'), {
      what: 'both wait',
    });
    await h.executeUpdate(verbs.detachUpdate, by({ reason: 'I rebuild it by hand' }));
  }),
  named(
    'recover-waited-for-room',
    recovery(noRoomAtFirst, undefined, { policy: { evacuation: { ...DEFAULT_POLICY.evacuation, perNode: 1 } } }),
  ),
  named('recover-empty', recovery(undefined, undefined, { instances: [anInstance('local-1', { decision: 'keep' })] })),
  partial,
  aborted,
  recovery(() => ({ fenceLevel: async () => ({ kind: 'alive', saw: 'TCP 22 answers' }) }), undefined, {
    input: { automatic: true },
  }),
  recovery(sentThenAlive, async (h) => {
    await phase(h, 'blocked');
    await h.executeUpdate(verbs.retryUpdate, by());
  }),
  recovery(undefined, undefined, { input: { node: 'compute-77' } }),
  recovery(anySpelling, (h, s) => h.result().then(() => s.handle('compute-7').result()), {
    input: { node: 'COMPUTE-7' },
  }),
  readmission,
  proposing,
  preview,
  drill,
  drillRound,
  probe,
  watchTale,
];
