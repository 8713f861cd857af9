import assert from 'node:assert/strict';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { command, commandOptions } from '../../../activities/notification/command.ts';
import type { NotificationChannel } from '../../../activities/notification/driver.ts';
import { until } from '../../support/until.ts';
import { aMessage, channelConformance, type ChannelBench, type Received } from './conformance.ts';

const never = (): AbortSignal => new AbortController().signal;
const RIGHT = 'right-one';

function channelTo(options: Record<string, unknown>, secret = RIGHT): NotificationChannel {
  return command.create(commandOptions.parse({ timeout: 20_000, ...options }), { secret: async () => secret });
}

/** A desk that keeps each message as a file, and refuses as the files `forGood` and `forNow` say. */
const DESK = `#!/bin/sh
cd "$1" || exit 70
cat > incoming.$$
if [ "$DESK_TOKEN" != ${RIGHT} ]; then echo "who is" >&2; echo "$DESK_TOKEN?" >&2; rm incoming.$$; exit 75; fi
if [ -f forGood ] && grep -q -f forGood incoming.$$; then echo "not wanted" >&2; rm incoming.$$; exit 1; fi
if [ -f forNow ] && grep -q -f forNow incoming.$$; then rm incoming.$$; exit 75; fi
mv incoming.$$ "taken.$$"
`;

channelConformance('command', async (): Promise<ChannelBench> => {
  const folder = mkdtempSync(join(tmpdir(), 'lifeboat-desk-'));
  const program = join(folder, 'desk');
  writeFileSync(program, DESK, { mode: 0o755 });
  const options = { program, args: [folder], per: 'recipient', env: { DESK_TOKEN: { env: 'T' } } };
  const read = (name: string): Received => {
    const { id, to, subject, text, html, attachments } = JSON.parse(
      readFileSync(join(folder, name), 'utf8'),
    ) as Received & {
      to: { address: string };
    };
    const files = attachments.map((a) => ({ name: a.name, content: a.content }));
    return { id, to: (to as { address: string }).address, subject, text, html, attachments: files };
  };
  return {
    channel: channelTo(options),
    blindProbe: true,
    received: () =>
      readdirSync(folder)
        .filter((name) => name.startsWith('taken.'))
        .map(read),
    refuse: (address, how) => {
      rmSync(join(folder, 'forGood'), { force: true });
      rmSync(join(folder, 'forNow'), { force: true });
      if (how !== 'no') writeFileSync(join(folder, how), `${address}\n`);
    },
    withWrongSecret: (secret) => channelTo(options, secret),
    nobodyThere: () => channelTo({ ...options, program: join(folder, 'no-such-desk') }),
    close: async () => rmSync(folder, { recursive: true }),
  };
});

describe('command', () => {
  let folder: string;
  before(async () => void (folder = await mkdtemp(join(tmpdir(), 'lifeboat-command-'))));
  after(() => rm(folder, { recursive: true }));
  const script = async (name: string, text: string): Promise<string> => {
    const path = join(folder, name);
    await writeFile(path, `#!/bin/sh\n${text}\n`);
    await chmod(path, 0o755);
    return path;
  };
  const deliver = (channel: NotificationChannel): Promise<void> => channel.deliver(aMessage('a', 'room'), never());

  it('believes the exit code: 0 took it, 75 not now, any other never', async () => {
    for (const code of [1, 2, 64, 69, 74, 76, 126, 127, 255]) {
      const program = await script('exits', `cat > /dev/null; echo why >&2; exit ${code}`);
      await assert.rejects(deliver(channelTo({ program })), (e) => {
        assert.match(String(e), new RegExp(`refused for good \\(exit code ${code}: why\\)`));
        return (e as { permanent?: boolean }).permanent === true;
      });
    }
    await assert.rejects(deliver(channelTo({ program: await script('exits', 'exit 75') })), { permanent: false });
    await deliver(channelTo({ program: await script('exits', 'exit 0') }));
  });

  it('kills one that does not end, with what it started, and may try again', async () => {
    const pid = join(folder, 'pid');
    const program = await script('hangs', `sleep 600 & echo $! > ${pid}; wait`);
    await assert.rejects(deliver(channelTo({ program, timeout: 1_000 })), (e) => {
      assert.match(String(e), /no answer in time, killed/);
      return (e as { permanent?: boolean }).permanent === false;
    });
    const child = (await readFile(pid, 'utf8')).trim();
    // Gone, or a zombie that nobody has waited for yet.
    const state = (): string => {
      const file = `/proc/${child}/stat`;
      return existsSync(file) ? (readFileSync(file, 'utf8').split(') ')[1]?.[0] ?? '') : 'gone';
    };
    await until(() => ['gone', 'Z'].includes(state()), { what: 'its child is killed', timeoutMs: 10_000 });
  });

  it('gives it no shell, and of our environment nothing that may hold a secret', async () => {
    process.env.LIFEBOAT_TEST_SECRET = 'not for it';
    try {
      const out = join(folder, 'out');
      const program = await script('tells', `cat > /dev/null; echo "$1" > ${out}; env >> ${out}`);
      await deliver(channelTo({ program, args: ['$(id); `id` > x'], env: { DESK: 'A', KEY: { env: 'K' } } }));
      const [first, ...rest] = (await readFile(out, 'utf8')).trim().split('\n');
      assert.equal(first, '$(id); `id` > x');
      const names = rest.map((line) => line.split('=')[0]!).filter((n) => !['PWD', 'SHLVL', '_', 'OLDPWD'].includes(n));
      assert.deepEqual(
        names.sort(),
        ['DESK', 'HOME', 'KEY', 'LANG', 'PATH', 'TZ'].filter((n) => names.includes(n)),
      );
      assert.ok(names.includes('KEY') && rest.includes('DESK=A'));
    } finally {
      delete process.env.LIFEBOAT_TEST_SECRET;
    }
  });

  it('says in probe that the program is not there, without running one that is', async () => {
    const ran = join(folder, 'ran');
    const program = await script('runs', `touch ${ran}`);
    assert.match(await channelTo({ program }).probe(never()), /is there/);
    assert.equal(existsSync(ran), false);
    await assert.rejects(channelTo({ program: join(folder, 'no') }).probe(never()), /there is no such program/);
  });

  it('refuses relative programs, secrets in the file, and unknown keys', () => {
    for (const wrong of [
      { program: 'desk' },
      { program: '/d', env: { API_TOKEN: 'abc' } },
      { program: '/d', env: { 'A B': 'abc' } },
      { program: '/d', shell: true },
    ])
      assert.equal(commandOptions.safeParse(wrong).success, false, JSON.stringify(wrong));
  });
});
