// Does the hypervisor's own address answer on the network? An open or a refused port is the node's kernel speaking.
import { z } from 'zod';
import type { Evidence } from '../../workflows/domain.ts';
import { connectAny } from './connect.ts';
import type { Answer } from './connect.ts';
import type { Look, MonitoringDriver } from './driver.ts';
import { dated } from './each-node.ts';
import { overAll } from './over-all.ts';
import { judgeSilence } from './silence.ts';

const port = z.int().min(1).max(65_535);

const options = z.strictObject({
  /** Tried on `host_ip` of os-hypervisors. Pick ports that no firewall drops for the monitor: a refused one is as good. */
  ports: z.array(port).min(1).max(8).default([22, 16514, 5900]),
  /** Addresses that always answer (a router, a switch): they prove that the monitor's own network works. */
  reference: z.array(z.strictObject({ host: z.string().min(1), port })).default([]),
  /** Hosts looked at side by side. */
  parallel: z.int().min(1).max(1_024).default(256),
});

type Options = z.output<typeof options>;

async function someReference(o: Options, timeoutMs: number, signal: AbortSignal): Promise<boolean> {
  const answers = await overAll(o.reference, o.parallel, (r) => connectAny(r.host, [r.port], timeoutMs, signal));
  return answers.some((a) => a.kind === 'answered');
}

async function lookByTcp(o: Options, look: Look, timeoutMs: number): Promise<Map<string, Omit<Evidence, 'channel'>>> {
  const answers = await overAll(look.nodes, o.parallel, async ({ hostIp }): Promise<Answer> => {
    if (hostIp === null) return { kind: 'unknown', saw: 'Nova tells no host_ip' };
    const answer = await connectAny(hostIp, o.ports, timeoutMs, look.signal);
    return { ...answer, saw: `${hostIp}: ${answer.saw}` };
  });
  const heard = new Map(answers.map((a, i) => [look.nodes[i]!.host, a]));
  return dated(look, await judgeSilence(heard, () => someReference(o, timeoutMs, look.signal)));
}

export const tcp: MonitoringDriver<typeof options> = {
  name: 'tcp',
  options,
  create: (o, context) => ({
    direct: true,
    look: (look) => lookByTcp(o, look, context.timings.tcpTimeoutMs),
  }),
};
