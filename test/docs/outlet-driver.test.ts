// The driver of docs/drivers/README.md, held to the same promises as the shipped ones, and loaded as a module of somebody else.
import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import type { FencingDriver } from '../../activities/fencing/driver.ts';
import { createFencing, fencingConfig } from '../../activities/fencing/levels.ts';
import { contextOf, fencingConformance, PASSWORD, type Machine } from '../activities/fencing/conformance.ts';
import outlet from './outlet-driver.ts';

type Fault = NonNullable<Parameters<Machine['set']>[0]['fault']>;

const SERIAL = 'SN-4711';
const STATUS: Partial<Record<Fault, number>> = {
  wrongPassword: 401,
  lacksPrivilege: 403,
  noSuchMachine: 404,
  refuses: 503,
};

/** A strip with one outlet, on a free port of the loopback. */
async function strip(): Promise<Machine> {
  let power: 'on' | 'off' = 'on';
  let fault: Fault | null = null;
  const commands: string[] = [];
  const answer = (request: IncomingMessage, response: ServerResponse, body: string): void => {
    commands.push(`${request.method} ${body}`);
    const status = request.headers.authorization === `Bearer ${PASSWORD}` ? fault && STATUS[fault] : 401;
    if (fault === 'hangs') return;
    if (status) return void response.writeHead(status).end('no');
    if (fault === 'speaksNonsense') return void response.end('<html>Welcome</html>');
    if (request.method === 'PUT' && fault !== 'lies') power = (JSON.parse(body) as { state: 'on' | 'off' }).state;
    if (fault === 'losesReply') return void request.socket.destroy();
    response.end(JSON.stringify({ state: power, serial: fault === 'otherMachine' ? 'SN-1' : SERIAL }));
  };
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => answer(request, response, body));
  });
  const listen = (port: number): Promise<void> => new Promise((done) => server.listen(port, '127.0.0.1', done));
  const shut = (): Promise<void> =>
    new Promise((done) => {
      server.close(() => done());
      server.closeAllConnections();
    });
  await listen(0);
  const { port } = server.address() as AddressInfo;
  return {
    options: (identity) => ({
      url: `http://127.0.0.1:${port}`,
      outlet: 7,
      token: { env: 'STRIP_TOKEN' },
      ...(identity ? { serial: SERIAL } : {}),
    }),
    context: {},
    set: async (state) => {
      power = state.power ?? power;
      if (state.fault === undefined) return;
      if (fault === 'unreachable' && state.fault !== 'unreachable') await listen(port);
      if (state.fault === 'unreachable') await shut();
      fault = state.fault;
    },
    power: () => Promise.resolve(power),
    commands: () => Promise.resolve([...commands]),
    stop: async () => {
      if (server.listening) await shut();
    },
  };
}

const FAULTS = ['unreachable', 'wrongPassword', 'lacksPrivilege', 'noSuchMachine', 'refuses', 'otherMachine'] as const;

fencingConformance({
  driver: outlet as FencingDriver,
  faults: { status: [...FAULTS, 'speaksNonsense'], off: [...FAULTS, 'losesReply'] },
  refused: [{ url: 'strip-1' }, { outlet: 0 }, { token: 'written here' }, { serial: '' }],
  hasPassword: true,
  never: /reset|cycle|reboot/,
  start: strip,
});

test('the driver is found by its path, without a line in the registry', async () => {
  const machine = await strip();
  const driver = new URL('./outlet-driver.ts', import.meta.url).pathname;
  const devices = [{ driver, nodes: ['compute-1'], options: machine.options(true) }];
  const fencing = await createFencing(
    fencingConfig.parse({ levels: [{ name: 'strip', devices }] }),
    contextOf(machine),
  );
  const [level] = fencing.levelsOf('compute-1');
  const reading = await level!.devices[0]!.status(new AbortController().signal);
  await machine.stop();
  assert.deepEqual([reading.power, reading.identityConfirmed], ['on', true]);
});
