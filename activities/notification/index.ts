// The registry of notification drivers, and the room's part of the configuration file.
import { z } from 'zod';
import { STAGES, type Stage } from '../../workflows/contract.ts';
import { loadModule, type Kind } from '../load-driver.ts';
import type { NotificationChannel, NotificationContext, NotificationDriver } from './driver.ts';
import { command } from './command.ts';
import { email, mailAddress } from './email.ts';
import { pagerduty } from './pagerduty.ts';
import type { Rules } from './recipients.ts';
import { slack } from './slack.ts';
import { teams } from './teams.ts';
import { webhook } from './webhook.ts';

/** A new driver is one file and one line here. */
export const notificationDrivers: Readonly<Record<string, NotificationDriver>> = {
  email: email as NotificationDriver,
  webhook: webhook as NotificationDriver,
  slack: slack as NotificationDriver,
  teams: teams as NotificationDriver,
  pagerduty: pagerduty as NotificationDriver,
  command: command as NotificationDriver,
};

export const AUDIENCES = ['users', 'admins', 'both'] as const;

const admin = z.union([
  mailAddress.transform((address) => ({ name: '', address })),
  z.strictObject({ name: z.string(), address: mailAddress }),
]);

const channel = z.strictObject({
  /** What messages and logs call it; the driver's name (and a number) by default. */
  name: z
    .string()
    .regex(/^[\w.-]{1,60}$/)
    .meta({ expected: 'a name of letters, digits, dots and dashes', example: 'ops-room' })
    .optional(),
  /** A name of the registry, or a package or file whose default export is a NotificationDriver. */
  driver: z.string().min(1),
  options: z.record(z.string(), z.unknown()).default({}),
  /** Who is told through this channel, and of what. */
  audience: z.enum(AUDIENCES).default('both'),
  stages: z.array(z.enum(STAGES)).min(1).optional(),
});

const role = z.string().min(1).meta({ expected: 'the name of a Keystone role', example: 'cloud-operator' });
const roles = z.array(role).meta({ expected: 'a list of Keystone roles, [] for none', example: '[member]' });

export const notificationConfig = z.strictObject({
  /** Who is told of everything. */
  admins: z.array(admin).default([]),
  /** And who has this role on `adminProject`: an id; by default the project of Lifeboat's own user. */
  adminRole: role.optional(),
  adminProject: z.string().min(1).optional(),
  /** Which of a project's people are told; by default all who have a role on it. */
  tenantRoles: roles.optional(),
  /** Who made an instance is told of it, also without one of these roles. */
  creator: z.boolean().optional(),
  /** A key of an instance's metadata that holds an address. */
  metadataKey: z.string().min(1).optional(),
  channels: z.array(channel).default([]),
  /** Goes into the policy: so many messages of the watch to people within an hour; what is more comes in one. */
  perHour: z.int().min(1).max(1_000).meta({ expected: 'a number of messages, 1 to 1000', example: '20' }).optional(),
  /** A folder with own templates; each replaces the shipped one of the same name. */
  templates: z.string().min(1).optional(),
  /** Goes into the policy; tenants learn the names of compute nodes. */
  tellNodeNames: z.boolean().default(false),
  /** The Temporal UI, for links: `https://temporal.example.net`. */
  console: z.url({ protocol: /^https?$/ }).optional(),
});
export type NotificationConfig = z.output<typeof notificationConfig>;

/** Who is told, as the activities want it. */
export const rulesOf = (config: Omit<NotificationConfig, 'console'>): Rules => ({
  admins: config.admins,
  adminRole: config.adminRole,
  adminProject: config.adminProject,
  tenantRoles: config.tenantRoles,
  creator: config.creator,
  metadataKey: config.metadataKey,
});

/** A channel with what it is for. */
export interface OpenChannel {
  driver: string;
  /** Of rooms always, and then no other's. */
  name?: string;
  /** It gets the admins' message once a stage, and no person theirs. */
  room?: boolean;
  /** It opens and closes incidents. */
  pager?: boolean;
  channel: NotificationChannel;
  audience: (typeof AUDIENCES)[number];
  /** Absent: all. */
  stages?: readonly Stage[] | undefined;
}

/**
 * Makes the configured channels; connects to nothing. Throws on an unknown driver and on options that it refuses:
 * `notification.channels[0].options.host: …`. `from`: the configuration's path, beside which a driver may stand.
 */
export async function openChannels(
  config: NotificationConfig,
  context: NotificationContext,
  from?: string,
): Promise<OpenChannel[]> {
  const names = channelNames(config.channels);
  return Promise.all(
    config.channels.map(async (entry, n) => {
      const at = `notification.channels[${n}]`;
      const driver =
        notificationDrivers[entry.driver] ??
        (await loadModule<NotificationDriver>(entry.driver, at, notificationKind, from));
      const parsed = driver.options.safeParse(entry.options);
      const wrong = parsed.success
        ? channelProblems(driver, entry, parsed.data).map(({ key, why }) => `${at}.${key}: ${why}`)
        : parsed.error.issues.map((i) => `${[at, 'options', ...i.path].join('.')}: ${i.message}`);
      if (names.indexOf(names[n]!) < n) wrong.push(`${at}.name: ${SECOND(names[n]!)}`);
      if (wrong.length > 0 || !parsed.success) throw new Error(wrong.join('; '));
      return {
        driver: entry.driver,
        name: names[n]!,
        room: driver.isRoom?.(parsed.data) ?? false,
        // One that is asked for each person is read by them.
        pager: driver.pager === true && (driver.isRoom?.(parsed.data) ?? false),
        channel: create(driver, parsed.data, context, at),
        audience: entry.audience,
        stages: entry.stages ?? driver.stages,
      };
    }),
  );
}

function create(driver: NotificationDriver, options: unknown, context: NotificationContext, at: string) {
  try {
    return driver.create(options, context);
  } catch (error) {
    // A file that it needs all the time, such as a template.
    throw new Error(`${at}.options: ${(error as Error).message}`);
  }
}

export const SECOND = (name: string): string => `a second channel named ${name} (give it another name)`;

/** Their own names; else the driver's, with a number from the second one on. */
export function channelNames(channels: readonly { name?: string | undefined; driver: string }[]): string[] {
  const seen = new Map<string, number>();
  return channels.map(({ name, driver }) => {
    if (name !== undefined) return name;
    const n = (seen.get(driver) ?? 0) + 1;
    seen.set(driver, n);
    return n === 1 ? driver : `${driver}-${n}`;
  });
}

/** What does not fit the driver, for options that it took. */
export function channelProblems(
  driver: NotificationDriver,
  entry: Pick<NotificationConfig['channels'][number], 'driver' | 'audience' | 'stages'>,
  options: unknown,
): { key: 'audience' | 'stages'; why: string }[] {
  const found: { key: 'audience' | 'stages'; why: string }[] = [];
  if (entry.audience === 'users' && driver.isRoom?.(options))
    found.push({ key: 'audience', why: `${entry.driver} is no person, it gets the admins' messages (write admins)` });
  const cannot = entry.stages?.filter((s) => driver.stages?.includes(s) === false) ?? [];
  if (cannot.length > 0)
    found.push({
      key: 'stages',
      why: `${entry.driver} does not tell ${cannot.join(', ')} (it tells ${driver.stages!.join(', ')})`,
    });
  return found;
}

export const notificationKind: Kind = {
  kind: 'notification',
  functions: ['create'],
  known: Object.keys(notificationDrivers),
};
