// A real SMTP server on a free port of 127.0.0.1 that keeps what it took and can be made to refuse.
import type { AddressInfo } from 'node:net';
import { simpleParser, type ParsedMail } from 'mailparser';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { LOOPBACK_CERT, LOOPBACK_KEY } from './loopback-cert.ts';

export interface Mailbox {
  port: number;
  mails: ParsedMail[];
  /** As they came over the wire, for what a parser would hide. */
  raw: string[];
  /** Recipients of the envelopes, one list a mail. */
  envelopes: string[][];
  /** Address → SMTP code with which it is refused. */
  refuse: Map<string, number>;
  /** Answers of DATA: a code refuses every message. */
  refuseData: number | null;
  close(): Promise<void>;
}

export interface MailboxOptions {
  /** Wanted from everybody; absent: no login is offered. */
  login?: { username: string; password: string };
  starttls?: boolean;
}

const coded = (code: number, text: string): Error => Object.assign(new Error(text), { responseCode: code });

export async function startMailbox({ login, starttls = false }: MailboxOptions = {}): Promise<Mailbox> {
  const box: Mailbox = { port: 0, mails: [], raw: [], envelopes: [], refuse: new Map(), refuseData: null, close };
  const disabledCommands = [...(starttls ? [] : ['STARTTLS']), ...(login ? [] : ['AUTH'])];
  const options: SMTPServerOptions = {
    disabledCommands,
    authOptional: !login,
    allowInsecureAuth: true,
    logger: false,
    key: LOOPBACK_KEY,
    cert: LOOPBACK_CERT,
    onAuth({ username, password }, _session, answer) {
      if (username === login?.username && password === login?.password) answer(null, { user: username });
      else answer(coded(535, `5.7.8 no login for ${username} with ${password}`));
    },
    onRcptTo({ address }, _session, answer) {
      const code = box.refuse.get(address);
      answer(code === undefined ? null : coded(code, `no mail for ${address} here`));
    },
    onData(stream, session, answer) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        if (box.refuseData !== null) return answer(coded(box.refuseData, 'this message is not wanted'));
        const raw = Buffer.concat(chunks).toString('utf8');
        void simpleParser(raw).then((mail) => {
          box.raw.push(raw);
          box.mails.push(mail);
          box.envelopes.push(session.envelope.rcptTo.map((r) => r.address));
          answer(null);
        });
      });
    },
  };
  const server = new SMTPServer(options);
  // A client that breaks off is an event of the test, not a failure of the server.
  server.on('error', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  box.port = (server.server.address() as AddressInfo).port;
  return box;

  function close(): Promise<void> {
    return new Promise((resolve) => server.close(() => resolve()));
  }
}
