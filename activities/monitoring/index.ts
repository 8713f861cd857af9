// The registry of monitoring drivers. A new driver is one file and one line here.
import { loadModule, type Kind } from '../load-driver.ts';
import { alertmanager } from './alertmanager.ts';
import { bmcPower } from './bmc-power.ts';
import { command } from './command.ts';
import type { MonitoringConfig } from './config.ts';
import type { MonitoringContext, MonitoringDriver } from './driver.ts';
import { neutronAgent } from './neutron-agent.ts';
import { novaService } from './nova-service.ts';
import { ping } from './ping.ts';
import { prometheus } from './prometheus.ts';
import type { NamedChannel } from './sweep.ts';
import { tcp } from './tcp.ts';
import { withoutSecrets } from './without-secrets.ts';

export const monitoringDrivers: Readonly<Record<string, MonitoringDriver>> = {
  alertmanager: alertmanager as MonitoringDriver,
  'bmc-power': bmcPower as MonitoringDriver,
  command: command as MonitoringDriver,
  'neutron-agent': neutronAgent as MonitoringDriver,
  'nova-service': novaService as MonitoringDriver,
  ping: ping as MonitoringDriver,
  prometheus: prometheus as MonitoringDriver,
  tcp: tcp as MonitoringDriver,
};

/** The configured channels, under the names that `failedWhen` uses. Opens nothing. `from`: the
 * configuration's path, beside which a driver may stand. Rejects on an unknown driver or a refused option. */
export async function createChannels(
  config: Pick<MonitoringConfig, 'channels'>,
  context: MonitoringContext,
  from?: string,
): Promise<NamedChannel[]> {
  return Promise.all(
    config.channels.map(async ({ driver: name, name: called, options }, i) => {
      const at = `monitoring.channels[${i}]`;
      const driver = monitoringDrivers[name] ?? (await loadModule<MonitoringDriver>(name, at, monitoringKind, from));
      const parsed = driver.options.safeParse(options);
      if (!parsed.success) {
        const wrong = parsed.error.issues.map(
          (issue) => `${[at, 'options', ...issue.path].join('.')}: ${issue.message}`,
        );
        throw new Error(wrong.join('; '));
      }
      const channel = driver.create(parsed.data, context);
      return { name: called ?? name, channel: context.redact ? withoutSecrets(channel, context.redact) : channel };
    }),
  );
}

export const monitoringKind: Kind = {
  kind: 'monitoring',
  functions: ['create'],
  known: Object.keys(monitoringDrivers),
};
