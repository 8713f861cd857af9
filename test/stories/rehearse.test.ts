// npm run rehearse: a recovery for real on a node that was set aside, and nothing of anybody else's is touched.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { runScript, startScript } from '../scripts/run-script.ts';
import { until } from '../support/until.ts';
import { shutTemporal, tellStory } from './harness.ts';

after(shutTemporal);
const NODE = 'compute-2';

test('refused on a node in service, of another reason, or with instances of others; then fenced, evacuated, timed and given back as it was', async (t) => {
  const s = await tellStory({ world: { instances: 12 } });
  t.after(() => s.end());
  const { world } = s;
  const env = { LIFEBOAT_CONFIG: s.config.file, TEMPORAL_ADDRESS: s.temporal.server.address, ...s.env };
  await s.lookout();
  const on = s.on(NODE);
  const projects = [...new Set([...on.values()].map((id) => world.truth().instances[id]!.project))];
  const named = projects.flatMap((id) => ['--project', id]);
  const refused = async (text: RegExp, ...args: string[]): Promise<void> => {
    const { code, stdout } = await runScript('rehearse', [NODE, '--by', 'ann', ...args], env);
    assert.equal(code, 1, stdout);
    assert.match(stdout, /^no rehearsal on compute-2; nothing was started/m);
    assert.match(stdout, text);
  };
  await refused(/! compute-2 is in service: set it aside first \(openstack compute service set --disable/, ...named);
  world.disableByPerson(NODE, 'new fans');
  await refused(/! compute-2 is disabled for another reason: new fans/, ...named);
  world.disableByPerson(NODE, 'rehearsal, ann');
  await refused(/instances? on compute-2 of projects that --project does not name: /, ...named.slice(2));
  assert.deepEqual(s.mutations(), []);
  const allowed = await runScript('rehearse', [NODE, '--by', 'ann', '--check', ...named], env);
  assert.equal(allowed.code, 0, allowed.stdout + allowed.stderr);

  const running = startScript('rehearse', [NODE, '--by', 'ann', '--json', ...named], env);
  await until(() => running.output().includes('Now make compute-2 fail'), { what: 'it asks', timeoutMs: 60_000 });
  assert.deepEqual([s.mutations(), world.log.of('power-command')], [[], []], 'what lives is not touched');
  await world.crash(NODE);
  const { code, stdout, stderr } = await running.ended;
  assert.equal(code, 0, stdout + stderr);
  const { works, stages, report, readmission } = JSON.parse(stdout) as {
    works: boolean;
    stages: { stage: string; seconds: number }[];
    report: Parameters<typeof s.audit>[1] & object;
    readmission: { outcome: string };
  };
  assert.deepEqual([works, report.outcome, readmission.outcome], [true, 'recovered', 'leftDisabled']);
  assert.equal(report.counts.recovered, on.size);
  assert.deepEqual(
    ['admitted', 'fenced', 'marked', 'firstEvacuation', 'evacuated'].filter((x) => !stages.some((y) => y.stage === x)),
    [],
  );
  assert.match(stderr, /rehearsed: it works/);
  const { reason, disabled, forcedDown, power } = world.truth().nodes[NODE]!;
  assert.deepEqual([reason, disabled, forcedDown, power], ['rehearsal, ann', true, false, 'on']);
  s.audit({}, report);
});
