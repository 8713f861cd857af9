// An Ironic with one node, behind a Keystone, with the faults that real ones have.
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { login, startCloud, type ScriptedCloud } from '../openstack/scripted-cloud.ts';

export const NODE_ID = '00000000-0000-4000-8000-0000000000aa';
export const INSTANCE = '00000000-0000-4000-8000-0000000000bb';

export interface IronicState {
  power: 'on' | 'off';
  fault: string | null;
  /** Over what the node says. */
  said?: Record<string, unknown>;
  /** So many times 409 first. */
  locked: number;
  /** What a list of all tells, two a page. */
  machines?: Record<string, unknown>[];
}

export interface IronicApi {
  state: IronicState;
  /** `PUT /v1/nodes/…/states/power {"target":"power off"}` */
  requests: string[];
  headers: IncomingMessage['headers'][];
  cloud: ScriptedCloud;
  connect(): ReturnType<Awaited<ReturnType<typeof startCloud>>['connect']>;
  set(change: Partial<IronicState>): Promise<void>;
  close(): Promise<void>;
}

const failure = (faultstring: string) => ({ error_message: JSON.stringify({ faultcode: 'Client', faultstring }) });
const STATUS: Record<string, [number, string]> = {
  lacksPrivilege: [403, 'Access was denied'],
  noSuchMachine: [404, 'Node compute-1 could not be found'],
};

/** `path`: as it stands in the catalog. */
export async function ironicApi(name: string, path = ''): Promise<IronicApi> {
  const state: IronicState = { power: 'on', fault: null, locked: 0 };
  const requests: string[] = [];
  const headers: IncomingMessage['headers'][] = [];
  const cloud = await startCloud();

  const node = () => ({
    uuid: state.fault === 'otherMachine' ? NODE_ID.replace('aa', 'cc') : NODE_ID,
    name,
    instance_uuid: INSTANCE,
    power_state: state.fault === 'cannotTell' ? 'error' : `power ${state.power}`,
    target_power_state: null,
    maintenance: false,
    power_interface: 'ipmitool',
    ...state.said,
  });

  function page({ searchParams }: URL): unknown {
    const from = Number(searchParams.get('marker') ?? 0);
    const all = state.machines ?? [node()];
    const next = from + 2 < all.length ? { next: `http://behind-a-proxy/v1/nodes/detail?marker=${from + 2}` } : {};
    return { nodes: all.slice(from, from + 2), ...next };
  }

  function answer(method: string, url: URL, body: string): [number, unknown] {
    if (url.pathname === '/v1/') return [200, { version: { id: 'v1', version: '1.95', min_version: '1.1' } }];
    const known = STATUS[state.fault ?? ''];
    if (known) return [known[0], failure(known[1])];
    if (url.pathname === '/v1/nodes/detail' && !url.searchParams.has('instance_uuid')) return [200, page(url)];
    if (url.pathname === '/v1/nodes/detail')
      return [200, { nodes: url.searchParams.get('instance_uuid') === INSTANCE ? [node()] : [] }];
    if (method === 'GET' && url.pathname === `/v1/nodes/${name}`) return [200, node()];
    if (method !== 'PUT' || !url.pathname.endsWith('/states/power')) return [404, failure('not found')];
    if (state.locked-- > 0) return [409, failure('Node compute-1 is locked by host conductor-1')];
    if (state.fault === 'refuses')
      return [400, failure('The requested action can not be performed in state deploying')];
    const { target } = JSON.parse(body) as { target: string };
    if (state.fault !== 'lies') state.power = target === 'power on' ? 'on' : 'off';
    return [202, undefined];
  }

  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      requests.push(`${request.method} ${request.url} ${body}`.trim());
      headers.push(request.headers);
      if (state.fault === 'hangs') return;
      const nonsense = state.fault === 'speaksNonsense';
      if (nonsense) return void response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Welcome</html>');
      const [status, told] = answer(request.method ?? '', new URL(request.url ?? '', 'http://ironic'), body);
      if (request.method === 'PUT' && state.fault === 'losesReply') return void request.socket.destroy();
      response.writeHead(status, { 'content-type': 'application/json' }).end(told ? JSON.stringify(told) : '');
    });
  });
  const listen = (port: number): Promise<void> => new Promise((done) => server.listen(port, '127.0.0.1', done));
  const shut = (): Promise<void> =>
    new Promise((done) => {
      server.close(() => done());
      server.closeAllConnections();
    });
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}${path}`;
  cloud.on('POST /identity/v3/auth/tokens', (_, nth) => {
    if (state.fault === 'wrongPassword')
      return {
        status: 401,
        json: { error: { code: 401, message: 'The request you have made requires authentication.' } },
      };
    const reply = login(cloud.url, nth, 3_600_000) as { json: { token: { catalog: unknown[] } } };
    reply.json.token.catalog.push({ type: 'baremetal', endpoints: [{ interface: 'public', region_id: 'one', url }] });
    return reply;
  });
  return {
    state,
    cloud,
    requests,
    headers,
    connect: () => cloud.connect(),
    set: async (change) => {
      const before = state.fault;
      Object.assign(state, change);
      if (before === 'unreachable' && state.fault !== 'unreachable') await listen(port);
      if (before !== 'unreachable' && state.fault === 'unreachable') await shut();
      // What Keystone refused is not asked again for half a minute.
      if (before === 'wrongPassword') cloud.later(60_000);
    },
    close: async () => {
      await cloud.close();
      if (server.listening) await shut();
    },
  };
}

// Machines of its list

let ids = 0;
export const machine = (name: string, info: Record<string, unknown>, more: Record<string, unknown> = {}) => ({
  ...{ uuid: `00000000-0000-4000-8000-${String((ids += 1)).padStart(12, '0')}`, name, driver: 'ipmi' },
  ...{ power_interface: 'ipmitool', driver_info: info, properties: {}, extra: {}, instance_info: {}, ...more },
});
export const bmc = (host: string, more: Record<string, unknown> = {}) => ({
  ...{ ipmi_address: host, ipmi_username: 'admin', ipmi_password: '******', ...more },
});
export const system = (address: string, id: string | null, more: Record<string, unknown> = {}) => ({
  ...{ redfish_address: address, ...(id && { redfish_system_id: id }), redfish_username: 'root', ...more },
});
export const byRedfish = { driver: 'redfish', power_interface: 'redfish' };
