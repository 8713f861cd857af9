// The registry of notification drivers, and the room's part of the configuration file.
import { z } from 'zod';
import { STAGES, type Stage } from '../../workflows/contract.ts';
import type { NotificationChannel, NotificationContext, NotificationDriver } from './driver.ts';
import { email, mailAddress } from './email.ts';

/** A new driver is one file and one line here. */
export const notificationDrivers: Readonly<Record<string, NotificationDriver>> = { email: email as NotificationDriver };

export const AUDIENCES = ['users', 'admins', 'both'] as const;

const admin = z.union([
  mailAddress.transform((address) => ({ name: '', address })),
  z.strictObject({ name: z.string(), address: mailAddress }),
]);

const channel = z.strictObject({
  /** A name of the registry, or a module (package or absolute path) whose default export is a NotificationDriver. */
  driver: z.string().min(1),
  options: z.record(z.string(), z.unknown()).default({}),
  /** Who is told through this channel, and of what. */
  audience: z.enum(AUDIENCES).default('both'),
  stages: z.array(z.enum(STAGES)).min(1).optional(),
});

export const notificationConfig = z.strictObject({
  /** Who is told of everything. */
  admins: z.array(admin).default([]),
  channels: z.array(channel).default([]),
  /** A folder with own templates; each replaces the shipped one of the same name. */
  templates: z.string().min(1).optional(),
  /** Goes into the policy; tenants learn the names of compute nodes. */
  tellNodeNames: z.boolean().default(false),
  /** The Temporal UI, for links: `https://temporal.example.net`. */
  console: z.url({ protocol: /^https?$/ }).optional(),
});
export type NotificationConfig = z.output<typeof notificationConfig>;

/** A channel with what it is for. */
export interface OpenChannel {
  driver: string;
  channel: NotificationChannel;
  audience: (typeof AUDIENCES)[number];
  /** Absent: all. */
  stages?: readonly Stage[] | undefined;
}

/**
 * Makes the configured channels; connects to nothing. Throws on an unknown driver and on options that it refuses:
 * `notification.channels[0].options.host: …`.
 */
export async function openChannels(config: NotificationConfig, context: NotificationContext): Promise<OpenChannel[]> {
  return Promise.all(
    config.channels.map(async ({ driver: name, options, audience, stages }, n) => {
      const at = `notification.channels[${n}]`;
      const driver = notificationDrivers[name] ?? (await importDriver(name, at));
      const parsed = driver.options.safeParse(options);
      if (!parsed.success) {
        const wrong = parsed.error.issues.map((i) => `${[at, 'options', ...i.path].join('.')}: ${i.message}`);
        throw new Error(wrong.join('; '));
      }
      return { driver: name, channel: driver.create(parsed.data, context), audience, stages };
    }),
  );
}

async function importDriver(name: string, at: string): Promise<NotificationDriver> {
  const known = `known: ${Object.keys(notificationDrivers).join(', ')}, or the name of a module`;
  let module: { default?: Partial<NotificationDriver> };
  try {
    module = (await import(name)) as { default?: Partial<NotificationDriver> };
  } catch (error) {
    throw new Error(`${at}.driver ${name}: cannot be loaded: ${(error as Error).message.split('\n')[0]} (${known})`);
  }
  const driver = module.default;
  if (!driver?.options || typeof driver.create !== 'function')
    throw new Error(`${at}.driver ${name}: its default export is no notification driver (name, options, create)`);
  return driver as NotificationDriver;
}
