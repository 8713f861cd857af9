// Closed runs of every kind, played again by the workflows as they are now: an open run survives an upgrade only where its past
// takes the same steps. How the fixtures are made anew, and when they may be: docs/development.md.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { DeterminismViolationError } from '@temporalio/workflow';
import { Worker } from '@temporalio/worker';
import { WORKFLOW_TYPES } from '../../workflows/contract.ts';
import { RUN_OUTCOMES } from '../../workflows/domain.ts';
import { workflowBundle } from '../support/bundle.ts';
import { fromHistoryJson, type HistoryEventJson, type HistoryJson } from './history-json.ts';

const FOLDER = join(import.meta.dirname, 'histories');
const FIXTURES = readdirSync(FOLDER)
  .sort()
  .map((file) => ({
    name: file.replace('.json', ''),
    json: JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as HistoryJson,
  }));

type Attributes = Record<string, unknown>;
const attributesOf = (e: HistoryEventJson): Attributes =>
  e[Object.keys(e).find((k) => k.endsWith('EventAttributes'))!] as Attributes;

/** Fixture → what its replay failed with; null: it went through. Under its own id: steps are named after it. */
async function replay(fixtures: typeof FIXTURES): Promise<Map<string, Error | null>> {
  const idOf = ({ json }: (typeof FIXTURES)[number]): string =>
    (attributesOf(json.events[0]!) as { workflowId: string }).workflowId;
  const failed = new Map<string, Error | null>();
  const histories = fixtures.map((f) => ({ workflowId: idOf(f), history: fromHistoryJson(f.json) }));
  const names = new Map(fixtures.map((f) => [idOf(f), f.name]));
  const options = { workflowBundle: await workflowBundle() };
  for await (const { workflowId, error } of Worker.runReplayHistories(options, histories))
    failed.set(names.get(workflowId)!, error ?? null);
  assert.equal(failed.size, fixtures.length);
  return failed;
}

/** The core of what the SDK says: which step does not fit. */
const whyOf = (error: Error): string =>
  (/\[TMPRL1100\] [^]*?(?=: HistoryEvent|", )/.exec(error.message)?.[0] ?? error.message).slice(0, 300);

/** The same run, had it scheduled two of its activities the other way round. */
function reordered({ name, json }: (typeof FIXTURES)[number]): (typeof FIXTURES)[number] | null {
  const twin = structuredClone(json);
  const steps = twin.events.filter((e) => e.eventType === 'EVENT_TYPE_ACTIVITY_TASK_SCHEDULED').map(attributesOf);
  const typeOf = (a: Attributes): string => (a.activityType as { name: string }).name;
  const second = steps.findIndex((a, i) => i > 0 && typeOf(a) !== typeOf(steps[i - 1]!));
  if (second < 0) return null;
  const [a, b] = [steps[second - 1]!, steps[second]!];
  [a.activityType, b.activityType] = [b.activityType, a.activityType];
  [a.taskQueue, b.taskQueue] = [b.taskQueue, a.taskQueue];
  return { name, json: twin };
}

test('every kind of run that was recorded takes the same steps today', async () => {
  const failed = [...(await replay(FIXTURES))].filter(([, error]) => error !== null);
  assert.deepEqual(
    failed.map(([name, error]) => `${name}: ${whyOf(error!)}`),
    [],
  );
});

test('two steps the other way round are found, in every one of them', async () => {
  const twins = FIXTURES.flatMap((f) => reordered(f) ?? []);
  const single = FIXTURES.filter((f) => !twins.some((t) => t.name === f.name)).map((f) => f.name);
  assert.deepEqual(single, ['readmit-joined', 'recover-denied', 'recover-joined'], 'these have one activity alone');
  for (const [name, error] of await replay(twins)) {
    assert.ok(error instanceof DeterminismViolationError, `${name}: ${error?.message ?? 'went through'}`);
    assert.match(
      whyOf(error),
      /Activity type of scheduled event '\w+' does not match activity type of activity command/,
      name,
    );
  }
});

test('there is a closed history of every workflow and of every outcome, and none names the machine that it was made on', () => {
  const types = new Set<string>();
  const outcomes = new Set<string>();
  for (const { name, json } of FIXTURES) {
    const { workflowType } = attributesOf(json.events[0]!) as { workflowType: { name: string } };
    const last = json.events.at(-1)!;
    assert.match(last.eventType, /EXECUTION_(COMPLETED|CONTINUED_AS_NEW)$/, `${name} is closed, in order`);
    types.add(workflowType.name);
    const reports: string[] = [WORKFLOW_TYPES.recover, WORKFLOW_TYPES.drain];
    if (reports.includes(workflowType.name) && /COMPLETED$/.test(last.eventType)) outcomes.add(resultOf(last).outcome);
    assert.doesNotMatch(JSON.stringify(json), /"identity"/, name);
  }
  assert.deepEqual(types, new Set(Object.values(WORKFLOW_TYPES)));
  assert.deepEqual(outcomes, new Set(RUN_OUTCOMES));
});

function resultOf(last: HistoryEventJson): { outcome: string } {
  const { result } = attributesOf(last) as { result: { payloads: { data: string }[] } };
  return JSON.parse(Buffer.from(result.payloads[0]!.data, 'base64').toString()) as { outcome: string };
}
