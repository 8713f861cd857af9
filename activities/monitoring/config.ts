// The monitoring room's part of the configuration file: which channels look. How their verdicts combine is policy.
import { z } from 'zod';
import { monitoringDrivers } from './index.ts';

const channel = z
  .strictObject({
    /** A name of the registry, or a package or file whose default export is a MonitoringDriver. */
    driver: z
      .string()
      .min(1)
      .meta({ expected: `one of ${Object.keys(monitoringDrivers).join(', ')}, or a module`, example: 'tcp' }),
    /** What `failedWhen` calls it; the driver's name where none is given. */
    name: z.string().min(1).optional().meta({ expected: 'a name for failedWhen', example: 'tcp-storage' }),
    options: z
      .record(z.string(), z.unknown())
      .default({})
      .meta({ expected: 'the options of this driver', example: '{ ports: [22, 16514] }' }),
  })
  .check((context) => {
    // A module's own schema is only known once it is loaded: createChannels asks it.
    const parsed = monitoringDrivers[context.value.driver]?.options.safeParse(context.value.options);
    for (const issue of parsed?.error?.issues ?? []) {
      const { message } = issue;
      context.issues.push({ code: 'custom', message, path: ['options', ...issue.path], input: context.value });
    }
  });

export const monitoringConfig = z.strictObject({
  channels: z
    .array(channel)
    .min(1)
    .default([
      { driver: 'nova-service', options: {} },
      { driver: 'tcp', options: {} },
    ])
    .meta({ expected: 'a list of channels', example: '[{ driver: nova-service }, { driver: tcp }]' }),
});

export type MonitoringConfig = z.output<typeof monitoringConfig>;
