// A Redfish BMC with one system, small, with the faults that real ones have. HTTPS with the loopback certificate.
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { LOOPBACK_CERT, LOOPBACK_KEY } from '../notification/loopback-cert.ts';

export const SYSTEM = '/redfish/v1/Systems/1';
const SESSIONS = '/redfish/v1/SessionService/Sessions';
const TASK = '/redfish/v1/TaskService/TaskMonitors/7';
const TYPES = ['On', 'ForceOff', 'GracefulShutdown', 'ForceRestart'];

export interface BmcState {
  power: 'on' | 'off';
  fault: string | null;
  /** What PowerState says instead of the truth. */
  said?: unknown;
}

export interface RedfishBmc {
  url: string;
  state: BmcState;
  /** Sessions that nobody gave back. */
  sessions: Set<string>;
  /** `GET /redfish/v1/Systems/1`; a POST with its body. */
  requests: string[];
  close(): Promise<void>;
}

interface Asked {
  method: string;
  path: string;
  body: Record<string, unknown>;
  headers: IncomingMessage['headers'];
}
interface Answer {
  status: number;
  body?: unknown;
  headers?: Record<string, string>;
}
type Act = Answer | 'hang' | 'cut';

const failure = (status: number, Message: string): Answer => ({
  status,
  body: { error: { code: 'Base.1.8.GeneralError', '@Message.ExtendedInfo': [{ Message }] } },
});

export async function redfishBmc(user: string, password: string): Promise<RedfishBmc> {
  const state: BmcState = { power: 'on', fault: null };
  const sessions = new Set<string>();
  const requests: string[] = [];
  const seen = { posts: 0, polls: 0, refusals: 0 };
  const basic = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;

  function answer(asked: Asked): Act {
    const { method, path, body, headers } = asked;
    if (path === '/redfish/v1/')
      return {
        status: 200,
        body: state.fault === 'basicOnly' ? {} : { Links: { Sessions: { '@odata.id': SESSIONS } } },
      };
    if (state.fault === 'hangs') return 'hang';
    if (state.fault === 'unreachable') return 'cut';
    if (path === SESSIONS && method === 'POST') return logIn(body);
    const token = headers['x-auth-token'];
    const known = headers.authorization === basic || (typeof token === 'string' && sessions.has(token));
    if (!known || state.fault === 'wrongPassword') return failure(401, 'Authentication required');
    if (path.startsWith(`${SESSIONS}/`)) {
      sessions.delete(path.slice(SESSIONS.length + 1));
      return { status: 204 };
    }
    if (state.fault === 'sessionsRunOut' && seen.refusals++ === 0) return failure(401, 'Session expired');
    if (state.fault === 'speaksNonsense')
      return { status: 200, body: '<html>Please log in</html>', headers: { 'content-type': 'text/html' } };
    if (path === TASK) return task();
    if (path !== SYSTEM && !path.startsWith(`${SYSTEM}/`)) return failure(404, 'Resource not found');
    return method === 'POST' ? reset(String(body['ResetType']), headers['if-match']) : system();
  }

  function logIn(body: Record<string, unknown>): Answer {
    if (state.fault === 'wrongPassword' || body['UserName'] !== user || body['Password'] !== password)
      return failure(401, 'Invalid credentials');
    if (state.fault === 'sessionsTaken') return failure(503, 'Session limit exceeded');
    const token = randomBytes(8).toString('hex');
    sessions.add(token);
    return { status: 201, headers: { 'x-auth-token': token, location: `https://its-own-name${SESSIONS}/${token}` } };
  }

  function system(): Act {
    if (state.fault === 'noSuchMachine') return failure(404, 'Resource not found');
    if (state.fault === 'cannotTell') return failure(500, 'power state unavailable');
    const values = state.fault === 'noForceOff' ? TYPES.filter((type) => type !== 'ForceOff') : TYPES;
    return {
      status: 200,
      headers: { etag: 'W/"3"' },
      body: {
        '@odata.id': SYSTEM,
        UUID:
          state.fault === 'otherMachine'
            ? '00000000-0000-4000-8000-000000000002'
            : '00000000-0000-4000-8000-000000000001',
        SerialNumber: 'SN1',
        PowerState: 'said' in state ? state.said : state.power === 'on' ? 'On' : 'Off',
        Actions: {
          '#ComputerSystem.Reset': {
            target: `${SYSTEM}/Actions/ComputerSystem.Reset`,
            'ResetType@Redfish.AllowableValues': values,
          },
        },
      },
    };
  }

  function reset(type: string, ifMatch: string | undefined): Act {
    seen.posts += 1;
    if (!TYPES.includes(type)) return failure(400, 'ActionParameterNotSupported');
    if (state.fault === 'lacksPrivilege') return failure(403, 'Insufficient privilege');
    if (state.fault === 'refuses') return failure(500, 'The power control failed');
    if (state.fault === 'wantsIfMatch' && ifMatch !== 'W/"3"') return failure(412, 'If-Match required');
    if (state.fault === 'goesOffMeanwhile') {
      state.power = 'off';
      return failure(409, 'already off');
    }
    if (state.fault === 'task' || state.fault === 'taskFails') return { status: 202, headers: { location: TASK } };
    if (state.fault !== 'lies') state.power = type === 'On' ? 'on' : 'off';
    return state.fault === 'losesReply' ? 'cut' : { status: 204 };
  }

  function task(): Answer {
    if ((seen.polls += 1) < 2) return { status: 202, body: { TaskState: 'Running' } };
    if (state.fault === 'taskFails') return failure(500, 'Task failed');
    state.power = 'off';
    return { status: 204 };
  }

  const server = createServer({ key: LOOPBACK_KEY, cert: LOOPBACK_CERT }, (request, response) => {
    void read(request).then((asked) => {
      const told = asked.path.endsWith('.Reset') ? ` ${JSON.stringify(asked.body)}` : '';
      requests.push(`${asked.method} ${asked.path}${told}`);
      send(response, answer(asked));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { url: `https://127.0.0.1:${port}`, state, sessions, requests, close };
}

async function read(request: IncomingMessage): Promise<Asked> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  const body = text ? (JSON.parse(text) as Record<string, unknown>) : {};
  return { method: request.method ?? '', path: request.url ?? '', body, headers: request.headers };
}

function send(response: ServerResponse, act: Act): void {
  if (act === 'hang') return;
  if (act === 'cut') return void response.socket?.destroy();
  response.writeHead(act.status, { 'content-type': 'application/json', ...act.headers });
  response.end(act.body === undefined ? '' : typeof act.body === 'string' ? act.body : JSON.stringify(act.body));
}
