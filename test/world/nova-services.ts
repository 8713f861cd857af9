// os-services and os-hypervisors.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Centre } from './centre.ts';
import { novaTime, serviceIsUp } from './centre.ts';
import type { Node } from './model.ts';
import { agentWorks } from './node-life.ts';
import { Refusal } from './nova-evacuate.ts';
import type { Call } from './nova.ts';
import type { Response } from './web.ts';

export function listServices(centre: Centre, call: Call): Response {
  const { query } = call.request;
  const host = query.get('host');
  const binary = query.get('binary');
  const rows: object[] = [];
  if ((!binary || binary !== 'nova-compute') && !host) rows.push(...controllers(centre, call, binary));
  for (const node of centre.nodes.values()) {
    if ((binary && binary !== 'nova-compute') || (host && host !== node.name)) continue;
    if (!centre.downCells.has(node.cell)) rows.push(showService(centre, node, call.minor));
    // A cell that does not answer: left out before 2.69, a stub from then on.
    else if (call.minor >= 69) rows.push({ binary: 'nova-compute', host: node.name, status: 'UNKNOWN' });
  }
  return { status: 200, list: 'services', body: { services: rows } };
}

/** Nova makes an aggregate first and puts hosts into it; here a node knows its own. */
export function listAggregates(centre: Centre): Response {
  const nodes = [...centre.nodes.values()];
  const names = [...new Set(nodes.flatMap((n) => n.aggregates))].sort();
  const aggregates = names.map((name, i) => ({
    id: i + 1,
    name,
    availability_zone: null,
    hosts: nodes.filter((n) => n.aggregates.includes(name)).map((n) => n.name),
    metadata: centre.aggregateMetadata.get(name) ?? {},
  }));
  return { status: 200, list: 'aggregates', body: { aggregates } };
}

function controllers(centre: Centre, call: Call, binary: string | null): object[] {
  return ['nova-conductor', 'nova-scheduler']
    .filter((name) => !binary || name === binary)
    .map((name, i) => ({
      binary: name,
      host: 'controller',
      id: call.minor >= 53 ? `00000000-0000-4000-8000-00000000000${i}` : i + 1,
      zone: 'internal',
      status: 'enabled',
      state: 'up',
      updated_at: novaTime(centre.now()),
      disabled_reason: null,
      ...(call.minor >= 11 ? { forced_down: false } : {}),
    }));
}

function showService(centre: Centre, node: Node, minor: number): object {
  const { service } = node;
  return {
    binary: 'nova-compute',
    host: node.name,
    id: minor >= 53 ? node.serviceId : node.index + 10,
    zone: node.zone,
    status: service.disabled ? 'disabled' : 'enabled',
    state: serviceIsUp(centre, node) ? 'up' : 'down',
    updated_at: novaTime(service.updatedAt),
    disabled_reason: service.disabledReason,
    ...(minor >= 11 ? { forced_down: service.forcedDown } : {}),
  };
}

interface ServiceChange {
  status?: unknown;
  disabled_reason?: unknown;
  forced_down?: unknown;
}

/** 2.53's one PUT: status, disabled_reason and forced_down together (services.py, _update_v253). */
export async function updateService(centre: Centre, call: Call, id: string): Promise<Response> {
  if (call.minor < 53) throw new Refusal(404, 'Unknown action');
  if (!/^[0-9a-f-]{36}$/.test(id)) throw new Refusal(400, `Invalid uuid ${id}`);
  const node = [...centre.nodes.values()].find((n) => n.serviceId === id);
  if (!node) throw new Refusal(404, `Service ${id} could not be found.`);
  call.request.facts.action = 'service';
  const change = checked(call.request.body as ServiceChange | undefined);
  if (change.forced_down === false) refuseWhileDone(centre, node);
  const before = { ...node.service };
  if (change.status === 'enabled') Object.assign(node.service, { disabled: false, disabledReason: null });
  if (change.status === 'disabled')
    Object.assign(node.service, { disabled: true, disabledReason: change.disabled_reason ?? null });
  if (change.forced_down !== undefined) node.service.forcedDown = change.forced_down;
  const { disabled, disabledReason, forcedDown } = node.service;
  const same =
    before.disabled === disabled && before.disabledReason === disabledReason && before.forcedDown === forcedDown;
  // Nothing changed is still an answer of 200 where a field was named: Nova saves what was set.
  if (change.status === undefined && change.forced_down === undefined) throw new Refusal(400, NOTHING);
  if (!same) node.service.updatedAt = centre.now();
  const status = disabled ? 'disabled' : 'enabled';
  centre.log.add({ kind: 'service', node: node.name, status, reason: disabledReason, forcedDown, by: call.userName });
  if (before.disabled !== disabled) await syncTrait(centre, node);
  return { status: 200, body: { service: showService(centre, node, call.minor) } };
}

const NOTHING = "No updates were requested. Fields 'status' or 'forced_down' should be specified.";

function checked(body: ServiceChange | undefined): {
  status?: 'enabled' | 'disabled';
  disabled_reason?: string;
  forced_down?: boolean;
} {
  const { status, disabled_reason: reason, forced_down: forced } = body ?? {};
  const bad = (field: string, value: unknown) =>
    new Refusal(400, `Invalid input for field/attribute ${field}. Value: ${String(value)}.`);
  if (status !== undefined && status !== 'enabled' && status !== 'disabled') throw bad('status', status);
  if (reason !== undefined && reason !== null && (typeof reason !== 'string' || reason.length > 255))
    throw bad('disabled_reason', reason);
  if (forced !== undefined && typeof forced !== 'boolean') throw bad('forced_down', forced);
  if (status === 'enabled' && reason)
    throw new Refusal(400, "Specifying 'disabled_reason' with status 'enabled' is invalid.");
  return {
    ...(status === undefined ? {} : { status }),
    ...(typeof reason === 'string' ? { disabled_reason: reason } : {}),
    ...(forced === undefined ? {} : { forced_down: forced }),
  };
}

function refuseWhileDone(centre: Centre, node: Node): void {
  const done = centre.records.some(
    (r) =>
      r.type === 'evacuation' &&
      r.source === node.name &&
      r.status === 'done' &&
      !centre.instances.get(r.instanceId)?.deleted,
  );
  if (!done) return;
  throw new Refusal(
    400,
    `Unable to force up host ${node.name} as \`done\` evacuation migration records remain associated with the host. ` +
      'Ensure the compute service has been restarted, allowing these records to move to `completed` before ' +
      'retrying this request.',
  );
}

// A change of status is told to nova-compute; one that Nova still holds for up but that is dead costs the RPC's time limit.
async function syncTrait(centre: Centre, node: Node): Promise<void> {
  if (!serviceIsUp(centre, node)) return;
  if (agentWorks(node)) {
    node.service.disabledTrait = node.service.disabled;
    return;
  }
  await sleep(centre.duration('rpcTimeoutMs') * centre.settings.timeScale, undefined, { ref: false });
}

export function listHypervisors(centre: Centre, call: Call, detail: boolean): Response {
  const pattern = call.request.query.get('hypervisor_hostname_pattern');
  const rows = [...centre.nodes.values()]
    .filter((node) => !centre.downCells.has(node.cell))
    // A LIKE: node-1 finds node-10.
    .filter((node) => !pattern || node.hypervisorHostname.includes(pattern))
    .map((node) => showHypervisor(centre, node, call.minor, detail));
  if (pattern && rows.length === 0) throw new Refusal(404, `No hypervisor matching '${pattern}' could be found.`);
  return { status: 200, list: 'hypervisors', body: { hypervisors: rows } };
}

function showHypervisor(centre: Centre, node: Node, minor: number, detail: boolean): object {
  const brief = {
    id: minor >= 53 ? node.hypervisorId : node.index + 1,
    hypervisor_hostname: node.hypervisorHostname,
    state: serviceIsUp(centre, node) ? 'up' : 'down',
    status: node.service.disabled ? 'disabled' : 'enabled',
  };
  if (!detail) return brief;
  return {
    ...brief,
    hypervisor_type: 'QEMU',
    hypervisor_version: 8_002_000,
    host_ip: node.address,
    service: {
      id: minor >= 53 ? node.serviceId : node.index + 10,
      host: node.name,
      disabled_reason: node.service.disabledReason,
    },
    uptime: null,
  };
}
