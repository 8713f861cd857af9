// A node's BMC: Redfish over HTTP, with the faults that real ones have.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Centre } from './centre.ts';
import type { Node } from './model.ts';
import { powerDown, powerUp } from './node-life.ts';
import type { Handler, Request, Response } from './web.ts';

const SESSIONS = '/redfish/v1/SessionService/Sessions';
const MAX_SESSIONS = 8;

const redfishError = (status: number, message: string, headers: Record<string, string> = {}): Response => ({
  status,
  body: {
    error: {
      code: 'Base.1.8.GeneralError',
      message,
      '@Message.ExtendedInfo': [{ MessageId: 'Base.1.8.GeneralError', Message: message }],
    },
  },
  headers,
});

export function redfish(centre: Centre, node: Node): Handler {
  return async (request) => {
    const { faults } = node.bmc;
    const path = request.path.replace(/\/+$/, '');
    if (faults.slowMs) await sleep(faults.slowMs, undefined, { ref: false });
    if (faults.status) return redfishError(faults.status, `forced ${faults.status}`);
    if (faults.html)
      return { status: 200, body: '<html><body>Please log in</body></html>', headers: { 'content-type': 'text/html' } };
    if (path === '/redfish') return { status: 200, body: { v1: '/redfish/v1/' } };
    if (path === '/redfish/v1') return serviceRoot(node);
    if (path === SESSIONS && request.method === 'POST') return openSession(centre, node, request);
    if (!knows(node, request))
      return redfishError(401, 'Authentication required', { 'www-authenticate': 'Basic realm="bmc"' });
    return inside(centre, node, request, path);
  };
}

function serviceRoot(node: Node): Response {
  const sessions = node.bmc.faults.noSessions
    ? {}
    : {
        SessionService: { '@odata.id': '/redfish/v1/SessionService' },
        Links: { Sessions: { '@odata.id': SESSIONS } },
      };
  return {
    status: 200,
    body: {
      '@odata.id': '/redfish/v1/',
      '@odata.type': '#ServiceRoot.v1_15_0.ServiceRoot',
      Id: 'RootService',
      Name: 'Root Service',
      RedfishVersion: '1.15.0',
      UUID: node.bmc.uuid,
      Systems: { '@odata.id': '/redfish/v1/Systems' },
      ...sessions,
    },
  };
}

function openSession(centre: Centre, node: Node, request: Request): Response {
  const { bmc } = node;
  if (bmc.faults.noSessions) return redfishError(404, 'Resource not found');
  const given = request.body as { UserName?: string; Password?: string } | undefined;
  if (bmc.faults.wrongPassword || given?.UserName !== bmc.user || given.Password !== bmc.password)
    return redfishError(401, 'Invalid credentials');
  if (bmc.sessions.size >= MAX_SESSIONS) return redfishError(503, 'Session limit exceeded', { 'retry-after': '5' });
  const token = centre.random.hex(32);
  const id = centre.random.hex(8);
  bmc.sessions.set(token, id);
  request.facts.by = bmc.user;
  return {
    status: 201,
    body: { '@odata.id': `${SESSIONS}/${id}`, Id: id, Name: 'Session', UserName: bmc.user },
    headers: { 'x-auth-token': token, location: `${SESSIONS}/${id}` },
  };
}

function knows(node: Node, request: Request): boolean {
  const { bmc } = node;
  if (bmc.faults.wrongPassword) return false;
  const token = request.headers['x-auth-token'];
  const basic = `Basic ${Buffer.from(`${bmc.user}:${bmc.password}`).toString('base64')}`;
  const known = request.headers.authorization === basic || (typeof token === 'string' && bmc.sessions.has(token));
  if (known) request.facts.by = bmc.user;
  return known;
}

function inside(centre: Centre, node: Node, request: Request, path: string): Response | Promise<Response> {
  const { bmc } = node;
  const { method } = request;
  if (path.startsWith(`${SESSIONS}/`) && method === 'DELETE') {
    for (const [token, id] of bmc.sessions) if (path.endsWith(id)) bmc.sessions.delete(token);
    return { status: 204 };
  }
  if (path === '/redfish/v1/Systems' && method === 'GET')
    return {
      status: 200,
      body: { '@odata.id': path, 'Members@odata.count': 1, Members: [{ '@odata.id': bmc.systemPath }] },
    };
  if (path === bmc.systemPath && method === 'GET') return showSystem(centre, node, request);
  if (path === `${bmc.systemPath}/Actions/ComputerSystem.Reset` && method === 'POST')
    return reset(centre, node, request);
  const task = /\/TaskMonitors\/(\w+)$/.exec(path)?.[1];
  if (task) {
    const known = bmc.tasks.get(task);
    if (!known) return redfishError(404, 'No such task');
    if (!known.done) return { status: 202, body: { Id: task, TaskState: 'Running' }, headers: { location: path } };
    return known.failed ? redfishError(500, 'Task failed') : { status: 204 };
  }
  return redfishError(404, 'Resource not found');
}

const poweringOff = new WeakSet<Node>();

function showSystem(centre: Centre, node: Node, request: Request): Response {
  const { bmc } = node;
  const truly = node.power === 'on' ? 'On' : 'Off';
  const told = bmc.faults.liesOff ? 'Off' : poweringOff.has(node) ? 'PoweringOff' : truly;
  const said = bmc.faults.nullPower ? null : told;
  centre.log.add({
    kind: 'power-read',
    node: node.name,
    said: String(said),
    truly: node.power,
    by: request.facts.by,
  });
  const reset = `${bmc.systemPath}/Actions/ComputerSystem.Reset`;
  const types = ['On', 'ForceOff', 'GracefulShutdown', 'ForceRestart', 'PowerCycle'];
  const identity = bmc.faults.otherIdentity
    ? { UUID: '11111111-1111-4111-8111-111111111111', SerialNumber: 'SN-OTHER' }
    : { UUID: bmc.uuid, SerialNumber: bmc.serial };
  return {
    status: 200,
    headers: { etag: 'W/"1"', 'odata-version': '4.0' },
    body: {
      '@odata.id': bmc.systemPath,
      '@odata.type': '#ComputerSystem.v1_13_0.ComputerSystem',
      Id: bmc.systemPath.split('/').at(-1),
      Name: 'System',
      HostName: node.name,
      ...identity,
      PowerState: said,
      Actions: {
        '#ComputerSystem.Reset': {
          target: reset,
          'ResetType@Redfish.AllowableValues': bmc.faults.noForceOff ? types.filter((t) => t !== 'ForceOff') : types,
        },
      },
    },
  };
}

async function reset(centre: Centre, node: Node, request: Request): Promise<Response> {
  const type = (request.body as { ResetType?: string } | undefined)?.ResetType ?? 'none';
  const facts = { node: node.name, reset: type, truly: node.power, os: node.os, by: request.facts.by };
  const answer = await command(centre, node, request, type);
  request.facts.action = type;
  centre.log.add({ kind: 'power-command', ...facts, status: answer.status });
  return answer;
}

async function command(centre: Centre, node: Node, request: Request, type: string): Promise<Response> {
  const { faults } = node.bmc;
  if (faults.privilege) return redfishError(403, 'Insufficient privilege');
  if (faults.wantsIfMatch && !request.headers['if-match']) return redfishError(412, 'If-Match required');
  if (type === 'ForceOff' && faults.noForceOff) return redfishError(400, 'ActionParameterNotSupported');
  if (type === 'ForceOff' && node.power === 'off' && faults.conflictWhenOff)
    return redfishError(faults.conflictWhenOff, 'The system is already powered off');
  if (!['On', 'ForceOff', 'GracefulShutdown', 'ForceRestart', 'PowerCycle'].includes(type))
    return redfishError(400, 'ActionParameterNotSupported');
  if (faults.saysOkStaysOn && type !== 'On') return { status: 204 };
  if (faults.taskMs !== undefined) return asTask(centre, node, type, faults.taskMs);
  const wait = faults.poweringOffMs === undefined ? undefined : faults.poweringOffMs / centre.settings.timeScale;
  carryOut(centre, node, type, wait);
  return { status: 204 };
}

function asTask(centre: Centre, node: Node, type: string, ms: number): Response {
  const id = centre.random.hex(8);
  const task = { done: false, failed: node.bmc.faults.taskFails ?? false };
  node.bmc.tasks.set(id, task);
  centre.later(ms / centre.settings.timeScale, () => {
    if (!task.failed) carryOut(centre, node, type, 0);
    task.done = true;
  });
  return {
    status: 202,
    body: { Id: id, TaskState: 'New' },
    headers: { location: `/redfish/v1/TaskService/TaskMonitors/${id}` },
  };
}

// The answer comes before the effect, as with real BMCs: off is asynchronous.
function carryOut(centre: Centre, node: Node, type: string, wait: number | undefined): void {
  const off = async () => {
    await powerDown(centre, node, 'bmc');
    poweringOff.delete(node);
    const again = node.bmc.faults.onAgainAfterMs;
    if (again !== undefined && type === 'ForceOff')
      centre.later(again / centre.settings.timeScale, () => powerUp(centre, node, 'by itself'));
  };
  const on = () => powerUp(centre, node, 'bmc');
  if (type === 'On') {
    centre.later(centre.duration('bmcOnMs'), on);
    return;
  }
  if (type === 'GracefulShutdown' && node.os !== 'up') return;
  if (wait !== undefined && node.power === 'on') poweringOff.add(node);
  centre.later(wait ?? centre.duration('bmcOffMs'), () => {
    void off().then(() => {
      if (type === 'ForceRestart' || type === 'PowerCycle') on();
    });
  });
}
