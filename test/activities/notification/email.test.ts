import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { NotificationError, type NotificationChannel } from '../../../activities/notification/driver.ts';
import { email, emailOptions } from '../../../activities/notification/email.ts';
import { aMessage, channelConformance, type ChannelBench } from './conformance.ts';
import { LOOPBACK_CERT } from './loopback-cert.ts';
import { startMailbox, type Mailbox, type MailboxOptions } from './smtp.ts';

const never = (): AbortSignal => new AbortController().signal;
const LOGIN = { username: 'lifeboat', password: 'right one' };

/** A channel to this port of 127.0.0.1; `password` is what its secret resolves to. */
function channelTo(
  port: number,
  options: Record<string, unknown> = {},
  password = LOGIN.password,
): NotificationChannel {
  const parsed = emailOptions.parse({
    ...{ host: '127.0.0.1', port, tls: 'none', from: 'lifeboat@cloud.example.net', timeout: 20_000 },
    ...options,
  });
  return email.create(parsed, { secret: async () => password });
}

async function bench(): Promise<ChannelBench> {
  const box = await startMailbox({ login: LOGIN });
  const login = { username: LOGIN.username, password: { env: 'MAIL_PASSWORD' } };
  return {
    channel: channelTo(box.port, login),
    received: () =>
      box.mails.map((m, n) => ({
        id: m.messageId ?? '',
        to: box.envelopes[n]?.join() ?? '',
        subject: m.subject ?? '',
        text: m.text ?? '',
        html: m.html || '',
        attachments: m.attachments.map((a) => ({ name: a.filename ?? '', content: a.content.toString() })),
      })),
    refuse: (address, how) =>
      void (how === 'no' ? box.refuse.delete(address) : box.refuse.set(address, how === 'forGood' ? 550 : 451)),
    withWrongSecret: (secret) => channelTo(box.port, login, secret),
    nobodyThere: () => channelTo(1),
    close: box.close,
  };
}

channelConformance('email', bench);

describe('email', () => {
  const open: (() => Promise<void>)[] = [];
  const mailbox = async (options?: MailboxOptions): Promise<Mailbox> => {
    const box = await startMailbox(options);
    open.push(box.close);
    return box;
  };
  let folder: string;
  before(async () => void (folder = await mkdtemp(join(tmpdir(), 'lifeboat-mail-'))));
  after(async () => {
    await Promise.all(open.map((close) => close()));
    await rm(folder, { recursive: true });
  });

  it('makes the Message-ID of the message id and the domain it sends from', async () => {
    const box = await mailbox();
    await channelTo(box.port).deliver(aMessage('lifeboat.0a1b', 'ann@example.net'), never());
    assert.equal(box.mails[0]?.messageId, '<lifeboat.0a1b@cloud.example.net>');
  });

  it('asks automatic answerers to keep quiet, and says whom to answer', async () => {
    const box = await mailbox();
    const from = { name: 'Cloud, operators', address: 'lifeboat@cloud.example.net' };
    await channelTo(box.port, { from, replyTo: 'help@example.net' }).deliver(aMessage('a', 'ann@example.net'), never());
    const [mail] = box.mails;
    assert.equal(mail?.headers.get('auto-submitted'), 'auto-generated');
    assert.equal(mail?.replyTo?.text, 'help@example.net');
    assert.deepEqual(mail?.from?.value, [from]);
  });

  it('lets no name or subject begin another header', async () => {
    const box = await mailbox();
    const hostile = 'web-1\r\nBcc: eve@example.net\r\n\r\n<p>body';
    const message = aMessage('a', 'ann@example.net', { subject: hostile });
    await channelTo(box.port).deliver({ ...message, to: { name: hostile, address: 'ann@example.net' } }, never());
    const [mail] = box.mails;
    assert.deepEqual(box.envelopes, [['ann@example.net']]);
    assert.equal(mail?.bcc, undefined);
    assert.equal(mail?.subject, 'web-1 Bcc: eve@example.net <p>body');
    assert.doesNotMatch(box.raw[0] ?? '', /^bcc:/im);
  });

  it('sends nothing to an address that could name two', async () => {
    const box = await mailbox();
    for (const address of [
      'a@example.net, eve@example.net',
      'a@example.net\r\nRCPT TO:<eve@example.net>',
      'Ann <a@b.c>',
    ])
      await assert.rejects(channelTo(box.port).deliver(aMessage('a', address), never()), { permanent: true });
    assert.equal(box.mails.length, 0);
  });

  it('is final about a message that is refused for its content', async () => {
    const box = await mailbox();
    box.refuseData = 554;
    await assert.rejects(channelTo(box.port).deliver(aMessage('a', 'ann@example.net'), never()), { permanent: true });
  });

  it('is not final where the server wants a login', async () => {
    const box = await mailbox({ login: LOGIN });
    await assert.rejects(channelTo(box.port).deliver(aMessage('a', 'ann@example.net'), never()), (e) => {
      assert.match(String(e), /the server wants a login/);
      return e instanceof NotificationError && !e.permanent;
    });
  });

  it('sends nothing without the login it was given, though the server would take it', async () => {
    const box = await mailbox();
    const channel = channelTo(box.port, { username: 'lifeboat', password: { env: 'X' } });
    await assert.rejects(channel.deliver(aMessage('a', 'ann@example.net'), never()), { permanent: false });
    assert.equal(box.mails.length, 0);
  });

  it('delivers over STARTTLS to a server whose authority it was given', async () => {
    const box = await mailbox({ login: LOGIN, starttls: true });
    const caFile = join(folder, 'ca.pem');
    await writeFile(caFile, LOOPBACK_CERT);
    const login = { username: LOGIN.username, password: { env: 'X' } };
    const channel = channelTo(box.port, { tls: 'starttls', caFile, ...login });
    assert.equal(await channel.probe(never()), `127.0.0.1:${box.port} answers with STARTTLS, logged in as lifeboat`);
    await channel.deliver(aMessage('a', 'ann@example.net'), never());
    assert.equal(box.mails.length, 1);
  });

  it('sends nothing over STARTTLS to a server that it cannot trust, or that offers none', async () => {
    const untrusted = await mailbox({ starttls: true });
    const plain = await mailbox();
    for (const box of [untrusted, plain]) {
      const channel = channelTo(box.port, { tls: 'starttls' });
      await assert.rejects(
        channel.deliver(aMessage('a', 'ann@example.net'), never()),
        /NotificationError: .*: TLS failed: check tls and caFile/,
      );
      assert.equal(box.mails.length, 0);
    }
  });

  it('gives up on a server that never greets', async () => {
    const silent = createServer().listen(0, '127.0.0.1');
    open.push(() => new Promise((resolve) => silent.close(() => resolve())));
    await new Promise((resolve) => silent.once('listening', resolve));
    silent.on('connection', (socket) => socket.on('error', () => undefined));
    const channel = channelTo((silent.address() as AddressInfo).port, { timeout: 1_000 });
    await assert.rejects(channel.deliver(aMessage('a', 'ann@example.net'), never()), /no answer in time/);
    await assert.rejects(channel.probe(never()), /no answer in time/);
  });

  it('refuses to send a password in clear over the network', () => {
    const options = { tls: 'none', from: 'a@b.example', username: 'u', password: { env: 'X' } };
    assert.equal(emailOptions.safeParse({ ...options, host: 'mail.example.net' }).success, false);
    assert.equal(emailOptions.safeParse({ ...options, host: '127.0.0.1' }).success, true);
  });
});
