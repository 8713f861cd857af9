// Nova's door: versions, microversions, tokens, and which room a path leads to.
import type { Centre } from './centre.ts';
import { tokenOf } from './keystone.ts';
import { rolesOf } from './keystone-people.ts';
import { Refusal } from './nova-evacuate.ts';
import { listMigrations } from './nova-migrations.ts';
import { listServers, showServer } from './nova-servers.ts';
import { actOnServer, deleteServer } from './nova-actions.ts';
import { listAggregates, listHypervisors, listServices, updateService } from './nova-services.ts';
import { listGroups, showGroup } from './nova-groups.ts';
import type { Handler, Request, Response } from './web.ts';

/** One call, past the door. */
export interface Call {
  request: Request;
  /** The minor number of the microversion: 94 for 2.94. */
  minor: number;
  admin: boolean;
  userId: string;
  userName: string;
  projectId: string | null;
}

const NAMES: Record<number, string> = {
  400: 'badRequest',
  403: 'forbidden',
  404: 'itemNotFound',
  406: 'computeFault',
  409: 'conflictingRequest',
  500: 'computeFault',
};
export const novaError = (code: number, message: string): Response => ({
  status: code,
  body: { [NAMES[code] ?? 'computeFault']: { code, message } },
  headers: { 'content-type': 'application/json; charset=UTF-8' },
});

export function nova(centre: Centre): Handler {
  return async (request) => {
    const path = request.path.replace(/\/+$/, '');
    const id = `req-${centre.random.uuid()}`;
    const ids = { 'x-openstack-request-id': id, 'x-compute-request-id': id };
    if (path === '') return { status: 200, body: versions(centre, request) };
    const asked = microversion(centre, request);
    if ('status' in asked) return { ...asked, headers: { ...asked.headers, ...ids } };
    const headers = {
      ...ids,
      'openstack-api-version': `compute 2.${asked.minor}`,
      'x-openstack-nova-api-version': `2.${asked.minor}`,
      vary: 'OpenStack-API-Version, X-OpenStack-Nova-API-Version',
    };
    if (path === '/v2.1') return { status: 200, body: { version: version(centre, request) }, headers };
    const call = admit(centre, request, asked.minor);
    if (!call)
      return {
        status: 401,
        body: {
          error: { code: 401, title: 'Unauthorized', message: 'The request you have made requires authentication.' },
        },
        headers: { ...ids, 'www-authenticate': `Keystone uri="${centre.endpoints.keystone}/v3"` },
      };
    const answer = await route(centre, call, path.replace(/^\/v2\.1/, ''));
    return { ...answer, headers: { ...answer.headers, ...headers } };
  };
}

/** What the policy calls reading it, where that is not `list`. */
const VERB_OF: Record<string, string> = { 'os-migrations': 'index' };

async function route(centre: Centre, call: Call, path: string): Promise<Response> {
  const { method } = call.request;
  const [, room, id, sub] = path.split('/');
  try {
    if (room === 'servers') {
      if (method === 'GET' && (!id || id === 'detail')) return listServers(centre, call, id === 'detail');
      if (method === 'GET' && id && !sub) return showServer(centre, call, id);
      if (method === 'POST' && id && sub === 'action') return actOnServer(centre, call, id);
      if (method === 'DELETE' && id) return deleteServer(centre, call, id);
    }
    if (room === 'os-server-groups' && method === 'GET')
      return id ? showGroup(centre, id, call) : listGroups(centre, call);
    if (!call.admin && room?.startsWith('os-'))
      throw new Refusal(
        403,
        `Policy doesn't allow os_compute_api:${room}:${method === 'PUT' ? 'update' : (VERB_OF[room] ?? 'list')} to be performed.`,
      );
    if (room === 'os-services' && method === 'GET') return listServices(centre, call);
    if (room === 'os-aggregates' && method === 'GET') return listAggregates(centre);
    if (room === 'os-services' && method === 'PUT' && id) return await updateService(centre, call, id);
    if (room === 'os-hypervisors' && method === 'GET') return listHypervisors(centre, call, id === 'detail');
    if (room === 'os-migrations' && method === 'GET') return listMigrations(centre, call);
  } catch (error) {
    if (error instanceof Refusal) return novaError(error.status, error.message);
    throw error;
  }
  return {
    status: 404,
    body: { message: 'The resource could not be found.<br /><br />\n\n\n', code: '404 Not Found', title: 'Not Found' },
  };
}

function admit(centre: Centre, request: Request, minor: number): Call | null {
  const token = tokenOf(centre, request);
  if (!token) return null;
  const admin = rolesOf(centre, token.userId, token.projectId).includes('admin');
  request.facts.microversion = `2.${minor}`;
  const { userId, projectId } = token;
  return { request, minor, admin, userId, userName: centre.users.get(userId)?.name ?? userId, projectId };
}

/** Of the header (either name); none means 2.1. 406 when out of range. */
function microversion(centre: Centre, request: Request): { minor: number } | Response {
  const modern = /(?:^|,)\s*compute\s+(\S+?)\s*(?:,|$)/.exec(
    String(request.headers['openstack-api-version'] ?? ''),
  )?.[1];
  const asked = modern ?? request.headers['x-openstack-nova-api-version'] ?? '2.1';
  const max = centre.settings.computeMax;
  if (asked === 'latest') return { minor: Number(max.split('.')[1]) };
  const parts = /^(\d+)\.(\d+)$/.exec(String(asked));
  if (!parts)
    return novaError(400, `API Version String ${asked} is of invalid format. Must be of format MajorNum.MinorNum.`);
  const minor = Number(parts[2]);
  if (parts[1] !== '2' || minor < 1 || minor > Number(max.split('.')[1]))
    return novaError(406, `Version ${asked} is not supported by the API. Minimum is 2.1 and maximum is ${max}.`);
  return { minor };
}

function version(centre: Centre, request: Request): object {
  return {
    id: 'v2.1',
    status: 'CURRENT',
    version: centre.settings.computeMax,
    min_version: '2.1',
    updated: '2013-07-23T11:33:21Z',
    links: [{ rel: 'self', href: `${request.origin}/v2.1/` }],
    'media-types': [{ base: 'application/json', type: 'application/vnd.openstack.compute+json;version=2.1' }],
  };
}

function versions(centre: Centre, request: Request): object {
  const old = {
    id: 'v2.0',
    status: 'DEPRECATED',
    version: '',
    min_version: '',
    updated: '2025-07-04T12:00:00Z',
    links: [{ rel: 'self', href: `${request.origin}/v2/` }],
  };
  const { 'media-types': _, ...current } = version(centre, request) as Record<string, unknown>;
  return { versions: [old, current] };
}
