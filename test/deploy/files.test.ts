import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { ROLES } from '../../workflows/contract.ts';
import { DEPLOY } from './expressions.ts';

const run = promisify(execFile);
const UNITS = path.join(DEPLOY, 'systemd');
const read = (name: string): string => readFileSync(path.join(DEPLOY, name), 'utf8');
const roleOf = (name: string): string | undefined => /^lifeboat@(\w+)\.service\.d$/.exec(name)?.[1];

test('each role is shown the secrets that it needs and no other', () => {
  const shown = Object.fromEntries(
    readdirSync(UNITS).flatMap((name) => {
      const role = roleOf(name);
      if (role === undefined) return [];
      const text = read(`systemd/${name}/secrets.conf`);
      return [[role, [...text.matchAll(/^LoadCredential=([\w.-]+):/gm)].map((m) => m[1])] as const];
    }),
  );
  assert.deepEqual(shown, {
    monitor: ['clouds.yaml'],
    evacuation: ['clouds.yaml'],
    fencing: ['clouds.yaml', 'bmc-password'],
    notification: ['clouds.yaml', 'mail-password'],
  });
  assert.deepEqual(
    Object.keys(shown).filter((role) => !(ROLES as readonly string[]).includes(role)),
    [],
  );
});

test('the unit and the container start what the build makes, and give evacuations their time to end', () => {
  const unit = read('systemd/lifeboat@.service');
  const container = read('Containerfile');
  const build = readFileSync(path.join(DEPLOY, '../scripts/build.ts'), 'utf8');
  assert.match(build, /built: node dist\/workers\/main\.js/);
  assert.match(unit, /^ExecStart=\/usr\/bin\/node \/opt\/lifeboat\/dist\/workers\/main\.js --config \S+ --role %i /m);
  assert.match(container, /^ENTRYPOINT \["node", "dist\/workers\/main\.js"\]$/m);
  assert.ok(Number(/^TimeoutStopSec=(\d+)$/m.exec(unit)?.[1]) > 20);
  const { engines } = JSON.parse(readFileSync(path.join(DEPLOY, '../package.json'), 'utf8')) as {
    engines: { node: string };
  };
  assert.equal(/^ARG NODE=(\d+)/m.exec(container)?.[1], /(\d+)/.exec(engines.node)?.[1]);
  const copied = [...container.matchAll(/^COPY (?!--from)(.+) \.\S*$/gm)].flatMap((m) => m[1]!.split(' '));
  assert.deepEqual(
    copied.filter((name) => !existsSync(path.join(DEPLOY, '..', name))),
    [],
  );
});

// Where systemd is installed.
if (existsSync('/usr/bin/systemd-analyze') && existsSync('/usr/bin/node')) {
  test('systemd accepts the unit of every role', async (t) => {
    const folder = await mkdtemp(path.join(tmpdir(), 'lifeboat-units-'));
    t.after(() => rm(folder, { recursive: true, force: true }));
    await cp(UNITS, folder, { recursive: true });
    for (const role of ROLES)
      await cp(path.join(UNITS, 'lifeboat@.service'), path.join(folder, `lifeboat@${role}.service`));
    const units = ROLES.map((role) => `./lifeboat@${role}.service`);
    const env = { ...process.env, SYSTEMD_UNIT_PATH: `${folder}:/usr/lib/systemd/system:/lib/systemd/system` };
    const { stderr } = await run('/usr/bin/systemd-analyze', ['verify', '--man=no', ...units], { cwd: folder, env });
    assert.deepEqual(
      stderr.split('\n').filter((line) => /lifeboat/.test(line)),
      [],
    );
  });
}
