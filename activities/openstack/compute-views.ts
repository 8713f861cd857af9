// Nova's rows as Lifeboat's words. The schemas are what we rely on, no more; unknown fields are dropped.
import { z } from 'zod';
import type { InstanceView, MigrationRecord, NodeView } from '../../workflows/domain.ts';
import { quoted } from './errors.ts';
import type { Page } from './service.ts';

const LINKS = z.array(z.object({ rel: z.string(), href: z.string() })).default([]);

function nextOf(links: z.output<typeof LINKS>): string | null {
  return links.find((l) => l.rel === 'next')?.href ?? null;
}

/** Since 2.69 a row of a cell that does not answer has only binary, host and status UNKNOWN. */
const SERVICE = z.object({
  binary: z.string(),
  host: z.string(),
  status: z.string(),
  id: z.string().default(''),
  zone: z.string().default(''),
  state: z.string().default('UNKNOWN'),
  updated_at: z.string().nullish(),
  disabled_reason: z.string().nullish(),
  forced_down: z.boolean().default(false),
});
export type ServiceRow = z.output<typeof SERVICE>;
export const SERVICES = z.object({ services: z.array(SERVICE) });
const AGGREGATE = z.object({
  name: z.string(),
  hosts: z.array(z.string()),
  metadata: z.record(z.string(), z.string()).default({}),
});
export const AGGREGATES = z.object({ aggregates: z.array(AGGREGATE) });
export const ONE_SERVICE = z.object({ service: SERVICE });

export function nodeView(row: ServiceRow, hostIp: string | null): NodeView {
  const answers = row.status !== 'UNKNOWN' && row.id !== '';
  return {
    host: row.host,
    serviceId: row.id,
    zone: row.zone,
    // Of a silent cell nothing is known: as a disabled row without our marker it is neither a destination nor ours.
    status: row.status === 'enabled' ? 'enabled' : 'disabled',
    state: answers && (row.state === 'up' || row.state === 'down') ? row.state : 'unknown',
    forcedDown: row.forced_down,
    disabledReason: row.disabled_reason ?? null,
    updatedAt: row.updated_at ?? null,
    hostIp,
  };
}

const HYPERVISOR = z.object({
  hypervisor_hostname: z.string(),
  host_ip: z.string().nullish(),
  service: z.object({ host: z.string() }),
});
export type Hypervisor = z.output<typeof HYPERVISOR>;
export const HYPERVISORS = z
  .object({ hypervisors: z.array(HYPERVISOR), hypervisors_links: LINKS })
  .transform((x): Page<Hypervisor> => ({ rows: x.hypervisors, next: nextOf(x.hypervisors_links) }));

const text = z.string().nullish();
const SERVER = z.object({
  id: z.string(),
  // Missing only where the cell does not answer.
  name: z.string().optional(),
  status: z.string(),
  tenant_id: z.string().default(''),
  user_id: z.string().default(''),
  'OS-EXT-SRV-ATTR:host': text,
  'OS-EXT-STS:vm_state': z.string().optional(),
  'OS-EXT-STS:task_state': text,
  'OS-EXT-STS:power_state': z.number().nullish(),
  'OS-SRV-USG:launched_at': text,
  'OS-EXT-AZ:availability_zone': text,
  pinned_availability_zone: text,
  locked: z.boolean().default(false),
  locked_reason: text,
  image: z.unknown().optional(),
  flavor: z
    .object({
      original_name: z.string(),
      vcpus: z.number(),
      ram: z.number(),
      disk: z.number(),
      ephemeral: z.number(),
      swap: z.number(),
      extra_specs: z.record(z.string(), z.string()).default({}),
    })
    .optional(),
  metadata: z.record(z.string(), z.string()).default({}),
  tags: z.array(z.string()).default([]),
  server_groups: z.array(z.string()).default([]),
  fault: z.object({ message: z.string() }).optional(),
});
export type ServerRow = z.output<typeof SERVER>;
export const ONE_SERVER = z.object({ server: SERVER });
export const SERVERS = z
  .object({ servers: z.array(SERVER), servers_links: LINKS })
  .transform((x): Page<ServerRow> => ({ rows: x.servers, next: nextOf(x.servers_links) }));

/** The list without details. */
export const IDS = z
  .object({ servers: z.array(z.object({ id: z.string() })), servers_links: LINKS })
  .transform((x): Page<{ id: string }> => ({ rows: x.servers, next: nextOf(x.servers_links) }));

/** Why a row cannot be used, or null: what is not shown must not be taken for "none". */
export function serverTrouble(row: ServerRow): { kind: 'server' | 'forbidden'; message: string } | null {
  if (row.name === undefined || row.flavor === undefined) {
    return { kind: 'server', message: `only a part of instance ${row.id} is told: its cell does not answer` };
  }
  if (row['OS-EXT-SRV-ATTR:host'] === undefined || row['OS-EXT-STS:vm_state'] === undefined) {
    return { kind: 'forbidden', message: 'Nova hides the host of an instance from us (our user needs the admin role)' };
  }
  return null;
}

/** `{ id, properties }` (2.98), `{ id }`, or the empty text where the root disk is a volume. */
const IMAGE_REF = z.object({ id: z.string(), properties: z.record(z.string(), z.unknown()).optional() });

function imageOf(row: ServerRow): Pick<InstanceView, 'imageId' | 'imageProperties'> {
  const { data } = IMAGE_REF.safeParse(row.image);
  if (!data) return { imageId: null };
  if (!data.properties) return { imageId: data.id };
  const told = Object.entries(data.properties).map(([key, value]) => [key, String(value)]);
  return { imageId: data.id, imageProperties: Object.fromEntries(told) as Record<string, string> };
}

/** Only for rows without `serverTrouble`. `groups`: the list does not tell them (only GET of one server does). */
export function instanceView(row: ServerRow, groups?: string[]): InstanceView {
  const f = row.flavor!;
  return {
    id: row.id,
    name: row.name ?? '',
    projectId: row.tenant_id,
    userId: row.user_id,
    host: row['OS-EXT-SRV-ATTR:host'] ?? null,
    vmState: row['OS-EXT-STS:vm_state'] ?? '',
    taskState: row['OS-EXT-STS:task_state'] ?? null,
    powerState: row['OS-EXT-STS:power_state'] ?? 0,
    status: row.status,
    locked: row.locked,
    lockedReason: row.locked_reason ?? null,
    launchedAt: row['OS-SRV-USG:launched_at'] ?? null,
    // Nova writes the empty text for a root disk that is a volume.
    volumeBacked: row.image === '' || row.image === null,
    ...imageOf(row),
    az: row['OS-EXT-AZ:availability_zone'] || null,
    ...(row.pinned_availability_zone === undefined ? {} : { pinnedZone: row.pinned_availability_zone }),
    flavor: {
      name: f.original_name,
      vcpus: f.vcpus,
      ram: f.ram,
      disk: f.disk + f.ephemeral,
      ephemeral: f.ephemeral,
      swap: f.swap,
      extraSpecs: f.extra_specs,
    },
    metadata: row.metadata,
    tags: row.tags,
    serverGroups: groups ?? row.server_groups,
    fault: row.fault ? quoted(row.fault.message, 300) : null,
  };
}

const MIGRATION = z.object({
  id: z.number(),
  instance_uuid: z.string(),
  migration_type: z.enum(['evacuation', 'live-migration', 'migration', 'resize']),
  status: z.string(),
  // Absent where the policy hides hosts (2.102 and later clouds).
  source_compute: z.string().nullish(),
  dest_compute: text,
  created_at: z.string(),
  updated_at: text,
});
export type MigrationRow = z.output<typeof MIGRATION>;
export const MIGRATIONS = z
  .object({ migrations: z.array(MIGRATION), migrations_links: LINKS })
  .transform((x): Page<MigrationRow> => ({ rows: x.migrations, next: nextOf(x.migrations_links) }));

export function migrationRecord(row: MigrationRow): MigrationRecord {
  return {
    id: row.id,
    instanceId: row.instance_uuid,
    type: row.migration_type,
    status: row.status,
    sourceCompute: row.source_compute ?? '',
    destCompute: row.dest_compute ?? null,
    createdAt: row.created_at,
    updatedAt: row.updated_at ?? null,
  };
}

const GROUP = z.object({
  id: z.string(),
  name: z.string().optional(),
  policy: z.string(),
  members: z.array(z.string()),
});
export const ONE_GROUP = z.object({ server_group: GROUP });
export const GROUPS = z.object({ server_groups: z.array(GROUP) });
