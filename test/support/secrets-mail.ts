// A mail server that says aloud what it was given to log in with, until it is told to be polite.
import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';
import { waysToTell } from './secrets-echo.ts';

export interface RudeMailServer {
  port: number;
  polite: boolean;
  /** Logins that were refused with an echo. */
  refused: number;
  /** What arrived, as it was sent. */
  mails: string[];
  close(): Promise<void>;
}

export async function openRudeMailServer(user: string, password: string): Promise<RudeMailServer> {
  const tell = waysToTell();
  const server = new SMTPServer({
    disabledCommands: ['STARTTLS'],
    ...{ allowInsecureAuth: true, disableReverseLookup: true, closeTimeout: 50, logger: false },
    onAuth(auth, _session, done) {
      if (box.polite && auth.username === user && auth.password === password) return done(null, { user });
      box.refused += 1;
      const said = tell(auth.password ?? '');
      return done(Object.assign(new Error(said), { responseCode: 535 }));
    },
    onData(stream, _session, done) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        box.mails.push(Buffer.concat(chunks).toString());
        done();
      });
    },
  });
  server.on('error', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const box: RudeMailServer = {
    port: (server.server.address() as AddressInfo).port,
    polite: false,
    refused: 0,
    mails: [],
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
  return box;
}
