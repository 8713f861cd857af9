// One cloud, ready to be asked: the configuration is read and judged now, the network is touched at the first call.
import { createBaremetal } from './baremetal.ts';
import { judgeCloud } from './cloud-config.ts';
import { readCloud } from './clouds-yaml.ts';
import { createCompute } from './compute.ts';
import { createTransport } from './http.ts';
import { createHypervisors } from './hypervisors.ts';
import { createImages } from './images.ts';
import { createIdentity } from './identity.ts';
import { createNetwork } from './network.ts';
import { createPlacement } from './placement.ts';
import { realTime, type Time } from './retry.ts';
import { createService, type ServiceOptions } from './service.ts';
import { createSession } from './session.ts';
import type { OpenStack } from './types.ts';

export interface ConnectOptions {
  /** Name in clouds.yaml; else OS_CLOUD, OS_* variables, or the file's only cloud. */
  cloud?: string;
  /** Over region_name. */
  region?: string;
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  /** Time limits in ms where a call gives none: reads 15 s, writes 60 s. */
  readMs?: number;
  writeMs?: number;
  /** Calls at a time to each service: 16. */
  concurrency?: number;
  time?: Time;
}

/** Rejects with OpenStackError (kind config) for what is wrong in clouds.yaml or OS_*; opens no connection. */
export async function connectCloud(options: ConnectOptions = {}): Promise<OpenStack> {
  const { env = process.env, cwd = process.cwd(), time = realTime } = options;
  const config = judgeCloud(readCloud({ cloud: options.cloud, env, cwd }), options.region);
  const transport = createTransport(config.tls);
  const session = createSession(config, transport, time);
  const { readMs = 15_000, writeMs = 60_000, concurrency = 16 } = options;
  const service = (type: ServiceOptions['type']) =>
    createService({ type, session, transport, time, concurrency, readMs, writeMs });
  const nova = service('compute');
  const hypervisors = createHypervisors(nova, time);
  return {
    identityUrl: config.identityUrl,
    region: config.region,
    compute: createCompute(nova, hypervisors),
    placement: createPlacement(service('placement'), hypervisors, time),
    identity: createIdentity(service('identity'), session, time),
    network: createNetwork(service('network')),
    baremetal: createBaremetal(service('baremetal')),
    images: createImages(service('image'), time),
    close: async () => {
      await hypervisors.close();
      await transport.close();
    },
  };
}
