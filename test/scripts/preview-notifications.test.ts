// What would be sent, as files: by a process of its own, with every driver that there is.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { stringify } from 'yaml';
import { notificationDrivers } from '../../activities/notification/index.ts';
import { STAGES } from '../../workflows/contract.ts';
import { startHooks, type Hooks } from '../activities/notification/hooks.ts';
import { runScript, type Ran } from './run-script.ts';

const secret = { env: 'NO_SUCH_VARIABLE' };

describe('npm run preview-notifications', () => {
  let folder: string;
  let hooks: Hooks;
  let ran: Ran;
  const out = (name: string): string => join(folder, 'out', name);
  const read = (name: string): Promise<string> => readFile(out(name), 'utf8');
  const configured = async (name: string, channels: object[], more: object = {}): Promise<string> => {
    const file = join(folder, name);
    await writeFile(file, stringify({ cloud: 'prod', notification: { channels, ...more } }));
    return file;
  };
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lifeboat-preview-'));
    hooks = await startHooks();
    const templates = join(folder, 'templates');
    await mkdir(templates);
    await writeFile(join(templates, 'admin-alarm.txt'), 'Subject: own alarm of {{cloud}}\n\nOwn words.\n');
    const mail = { host: '127.0.0.1', port: hooks.port, tls: 'none', from: 'cloud@example.net' };
    const config = await configured(
      'all.yaml',
      [
        { driver: 'email', options: mail },
        {
          driver: 'webhook',
          name: 'desk',
          options: { url: hooks.origin, signature: secret, headers: { 'X-Key': secret } },
        },
        { driver: 'webhook', name: 'crm', audience: 'users', options: { url: hooks.origin, per: 'recipient' } },
        { driver: 'slack', options: { url: secret } },
        { driver: 'teams', stages: ['blocked'], options: { url: secret } },
        { driver: 'pagerduty', options: { routingKey: secret } },
        { driver: 'command', options: { program: '/no/such/program', env: { A_TOKEN: secret } } },
      ],
      { templates, admins: ['ops@example.net'] },
    );
    ran = await runScript('preview-notifications', ['--config', config, '--out', join(folder, 'out')]);
  });
  after(async () => {
    await hooks.close();
    await rm(folder, { recursive: true });
  });

  it('shows every stage by every driver, from an index whose links lead to files', async () => {
    assert.equal(ran.code, 0, ran.stderr);
    const index = await read('index.html');
    const links = [...index.matchAll(/href="([^"]+)"/g)].map((m) => decodeURI(m[1]!));
    assert.ok(links.length > 50);
    for (const link of links) assert.ok(existsSync(out(link)), link);
    for (const stage of STAGES)
      assert.ok(
        links.some((l) => l.startsWith(`${stage}-`)),
        stage,
      );
    for (const driver of Object.keys(notificationDrivers)) assert.ok(index.includes(driver), driver);
    assert.match(ran.stdout, new RegExp(`^wrote ${links.length} messages: .*index\\.html\n$`));
  });

  it('connects to nothing, starts nothing, and needs no secret', () => {
    assert.deepEqual(hooks.seen, []);
    assert.equal(ran.stderr.includes('NO_SUCH_VARIABLE'), false);
  });

  it('keeps beside each page what is sent as it stands', async () => {
    const files = await readdir(join(folder, 'out'));
    for (const name of files.filter((f) => f.endsWith('.json'))) JSON.parse(await read(name));
    assert.match(await read('finished-email-ann.mail.html'), /Your 2 instances are back/);
    assert.match(await read('finished-email-ann.txt'), /^Hello ann,/);
    const posted = JSON.parse(await read('blocked-desk.json')) as { stage: string; question: { answers: object[] } };
    assert.deepEqual([posted.stage, posted.question.answers.length], ['blocked', 3]);
    assert.ok(files.includes('finished-email-admin.report.json'));
  });

  it('keeps to stages, audiences and own templates as configured', async () => {
    const files = (await readdir(join(folder, 'out'))).filter((f) => f.endsWith('.json'));
    assert.deepEqual(
      files.filter((f) => f.includes('-teams')),
      ['blocked-reminder-teams.json', 'blocked-teams.json'],
    );
    assert.ok(files.some((f) => f.endsWith('-crm-ann.json')) && !files.some((f) => /^blocked.*-crm/.test(f)));
    assert.match(await read('alarm-email-admin.html'), /own alarm of prod[^]*Own words\./);
  });

  it('shows tenants no node, and of each other nothing', async () => {
    for (const name of (await readdir(join(folder, 'out'))).filter((f) =>
      /-(ann|bob)\.(html|txt|json|mail\.html)$/.test(f),
    )) {
      const text = await read(name);
      assert.doesNotMatch(text, /compute-\d/, name);
      assert.doesNotMatch(text, name.includes('-ann.') ? /ledger/ : /shop-/, name);
    }
  });

  it('has pages that load nothing from elsewhere and run no script', async () => {
    for (const name of (await readdir(join(folder, 'out'))).filter((f) => f.endsWith('.html'))) {
      assert.doesNotMatch(await read(name), /<script|<link|<img|src="http|@import|url\(/i, name);
    }
  });

  it('ends with 1 where nobody would be told, and with 2 where the configuration is wrong', async () => {
    const [nobody, wrong] = await Promise.all([
      configured('none.yaml', []).then((c) => runScript('preview-notifications', ['--config', c])),
      configured('wrong.yaml', [{ driver: 'slack', audience: 'users', options: { url: secret } }]).then((c) =>
        runScript('preview-notifications', ['--config', c]),
      ),
    ]);
    assert.equal(nobody.code, 1);
    assert.match(nobody.stderr, /no channel tells anybody anything \(notification\.channels\)/);
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /notification\.channels\[0\]\.audience: slack is no person/);
  });
});
