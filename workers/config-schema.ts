// The YAML file as one strict schema made of the rooms' schemas: an unknown key is an error everywhere.
import { z } from 'zod';
import { monitoringConfig } from '../activities/monitoring/config.ts';
import { evacuationConfig } from '../activities/evacuation/config.ts';
import { fencingConfig } from '../activities/fencing/levels.ts';
import { notificationConfig } from '../activities/notification/index.ts';
import {
  ASKING_GATES,
  DEFAULT_TIMINGS,
  FLOORS,
  MODES,
  ON_DEGRADED,
  READMISSIONS,
  type Timings,
} from '../workflows/defaults.ts';
import { duration, writeDuration } from './duration.ts';
import { PRESETS } from './presets.ts';
import { matchers } from './selection-schema.ts';

const text = (expected: string, example: string) => z.string().trim().min(1).meta({ expected, example });
const count = (expected: string, example: string, max = 10_000) => z.int().min(1).max(max).meta({ expected, example });
const patterns = z
  .array(z.string().min(1))
  .meta({ expected: 'a list of node names or patterns', example: '[compute-9, gpu-*]' });

/** It becomes workflow ids and task queues. */
const cloud = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,39}$/i)
  .meta({ expected: 'a name of letters, digits, dots and dashes (at most 40)', example: 'prod' });

const channelNames = z.array(z.string().min(1)).min(1);
const veto = channelNames
  .optional()
  .meta({ expected: 'a list of channels whose alive forbids failed', example: '[tcp-storage]' });
const failedWhen = z
  .union([
    z.strictObject({ all: channelNames, veto }),
    z.strictObject({ any: channelNames, veto }),
    z.strictObject({ atLeast: z.int().min(1), of: channelNames, veto }),
  ])
  .meta({ expected: 'one of all, any, or atLeast with of', example: '{ all: [nova-service, tcp] }' });

const degraded = z
  .enum(ON_DEGRADED)
  .optional()
  .meta({ expected: `one of ${ON_DEGRADED.join(', ')}`, example: 'tell' });

const share = (example: string) =>
  z.number().gt(0).max(1).meta({ expected: 'a share of the fleet, more than 0 and at most 1', example });

const most = {
  most: count('a number of nodes, 1 or more', '2').optional(),
  share: z
    .number()
    .gt(0)
    .max(1)
    .meta({ expected: 'a share of its nodes, more than 0 and at most 1', example: '0.5' })
    .optional(),
};
const names = z.array(z.string().min(1)).min(1);
const domain = z
  .union([
    z.strictObject({ zones: names, ...most }),
    z.strictObject({ aggregates: names, ...most }),
    z.strictObject({ name: z.string().min(1), nodes: names, ...most }),
  ])
  .refine((d) => d.most ?? d.share, 'has no limit: most, share or both')
  .meta({ expected: 'zones, aggregates, or name with nodes; and most or share', example: '{ zones: ["*"], most: 2 }' });

const mode = z.enum(MODES).meta({ expected: `one of ${MODES.join(', ')}`, example: 'observe' });

const policyOfState = z.enum(['keep', 'reset']);
const evacuationPolicy = {
  perNode: count('a number of evacuations, 1 or more', '8').optional(),
  overall: count('a number of evacuations, 1 or more', '32').optional(),
  perDestination: count('a number of evacuations, 1 or more', '4').optional(),
  liveMigrations: count('a number of live migrations, 1 or more', '2').optional(),
  reserve: z
    .strictObject({
      by: z.enum(['zone', 'aggregate']).default('zone'),
      aggregates: z.array(z.string().min(1)).min(1).optional(),
      reason: text('the reason of their disable, or a pattern', 'reserve*').default('reserve*'),
    })
    .refine((r) => r.by === 'aggregate' || r.aggregates === undefined, {
      path: ['aggregates'],
      message: 'goes with by: aggregate',
    })
    .optional(),
  tries: count('a number of tries, 1 to 10', '3', 10).optional(),
  selection: z.enum(['all', 'opt-in', 'none']).optional(),
  selectionKey: text('a metadata key or tag', 'HA_Enabled').optional(),
  imageBackedDisks: z.enum(['shared', 'local']).optional(),
  localFlavors: z.array(z.string().min(1)).optional(),
  onLocalDisk: z.enum(['keep', 'rebuild']).optional(),
  states: z
    .strictObject({ paused: policyOfState, suspended: policyOfState, rescued: policyOfState, resized: policyOfState })
    .partial()
    .optional(),
  priorityKey: text('a key of metadata or of extra specs', 'lifeboat:priority').optional(),
  leaveProjects: z.array(z.string().min(1)).optional(),
  leaveNames: z.array(z.string().min(1)).optional(),
  amphorae: z.enum(['leave', 'evacuate']).optional(),
  amphoraProjects: z.array(text('a project’s name or id', 'service')).min(1).optional(),
  like: z
    .enum(PRESETS)
    .meta({ expected: `one of ${PRESETS.join(', ')}`, example: 'masakari' })
    .optional(),
  priorityElse: z.number().meta({ expected: 'a number', example: '500' }).optional(),
  only: matchers,
  leave: matchers,
  first: matchers,
};

/** `staleMs` is written `stale: 35s`. */
export const timingKey = (key: string): string => key.replace(/Ms$/, '');

const timings = z.strictObject(
  Object.fromEntries(
    Object.entries(DEFAULT_TIMINGS).map(([key, value]: [string, number | number[]]) => {
      if (Array.isArray(value)) {
        const meta = { expected: 'a list of durations', example: '[0s, 15m, 1h, 6h]' };
        return [timingKey(key), z.array(duration('15m')).min(1).meta(meta).optional()];
      }
      return [timingKey(key), duration(writeDuration(value), FLOORS[key as keyof Timings] ?? 0).optional()];
    }),
  ),
);

const isTimeZone = (name: string): boolean => {
  try {
    return Boolean(new Intl.DateTimeFormat('en', { timeZone: name }));
  } catch {
    return false;
  }
};

/** When the whole fleet is drilled by itself. */
const drill = z
  .strictObject({
    at: z
      .string()
      .regex(/^([01]\d|2[0-3]):[0-5]\d$/)
      .meta({ expected: 'a time of the day, hh:mm', example: '"02:30"' })
      .optional(),
    timeZone: z
      .string()
      .refine(isTimeZone, 'is no time zone')
      .meta({ expected: 'a time zone', example: 'Europe/Berlin' })
      .default('UTC'),
    every: duration('24h', 3_600_000).optional(),
    survive: count('a number of nodes, 1 to 10', '1', 10).default(1),
  })
  .refine((d) => (d.at === undefined) !== (d.every === undefined), 'needs at or every, and not both')
  .meta({ expected: 'at or every', example: '{ at: "02:30" }' });

export const configSchema = z.strictObject({
  cloud,
  openstack: z
    .strictObject({
      cloud: text('a name in clouds.yaml', 'mycloud').optional(),
      region: text('a region', 'RegionOne').optional(),
    })
    .optional(),
  temporal: z
    .strictObject({
      profile: text('a profile of Temporal’s configuration file', 'production').optional(),
      configFile: text('a path', '/etc/lifeboat/temporal.toml').optional(),
    })
    .optional(),
  mode: mode.optional(),
  carries: patterns.optional(),
  exclude: patterns.optional(),
  limits: z
    .strictObject({
      atOnce: count('a number of nodes, 1 or more', '2').optional(),
      share: share('0.25').optional(),
      nodes: count('a number of nodes, 1 or more', '10').optional(),
      cliff: share('0.15').optional(),
      domains: z
        .array(domain)
        .min(1)
        .meta({ expected: 'a list of failure domains', example: '[{ zones: ["*"], most: 2 }]' })
        .optional(),
      ask: z
        .array(z.enum(ASKING_GATES))
        .meta({ expected: `a list of ${ASKING_GATES.join(', ')}`, example: '[flapping]' })
        .optional(),
      perHour: count('a number of recoveries, 1 or more', '5').optional(),
      flaps: count('a number of returns within an hour, 1 or more', '3').optional(),
      drains: count('a number of nodes, 1 or more', '1').optional(),
    })
    .optional(),
  readmission: z
    .enum(READMISSIONS)
    .meta({ expected: `one of ${READMISSIONS.join(', ')}`, example: 'manual' })
    .optional(),
  monitoring: z
    .strictObject({
      ...monitoringConfig.shape,
      failedWhen: failedWhen.optional(),
      groups: z
        .array(
          z
            .strictObject({
              nodes: patterns.min(1),
              mode: mode.optional(),
              failedWhen: failedWhen.optional(),
              degraded,
            })
            .refine(
              (g) => g.mode ?? g.failedWhen ?? g.degraded,
              'says nothing of its nodes: mode, failedWhen or degraded',
            ),
        )
        .min(1)
        .optional()
        .meta({ expected: 'a list of nodes with their failedWhen', example: '[{ nodes: [gpu-*], failedWhen: … }]' }),
      degraded,
      references: z
        .array(z.strictObject({ host: z.string().min(1), port: z.int().min(1).max(65_535) }))
        .min(1)
        .optional()
        .meta({ expected: 'a list of addresses that always answer', example: '[{ host: 10.0.0.1, port: 22 }]' }),
      samples: count('a number of sweeps, 1 to 20', '3', 20).optional(),
    })
    .prefault({}),
  fencing: fencingConfig.prefault({}),
  evacuation: z.strictObject({ ...evacuationConfig.shape, ...evacuationPolicy }).prefault({}),
  // The UI's address stands once, at the top.
  notification: notificationConfig.omit({ console: true }).prefault({}),
  drill: drill.optional(),
  reports: z
    .strictObject({
      /** A folder of the machine that the notification worker runs on. */
      keep: z
        .string()
        .refine((folder) => folder.startsWith('/'), 'is not a whole path')
        .meta({ expected: 'a whole path', example: '/var/lib/lifeboat/reports' }),
    })
    .optional(),
  timings: timings.optional(),
  timeScale: z.number().gt(0).max(100).meta({ expected: 'a factor', example: '1' }).optional(),
  console: z
    .url({ protocol: /^https?$/ })
    .meta({ expected: 'the address of the Temporal UI', example: 'https://temporal.example.org' })
    .optional(),
});

export type ConfigFile = z.output<typeof configSchema>;
