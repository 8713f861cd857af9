// A strip with one outlet, on a free port of the loopback, which fails as it is told.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PASSWORD, type Fault, type Machine } from 'lifeboat/conformance';

const SERIAL = 'SN-4711';
const STATUS: Partial<Record<Fault, number>> = {
  wrongPassword: 401,
  lacksPrivilege: 403,
  noSuchMachine: 404,
  refuses: 503,
};

export async function strip(): Promise<Machine> {
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
