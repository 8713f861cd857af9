// os-migrations: newest first, filtered and paged from 2.59 on.
import type { Centre } from './centre.ts';
import { novaTime } from './centre.ts';
import type { MigrationRow } from './model.ts';
import { Refusal } from './nova-evacuate.ts';
import { page } from './paging.ts';
import type { Call } from './nova.ts';
import type { Response } from './web.ts';

const BEFORE_259 = ['hidden', 'host', 'instance_uuid', 'source_compute', 'status', 'migration_type'];
const SINCE_259 = [...BEFORE_259, 'limit', 'marker', 'changes-since', 'changes-before', 'user_id', 'project_id'];

export function listMigrations(centre: Centre, call: Call): Response {
  const { query } = call.request;
  if (call.minor >= 59)
    for (const key of query.keys())
      if (!SINCE_259.includes(key))
        throw new Refusal(400, `Additional properties are not allowed ('${key}' was unexpected)`);
  const since = moment(call, 'changes-since');
  const matching = centre.records.filter((r) => {
    const source = centre.nodes.get(r.source);
    if (source && centre.downCells.has(source.cell)) return false;
    // With an instance its records are deleted, too (db/main/api.py, instance_destroy).
    if (centre.instances.get(r.instanceId)?.deleted) return false;
    const is = (key: string, value: string | null) => !query.get(key) || query.get(key) === value;
    return (
      (query.get('host') !== null || is('source_compute', r.source)) &&
      is('migration_type', r.type) &&
      is('instance_uuid', r.instanceId) &&
      is('status', r.status) &&
      (!query.get('host') || [r.source, r.dest].includes(query.get('host'))) &&
      // Whole seconds, the bound included; a record that never changed has no updated_at and counts as made.
      (since === null || Math.floor((r.updatedAt ?? r.createdAt) / 1_000) * 1_000 >= since)
    );
  });
  const sorted = matching.toSorted((a, b) => b.createdAt - a.createdAt || b.id - a.id);
  if (call.minor < 59)
    return { status: 200, list: 'migrations', body: { migrations: sorted.map((r) => show(centre, r, call.minor)) } };
  const { rows, links } = page(
    centre,
    call,
    sorted,
    (r) => r.uuid,
    (m) => `Marker ${m} could not be found.`,
  );
  const migrations = rows.map((r) => show(centre, r, call.minor));
  return { status: 200, list: 'migrations', body: { migrations, ...(links ? { migrations_links: links } : {}) } };
}

function moment(call: Call, key: string): number | null {
  const value = call.request.query.get(key);
  if (value === null || call.minor < 59) return null;
  // Without a zone it is UTC, as oslo reads it.
  const ms = Date.parse(/[zZ]|[+-]\d\d:?\d\d$/.test(value) ? value : `${value}Z`);
  if (Number.isNaN(ms))
    throw new Refusal(
      400,
      `Invalid input for query parameters ${key}. Value: ${value}. '${value}' is not a 'date-time'`,
    );
  return ms;
}

function show(centre: Centre, r: MigrationRow, minor: number): object {
  const dest = r.dest ? centre.nodes.get(r.dest) : undefined;
  return {
    id: r.id,
    ...(minor >= 59 ? { uuid: r.uuid } : {}),
    instance_uuid: r.instanceId,
    source_compute: r.source,
    source_node: centre.nodes.get(r.source)?.hypervisorHostname ?? null,
    dest_compute: r.dest,
    dest_node: dest && r.status !== 'accepted' ? dest.hypervisorHostname : null,
    dest_host: dest && r.status !== 'accepted' ? dest.address : null,
    status: r.status,
    old_instance_type_id: null,
    new_instance_type_id: null,
    ...(minor >= 23 ? { migration_type: r.type } : {}),
    ...(minor >= 80 ? { user_id: r.userId, project_id: r.projectId } : {}),
    created_at: novaTime(r.createdAt),
    updated_at: r.updatedAt === null ? null : novaTime(r.updatedAt),
  };
}
