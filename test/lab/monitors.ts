// The real monitors of Debian beside the lab: Prometheus that probes the nodes' ports by its blackbox exporter, and Alertmanager.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parse, stringify } from 'yaml';
import { freePort } from '../../scripts/temporal-server.ts';
import { startHooks, type Hooks } from '../activities/notification/hooks.ts';
import { need } from '../devices/needs.ts';
import { until } from '../support/until.ts';
import { startChild, stopChild, type Child } from './child.ts';
import type { Lab } from './lab.ts';

const PACKAGES = 'prometheus prometheus-alertmanager prometheus-blackbox-exporter';
const PAGE = path.join(import.meta.dirname, '../../docs/drivers/monitoring-alertmanager.md');
export const QUERY = 'probe_success{job="node"}';

export interface Monitors {
  /** Prometheus's address. */
  url: string;
  /** The last sample of each node. */
  probed(): Promise<Map<string, number>>;
  /** Nodes of which Alertmanager holds an alert that fires. */
  firing(): Promise<string[]>;
  /** What Alertmanager has pushed: its second webhook is ours, and gets what Lifeboat gets. */
  pushed(): { status: string; node: string }[];
  /** Pushes that failed, by its own count. */
  failedPushes(): Promise<number>;
  end(): Promise<void>;
}

/** Resolves once every node was probed as alive. `hook`: where Alertmanager tells of alerts; without it there is none. */
export async function startMonitors(lab: Lab, hook?: { url: string; tokenFile: string }): Promise<Monitors> {
  const dir = await mkdtemp(path.join(tmpdir(), 'lifeboat-monitors-'));
  const started: Child[] = [];
  const witness = await startHooks();
  const end = async (): Promise<void> => {
    await Promise.all(started.map(stopChild));
    await witness.close();
    await rm(dir, { recursive: true, force: true });
  };
  const run = (name: string, args: string[]): void => {
    started.push(startChild(need(name, PACKAGES), args, { cwd: dir, env: { PATH: process.env.PATH, HOME: dir } }));
  };
  const ports = { prometheus: await freePort(), blackbox: await freePort(), alertmanager: await freePort() };
  const at = (port: number): string => `127.0.0.1:${port}`;
  try {
    await write(dir, 'blackbox.yml', { modules: { port: { prober: 'tcp' } } });
    run('prometheus-blackbox-exporter', ['--config.file=blackbox.yml', `--web.listen-address=${at(ports.blackbox)}`]);
    await write(dir, 'prometheus.yml', prometheusOf(await addressesOf(lab), ports, hook !== undefined));
    if (hook) {
      await write(dir, 'rules.yml', RULES);
      await write(
        dir,
        'alertmanager.yml',
        await alertmanagerOf([hook.url, `${witness.origin}/alerts`], hook.tokenFile),
      );
      const storage = ['--storage.path=alerts', '--cluster.listen-address='];
      run('prometheus-alertmanager', [
        ...['--config.file=alertmanager.yml', `--web.listen-address=${at(ports.alertmanager)}`, ...storage],
      ]);
    }
    run('prometheus', [
      ...['--config.file=prometheus.yml', `--web.listen-address=${at(ports.prometheus)}`, '--storage.tsdb.path=data'],
    ]);
    const asked = asking(`http://${at(ports.prometheus)}`, `http://${at(ports.alertmanager)}`);
    const whole = until(
      async () => [...(await asked.probed()).values()].filter((v) => v === 1).length === lab.nodes.length,
      {
        ...{ what: 'Prometheus has probed all nodes as alive', timeoutMs: 60_000, everyMs: 250 },
      },
    );
    await Promise.race([whole, ...started.map(neverEnds)]);
    return { ...asked, pushed: () => alertsOf(witness), end };
  } catch (error) {
    await end();
    throw error;
  }
}

const alertsOf = ({ taken }: Hooks): ReturnType<Monitors['pushed']> =>
  taken.flatMap(({ body }) => {
    const { alerts } = JSON.parse(body) as { alerts: { status: string; labels: { node: string } }[] };
    return alerts.map(({ status, labels }) => ({ status, node: labels.node }));
  });

const neverEnds = ({ child, ended, output }: Child): Promise<never> =>
  ended.then((code) => Promise.reject(new Error(`${child.spawnfile} ended with ${code}: ${output().slice(-1_000)}`)));

const write = (dir: string, name: string, content: unknown): Promise<void> =>
  writeFile(path.join(dir, name), stringify(content));

/** By node, as os-hypervisors knows it. */
async function addressesOf({ admin, settings }: Lab): Promise<[string, string][]> {
  const { hypervisors } = await admin.get<{ hypervisors: { host_ip: string; service: { host: string } }[] }>(
    'compute',
    '/os-hypervisors/detail',
  );
  return hypervisors.map((h) => [h.service.host, `${h.host_ip}:${settings.tcpport}`]);
}

/** Each target has the name of its node as a label; the probe goes by the exporter. */
const prometheusOf = (
  targets: [string, string][],
  ports: { blackbox: number; alertmanager: number },
  alerts: boolean,
): unknown => ({
  global: { scrape_interval: '5s', scrape_timeout: '3s', evaluation_interval: '5s' },
  scrape_configs: [
    {
      ...{ job_name: 'node', metrics_path: '/probe', params: { module: ['port'] } },
      static_configs: targets.map(([node, address]) => ({ targets: [address], labels: { node } })),
      relabel_configs: [
        { source_labels: ['__address__'], target_label: '__param_target' },
        { source_labels: ['__address__'], target_label: 'instance' },
        { target_label: '__address__', replacement: `127.0.0.1:${ports.blackbox}` },
      ],
    },
  ],
  ...(alerts
    ? {
        rule_files: ['rules.yml'],
        alerting: { alertmanagers: [{ static_configs: [{ targets: [`127.0.0.1:${ports.alertmanager}`] }] }] },
      }
    : {}),
});

const RULES = {
  groups: [
    {
      name: 'nodes',
      rules: [{ alert: 'NodeDown', expr: `${QUERY} == 0`, for: '5s', labels: { severity: 'critical' } }],
    },
  ],
};

/** The entry that the driver's page tells people to write, with these two addresses in it. */
async function alertmanagerOf(urls: string[], tokenFile: string): Promise<unknown> {
  const blocks = [...(await readFile(PAGE, 'utf8')).matchAll(/^```yaml\n(.*?)^```$/gms)].map(
    (m) => parse(m[1]!) as { route?: object; receivers?: { name: string; webhook_configs?: object[] }[] },
  );
  const page = blocks.find((b) => b.receivers);
  if (!page?.route) throw new Error(`${PAGE}: no example of a route with its receivers`);
  const http_config = { authorization: { credentials_file: tokenFile } };
  const both = page.receivers![0]!.webhook_configs!.map((hook, i) => ({ ...hook, url: urls[i], http_config }));
  return {
    route: { receiver: 'nobody', ...page.route },
    receivers: [{ name: 'nobody' }, { ...page.receivers![0]!, webhook_configs: both }],
  };
}

function asking(prometheus: string, alertmanager: string): Omit<Monitors, 'end' | 'pushed'> {
  const json = async <T>(url: string): Promise<T> => (await (await fetch(url)).json()) as T;
  return {
    url: prometheus,
    async probed() {
      const { data } = await json<{ data: { result: { metric: { node: string }; value: [number, string] }[] } }>(
        `${prometheus}/api/v1/query?${new URLSearchParams({ query: QUERY }).toString()}`,
      );
      return new Map(data.result.map((r) => [r.metric.node, Number(r.value[1])]));
    },
    firing: async () =>
      (await json<{ labels: { node: string } }[]>(`${alertmanager}/api/v2/alerts?active=true`)).map(
        (a) => a.labels.node,
      ),
    async failedPushes() {
      const metrics = await (await fetch(`${alertmanager}/metrics`)).text();
      const failed = /^alertmanager_notifications_failed_total\{integration="webhook"\} (\d+)/m.exec(metrics);
      return Number(failed?.[1] ?? NaN);
    },
  };
}
