// The mailbox of everybody: a real SMTP server that keeps every message.
import type { AddressInfo } from 'node:net';
import { simpleParser } from 'mailparser';
import { SMTPServer } from 'smtp-server';
import type { SMTPServerSession } from 'smtp-server';
import type { WorldLog } from './log.ts';

export interface FullMail {
  messageId: string;
  from: string;
  to: string[];
  subject: string;
  text: string;
  html: string;
  headers: Record<string, string>;
  attachments: { name: string; type: string; size: number; content: string }[];
  /** Milliseconds since the world began. */
  at: number;
  raw: string;
}

export interface MailFaults {
  /** 550 for these addresses. */
  refuse?: RegExp;
  /** 451 for so many messages. */
  busy?: number;
  /** Keeps so many messages but answers 421: they come again. */
  takeThenDrop?: number;
  slowMs?: number;
  /** Wants AUTH with these. */
  login?: { user: string; password: string };
}

export interface Mailbox {
  host: string;
  port: number;
  mails: FullMail[];
  faults: MailFaults;
  to(address: string): FullMail[];
  down(): Promise<void>;
  up(): Promise<void>;
}

export async function openMailbox(log: WorldLog): Promise<Mailbox> {
  let server: SMTPServer | null = null;
  const box: Mailbox = {
    host: '127.0.0.1',
    port: 0,
    mails: [],
    faults: {},
    to: (address) => box.mails.filter((m) => m.to.includes(address)),
    down: async () => {
      const old = server;
      server = null;
      if (old) await new Promise<void>((resolve) => old.close(() => resolve()));
    },
    up: async () => {
      if (!server) server = await listen(box, log);
    },
  };
  await box.up();
  return box;
}

async function listen(box: Mailbox, log: WorldLog): Promise<SMTPServer> {
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    allowInsecureAuth: true,
    disableReverseLookup: true,
    closeTimeout: 50,
    logger: false,
    onAuth(auth, _session, done) {
      const wanted = box.faults.login;
      const right = !wanted || (auth.username === wanted.user && auth.password === wanted.password);
      if (right) done(null, { user: auth.username });
      else done(new Error('Invalid username or password'));
    },
    onRcptTo(address, session, done) {
      if (box.faults.login && !session.user) return done(refusal(530, 'Authentication required'));
      if (!box.faults.refuse?.test(address.address)) return done();
      log.add({ kind: 'mail-refused', to: address.address, why: '550' });
      return done(refusal(550, 'No such user here'));
    },
    onData(stream, session, done) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        take(box, log, session, Buffer.concat(chunks)).then(() => done(), done);
      });
    },
  });
  server.on('error', () => {});
  await new Promise<void>((resolve, reject) => {
    server.server.once('error', reject);
    server.listen(box.port, box.host, () => resolve());
  });
  box.port = (server.server.address() as AddressInfo).port;
  return server;
}

function refusal(code: number, text: string): Error {
  return Object.assign(new Error(text), { responseCode: code });
}

async function take(box: Mailbox, log: WorldLog, session: SMTPServerSession, data: Buffer): Promise<void> {
  const to = session.envelope.rcptTo.map((r) => r.address);
  if (box.faults.slowMs) await new Promise((resolve) => setTimeout(resolve, box.faults.slowMs).unref());
  if ((box.faults.busy ?? 0) > 0) {
    box.faults.busy = (box.faults.busy ?? 0) - 1;
    log.add({ kind: 'mail-refused', to: to.join(', '), why: '451' });
    throw refusal(451, 'Try again later');
  }
  const parsed = await simpleParser(data);
  const mail: FullMail = {
    messageId: parsed.messageId ?? '',
    from: session.envelope.mailFrom ? session.envelope.mailFrom.address : '',
    to,
    subject: parsed.subject ?? '',
    text: parsed.text ?? '',
    html: parsed.html || '',
    headers: Object.fromEntries(parsed.headerLines.map((h) => [h.key, h.line.replace(/^[^:]*:\s*/, '')])),
    attachments: parsed.attachments.map((a) => ({
      name: a.filename ?? '',
      type: a.contentType,
      size: a.size,
      content: a.content.toString('utf8'),
    })),
    at: log.now(),
    raw: data.toString('utf8'),
  };
  box.mails.push(mail);
  const { raw: _, ...kept } = mail;
  log.add({ kind: 'mail', mail: kept });
  if ((box.faults.takeThenDrop ?? 0) > 0) {
    box.faults.takeThenDrop = (box.faults.takeThenDrop ?? 0) - 1;
    throw refusal(421, 'Closing the connection');
  }
}
