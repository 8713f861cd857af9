// drainNode: a node that lives is disabled and emptied, nothing is fenced; where it fails meanwhile the same id is its recovery.
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import type { WorkflowHandle } from '@temporalio/client';
import { nodeWorkflowId, taskQueues, WORKFLOW_TYPES, type DrainInput } from '../../workflows/contract.ts';
import { DEFAULT_POLICY } from '../../workflows/defaults.ts';
import type { RecoveryReport } from '../../workflows/domain.ts';
import { judgeDrain, type DrainGateInput } from '../../workflows/drain/gates.ts';
import * as verbs from '../../workflows/verbs.ts';
import { until } from '../support/until.ts';
import { aNode, anInstance, open, shut, story, untilCancelled, type Story } from './harness.ts';

after(shut);

type Drain = WorkflowHandle<(input: DrainInput) => Promise<RecoveryReport>>;

async function drain(s: Story, input: Partial<DrainInput> = {}): Promise<Drain> {
  const { env } = await open();
  return (await env.client.workflow.start(WORKFLOW_TYPES.drain, {
    taskQueue: taskQueues(s.cloud).workflow,
    workflowId: nodeWorkflowId(s.cloud, 'compute-7'),
    args: [{ node: 'compute-7', by: 'ann', ...input }],
    workflowTaskTimeout: '5s',
  })) as never;
}

const outcomes = ({ instances }: RecoveryReport): Record<string, string> =>
  Object.fromEntries(instances.map((i) => [i.name, i.outcome]));

test('a drain disables the node first, moves a few at a time and fences nothing', async (t) => {
  let now = 0;
  let most = 0;
  const names = ['web-1', 'web-2', 'web-3', 'db-1'];
  const s = await story(
    (_s, good) => ({
      liveMigrate: async (input) => {
        most = Math.max(most, ++now);
        await new Promise((resolve) => setTimeout(resolve, 50));
        now -= 1;
        return good.liveMigrate(input);
      },
    }),
    { instances: names.map((name) => anInstance(name, { priority: name === 'db-1' ? 9 : 0 })) },
  );
  t.after(() => s.end());
  const report = await (await drain(s)).result();
  assert.equal(report.outcome, 'drained', report.reason);
  assert.deepEqual(report.counts, { recovered: 0, moved: 4, kept: 0, gone: 0, waiting: 0, failed: 0 });
  assert.equal(most, DEFAULT_POLICY.evacuation.liveMigrations);
  assert.deepEqual([s.calls[0], s.calls[1], s.calls.at(-1)], ['admission', 'PUT draining', 'PUT drained']);
  assert.ok(s.calls.slice(2, 4).includes('migrate db-1'), `the most important first: ${s.calls.join(', ')}`);
  assert.deepEqual(
    s.calls.filter((c) => /fence|guard|POST/.test(c)),
    [],
  );
  await until(() => s.notices.length === 2, { what: 'the admins got start and end' });
  assert.deepEqual(new Set(s.notices.map((n) => `${n.stage} ${n.audience}`)), new Set(['drained admins']));
});

test('what cannot be moved stays where it runs, with its reason; what Nova is stuck with waits for a person', async (t) => {
  let stuck = true;
  const s = await story(
    (_s, good) => ({
      liveMigrate: async (input) => {
        const { name } = input.instance;
        if (name === 'gpu-1') return { kind: 'failed', reason: 'MigrationPreCheckError', record: 4, retryable: false };
        if (name === 'web-1' && stuck) return { kind: 'stuck', reason: 'record 5 stays accepted', record: 5 };
        return good.liveMigrate(input);
      },
    }),
    {
      instances: ['gpu-1', 'web-1', 'off-1'].map((n) =>
        anInstance(n, n === 'off-1' ? { decision: 'keep', reason: 'it is off' } : {}),
      ),
    },
  );
  t.after(() => s.end());
  const h = await drain(s);
  const asked = await until(async () => (await h.query(verbs.stateQuery)).question, { what: 'a person is asked' });
  assert.match(asked.what, /web-1 \(record 5 stays accepted\)/);
  stuck = false;
  await h.executeUpdate(verbs.retryUpdate, { args: [{ by: 'ann', instance: 'web-1', record: 5 }] });
  const report = await h.result();
  assert.equal(report.outcome, 'partial');
  assert.deepEqual(outcomes(report), { 'off-1': 'kept', 'gpu-1': 'failed', 'web-1': 'moved' });
  const gpu = report.instances.find((i) => i.name === 'gpu-1');
  assert.deepEqual([gpu?.reason, gpu?.host], ['MigrationPreCheckError; it runs where it was', 'compute-7']);
});

test('an abort begins nothing new, watches what moves to its end, and leaves the rest running where it is', async (t) => {
  let letGo = (): void => undefined;
  const gate = new Promise<void>((resolve) => (letGo = resolve));
  const s = await story((_s, good) => ({ liveMigrate: (input) => gate.then(() => good.liveMigrate(input)) }), {
    policy: { evacuation: { ...DEFAULT_POLICY.evacuation, liveMigrations: 1 } },
  });
  t.after(() => s.end());
  const h = await drain(s);
  await until(async () => (await h.query(verbs.stateQuery)).instances.some((i) => i.outcome === 'moving'), {
    what: 'one moves',
  });
  const answer = await h.executeUpdate(verbs.abortUpdate, { args: [{ by: 'ann', reason: 'wrong node' }] });
  assert.match(answer, /Sent before and watched to the end: db-1/);
  letGo();
  const report = await h.result();
  assert.equal(report.outcome, 'aborted');
  assert.deepEqual(outcomes(report), { 'db-1': 'moved', 'web-1': 'kept', 'web-2': 'kept' });
});

test('a node that fails while it is drained: nothing new, no watching any more, and the same id goes on as its recovery', async (t) => {
  const seen: string[] = [];
  const s = await story(() => ({
    liveMigrate: async () => untilCancelled(),
    askAdmission: async (q) => {
      seen.push(q.purpose ?? 'recovery');
      if (q.purpose !== 'drain') return { kind: 'denied', gate: 'test', why: `asked with force ${q.force}` };
      const now = new Date().toISOString();
      const grant = { policy: s.policy, width: 2, evidence: [], node: aNode({ state: 'up' }), silentMs: 0, at: now };
      return { kind: 'granted', grant: { ...grant, searchAttributes: true } };
    },
  }));
  t.after(() => s.end());
  const h = await drain(s);
  const { runId } = await h.describe();
  await until(async () => (await h.query(verbs.stateQuery)).instances.some((i) => i.outcome === 'moving'), {
    what: 'something moves',
  });
  await h.signal(verbs.makeWaySignal, { why: 'tcp: no answer' });
  const report = await h.result();
  assert.deepEqual(
    [report.outcome, report.reason],
    ['denied', 'asked with force false'],
    'a recovery, by its own gates',
  );
  assert.deepEqual(seen, ['drain', 'recovery']);
  const last = await s.handle('compute-7').describe();
  assert.deepEqual([last.type, last.runId === runId], [WORKFLOW_TYPES.recover, false]);
  const told = await until(() => s.notices.find((n) => /failed while it was drained/.test(n.headline)), {
    what: 'the admins are told',
  });
  assert.match(told.headline, /tcp: no answer\): 0 instances had moved, and its recovery begins/);
});

describe('the gates of a drain', () => {
  const gate = (over: Partial<DrainGateInput> = {}): string => {
    const base: DrainGateInput = {
      policy: { ...DEFAULT_POLICY, mode: 'auto' },
      ...{ node: aNode({ state: 'up' }), verdict: 'degraded', byHand: false, force: false, mark: null },
      ...{ paused: null, maintenance: null, sight: { whole: true, trouble: '', nodes: 20 } },
      ...{ othersDraining: 0, recoveries: 0 },
    };
    const verdict = judgeDrain({ ...base, ...over });
    return verdict.kind === 'pass' ? 'pass' : `${verdict.kind} ${verdict.gate}`;
  };
  const sight = (degraded: number) => ({
    ...{ whole: true, trouble: '', nodes: 20 },
    degraded: Array.from({ length: degraded }, (_, i) => `compute-${i}`),
  });

  test('what is not alive, not ours to act on, or held by somebody is never drained', () => {
    assert.equal(gate(), 'pass');
    assert.equal(gate({ verdict: 'failed', byHand: true, force: true }), 'deny failed');
    assert.equal(gate({ node: aNode({ state: 'up', forcedDown: true }), byHand: true }), 'deny off');
    assert.equal(gate({ mark: { outcome: null }, byHand: true }), 'deny off');
    assert.equal(gate({ node: aNode({ state: 'down' }), byHand: true, force: true }), 'wait notUp');
    assert.equal(gate({ policy: DEFAULT_POLICY, byHand: true }), 'deny observe');
    assert.equal(gate({ policy: { ...DEFAULT_POLICY, mode: 'auto', exclude: ['compute-*'] } }), 'deny excluded');
    const disabled = aNode({ state: 'up', status: 'disabled', disabledReason: 'fans' });
    assert.equal(gate({ node: disabled }), 'deny notOurs');
    assert.equal(gate({ node: disabled, byHand: true }), 'pass', 'a person may empty what a person disabled');
  });

  test('one at a time, after recoveries, and not where many are called degraded at once: that is a fault of who calls them so', () => {
    assert.equal(gate({ othersDraining: 1, byHand: true }), 'wait drains');
    assert.equal(gate({ othersDraining: 1, byHand: true, force: true }), 'pass');
    assert.equal(gate({ recoveries: 1 }), 'wait recoveries');
    assert.equal(gate({ recoveries: 1, byHand: true }), 'pass');
    assert.equal(gate({ sight: sight(5) }), 'pass');
    assert.equal(gate({ sight: sight(6) }), 'wait share');
    assert.equal(gate({ sight: sight(6), byHand: true }), 'pass');
    assert.equal(gate({ paused: { by: 'ann', reason: '' }, byHand: true, force: true }), 'wait paused');
  });
});
