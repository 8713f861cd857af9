// Following a run on a real server: who does not answer is named, and an end that is no result is said.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { parseConfig } from '../../workers/config.ts';
import { stateQuery } from '../../workflows/verbs.ts';
import { WORKFLOW_TYPES } from '../../workflows/contract.ts';
import { Unreachable } from '../../scripts/cli/command.ts';
import { follow } from '../../scripts/cli/follow.ts';
import type { Feed } from '../../scripts/cli/print.ts';
import { openNow, openRun } from '../../scripts/cli/start-run.ts';
import { pollersOf, workersThere, type Temporal } from '../../scripts/cli/temporal.ts';
import { devServer, type LocalTemporal } from '../support/temporal.ts';

let server: LocalTemporal;
let temporal: Temporal;
const mute: Feed = { line: () => undefined, live: () => undefined, end: () => undefined };
const quick = { query: stateQuery, feed: mute, onState: () => undefined, patienceMs: 500 };

before(async () => {
  server = await devServer();
  const { client, connection } = server.env;
  const config = parseConfig('cloud: empty\n', 'empty.yaml');
  temporal = { client, connection, namespace: 'default', address: server.server.address, config };
});
after(() => server.teardown());

const start = (node: string) =>
  openRun(temporal, { node, type: WORKFLOW_TYPES.recover, input: { node }, summary: 'test' });

test('where nobody ever polled, nothing is started, and it says how to start a worker', async () => {
  assert.deepEqual((await pollersOf(temporal, 'workflow')).workers, []);
  await assert.rejects(workersThere(temporal, ['workflow'], 'nothing was started'), (error) => {
    assert.ok(error instanceof Unreachable, String(error));
    assert.match(
      error.message,
      /^no worker polls lifeboat-empty: nothing was started \(start one: npm start -- --config empty\.yaml --role workflow\)$/,
    );
    return true;
  });
});

test('a run that no worker answers for is said to be open, with the queue', async () => {
  const { handle } = await start('compute-1');
  await assert.rejects(follow({ ...quick, temporal, handle }), (error) => {
    assert.ok(error instanceof Unreachable, String(error));
    assert.match(
      error.message,
      /^no worker polls lifeboat-empty: the run empty\/compute-1 is open and goes on when one does/,
    );
    return true;
  });
});

test('a second start finds the run that is open; one that was terminated is none', async () => {
  const first = await start('compute-2');
  const second = await start('compute-2');
  assert.deepEqual([first.started, second.started, second.runId], [true, false, first.runId]);
  assert.equal(second.type, WORKFLOW_TYPES.recover);
  await first.handle.terminate('by a person');
  assert.equal(await openNow(temporal, first.workflowId), null);
  await assert.rejects(
    follow({ ...quick, temporal, handle: first.handle }),
    /the run empty\/compute-2 did not end by itself: by a person/,
  );
});
