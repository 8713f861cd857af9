// A monitoring driver as somebody else would write it, in a file of their own.
import { z } from 'zod';
import type { MonitoringDriver } from '../../../activities/monitoring/driver.ts';

const options = z.strictObject({ says: z.enum(['alive', 'failed', 'unknown']) });

const ping: MonitoringDriver<typeof options> = {
  name: 'ping',
  options,
  create: ({ says }) => ({
    look: ({ nodes }) => {
      const readAt = new Date().toISOString();
      return Promise.resolve(
        new Map(nodes.map((n) => [n.host, { verdict: says, saw: `told to say ${says}`, readAt }])),
      );
    },
  }),
};

export default ping;
