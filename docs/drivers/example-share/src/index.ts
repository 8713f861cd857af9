// Alive while the file is young that the node's own agent touches on a share: /srv/alive/compute-7.
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Evidence, Look, MonitoringChannel, MonitoringDriver, NodeView } from 'lifeboat/driver';
import { z } from 'zod';

const options = z.strictObject({
  folder: z.string().startsWith('/').meta({ expected: 'the whole path of a folder', example: '/srv/alive' }),
  /** Seconds. */
  olderThan: z.int().min(10).default(60),
});
type Options = z.output<typeof options>;
type Sights = Awaited<ReturnType<MonitoringChannel['look']>>;
type Sight = Omit<Evidence, 'channel'>;

async function look({ folder, olderThan }: Options, { nodes, signal }: Look): Promise<Sights> {
  const lookAt = async ({ host }: NodeView): Promise<[string, Sight]> => {
    signal.throwIfAborted();
    const readAt = new Date().toISOString();
    // A name from Nova is no path.
    const file = /^\w[\w.-]*$/.test(host) ? await stat(join(folder, host)).catch(() => null) : null;
    if (!file) return [host, { verdict: 'unknown', saw: 'there is no such file', readAt }];
    const age = Math.round((Date.now() - file.mtimeMs) / 1_000);
    return [host, { verdict: age < olderThan ? 'alive' : 'failed', saw: `touched ${age} s ago`, readAt }];
  };
  return new Map(await Promise.all(nodes.map(lookAt)));
}

const share: MonitoringDriver<typeof options> = {
  name: 'share',
  options,
  create: (given) => ({ look: (asked) => look(given, asked) }),
};
export default share;
