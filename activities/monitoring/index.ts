// The registry of monitoring drivers. A new driver is one file and one line here.
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

/** The configured channels, under the names that `failedWhen` uses. Opens nothing. Rejects on an unknown driver or a refused option. */
export async function createChannels(
  config: Pick<MonitoringConfig, 'channels'>,
  context: MonitoringContext,
): Promise<NamedChannel[]> {
  return Promise.all(
    config.channels.map(async ({ driver: name, name: called, options }, i) => {
      const at = `monitoring.channels[${i}]`;
      const driver = monitoringDrivers[name] ?? (await importDriver(name, at));
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

/** A driver outside this repository: the default export of a package, or of a file given by its absolute path. */
async function importDriver(name: string, at: string): Promise<MonitoringDriver> {
  const known = `known: ${Object.keys(monitoringDrivers).join(', ')}, or the name of a module`;
  let module: { default?: Partial<MonitoringDriver> };
  try {
    module = (await import(name)) as typeof module;
  } catch (error) {
    throw new Error(`${at}.driver ${name}: cannot be loaded: ${(error as Error).message.split('\n')[0]} (${known})`);
  }
  const driver = module.default;
  if (!driver?.options || typeof driver.create !== 'function')
    throw new Error(`${at}.driver ${name}: its default export is no monitoring driver (name, options, create)`);
  return driver as MonitoringDriver;
}
