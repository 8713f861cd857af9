// A worker process: reads the configuration, connects, runs the roles it is given. `npm start -- --config lifeboat.yaml`
import { parseArgs } from 'node:util';
import { Runtime, type Logger } from '@temporalio/worker';
import { ROLES, type Role } from '../workflows/contract.ts';
import { loadConfig, ConfigError, type Config } from './config.ts';
import { createWorkers } from './create-workers.ts';
import { driverSource } from './deps.ts';
import { keepDrill } from './drill-schedule.ts';
import { followConfig } from './follow-config.ts';
import { checkWatchdogUrl, tellWatchdog } from './health-watchdog.ts';
import { keepWatch, refuseOtherCloud } from './keep-watch.ts';
import { identity, jsonLogger } from './log.ts';
import { configurationGauge, exporterOn, parseAddress, type Address } from './metrics.ts';
import { asksTemporal, gaugeRoles, openSight, prepareSight, type Sight } from './metrics-sight.ts';
import { keepProbes } from './probe-schedule.ts';
import { createRedactor } from './redact.ts';
import { ensureSearchAttributes } from './search-attributes.ts';
import { createSecrets } from './secrets.ts';
import { connectClient, connectNative, temporalSecrets, temporalSettings } from './temporal.ts';

const USAGE = `npm start -- --config lifeboat.yaml [--role ROLE]... [--log LEVEL] [--metrics ADDRESS] [--bundle FILE]

  --config   the configuration (docs/configuration.md); or LIFEBOAT_CONFIG
  --role     ${ROLES.join(', ')}; several are allowed, all when none is given
  --log      error, warn, info (default), debug
  --metrics  serve /metrics (Prometheus) and /healthz there, for example 127.0.0.1:9464
  --bundle   the workflows as they were bundled before, for several workers of the same sources; by default each makes its own`;

const LEVELS = { error: 'ERROR', warn: 'WARN', info: 'INFO', debug: 'DEBUG' } as const;

interface Arguments {
  config: string;
  roles: Role[];
  level: (typeof LEVELS)[keyof typeof LEVELS];
  metrics: Address | null;
  bundle: string | undefined;
}

/** A mistake on the command line; its text ends with the usage. */
class UsageError extends Error {}

function readArguments(argv: string[]): Arguments | null {
  const { values } = parseArgs({
    args: argv,
    options: {
      config: { type: 'string' },
      role: { type: 'string', multiple: true },
      log: { type: 'string', default: 'info' },
      metrics: { type: 'string' },
      bundle: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) return null;
  const config = values.config ?? process.env.LIFEBOAT_CONFIG;
  if (!config) throw new UsageError('no configuration is given (--config lifeboat.yaml)');
  const roles = (values.role ?? []).flatMap((list) => list.split(','));
  const wrong = roles.find((role) => !(ROLES as readonly string[]).includes(role));
  if (wrong !== undefined) throw new UsageError(`--role ${wrong}: there is no such role (roles: ${ROLES.join(', ')})`);
  if (!Object.hasOwn(LEVELS, values.log)) throw new UsageError(`--log ${values.log}: no such level`);
  return {
    config,
    roles: roles.length > 0 ? (roles as Role[]) : [...ROLES],
    level: LEVELS[values.log as keyof typeof LEVELS],
    metrics: values.metrics === undefined ? null : judged(() => parseAddress(values.metrics!)),
    bundle: values.bundle,
  };
}

/** Of the whole process: what was learnt until it failed is not shown when it says why. */
const redactor = createRedactor();

async function main(): Promise<number> {
  const given = readArguments(process.argv.slice(2));
  if (!given) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  const config = await loadConfig(given.config);
  const watchdog = process.env.LIFEBOAT_WATCHDOG_URL;
  if (watchdog) judged(() => checkWatchdogUrl(watchdog));
  const sight = given.metrics && (await prepareSight());
  const logger = installRuntime(given, sight);
  if (given.metrics && sight) await openSight(given.metrics, sight, redactor);
  for (const warning of config.warnings) logger.warn(warning);
  if (watchdog) {
    redactor.know(watchdog);
    tellWatchdog({ url: watchdog, cloud: config.cloud, logger });
  }
  await runRoles(config, given, logger, sight);
  return 0;
}

/** What it throws is a mistake of whoever started us. */
function judged<T>(judge: () => T): T {
  try {
    return judge();
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

/** The SDK's and our own log lines go the same way. SIGTERM and SIGINT are the Runtime's: it stops every Worker at once. */
function installRuntime({ level }: Arguments, sight: Sight | null): Logger {
  const logger = jsonLogger(level, redactor);
  Runtime.install({
    logger,
    shutdownSignals: ['SIGTERM', 'SIGINT'],
    telemetryOptions: {
      logging: { forward: {}, filter: { core: level === 'DEBUG' ? 'INFO' : 'WARN', other: 'ERROR' } },
      ...(sight ? exporterOn(sight.exporter) : {}),
    },
  });
  return logger;
}

async function runRoles(config: Config, given: Arguments, logger: Logger, sight: Sight | null): Promise<void> {
  const { roles, bundle } = given;
  const secrets = createSecrets({ redactor, warn: (line) => logger.warn(line) });
  const settings = temporalSettings(config.temporal);
  for (const secret of temporalSecrets(settings)) redactor.know(secret);
  const { client, connection, namespace } = await connectClient(settings, identity());
  if (sight) sight.temporal = asksTemporal(connection, namespace);
  const native = await connectNative(settings);
  const stop = new AbortController();
  try {
    const attributes = await ensureSearchAttributes(connection, namespace);
    if (!attributes.usable) logger.warn(`runs are written without search attributes: ${attributes.why}`);
    const searchAttributes = attributes.usable;
    const source = driverSource(config, secrets);
    const cloud = roles.some((role) => role !== 'workflow') ? await source.get('openstack') : null;
    const watch = {
      ...{ client, config, searchAttributes, configuredBy: identity() },
      identity: { keystone: cloud?.identityUrl ?? '', region: cloud?.region ?? '' },
    };
    // Before anything polls: a worker of another cloud must not sweep, fence or evacuate for this one.
    if (cloud) await refuseOtherCloud(watch);
    const made = await createWorkers({
      ...{ config, connection: native, client, namespace, roles, secrets, source, searchAttributes },
      ...(bundle ? { workflowBundle: { codePath: bundle } } : {}),
    });
    logger.info(`Lifeboat for ${config.cloud}: ${roles.join(', ')}; mode ${config.policy.mode}`, {
      config: config.file,
      policy: config.policyHash,
      temporal: settings.options.address,
      namespace,
    });
    const running = made.run().finally(() => stop.abort());
    if (sight) {
      sight.pollers = () => made.workers.map(({ queue, worker }) => ({ queue, state: worker.getState() }));
      const { signal } = stop;
      void gaugeRoles({ config, roles, client, namespace, signal });
    }
    let outdated = new AbortController();
    const keepSchedules = (now: Config): void => {
      // Who still tries to write the former ones would write over these.
      outdated.abort();
      outdated = new AbortController();
      const kept = { client, config: now, logger, signal: AbortSignal.any([stop.signal, outdated.signal]) };
      if (roles.includes('fencing')) void keepProbes(kept);
      if (roles.includes('monitor')) void keepDrill(kept);
    };
    keepSchedules(config);
    const changes = changing(config);
    void followConfig({
      ...{ config, logger, signal: stop.signal },
      ...(sight && { told: configurationGauge(config.cloud) }),
      apply: async (next) => {
        const what = await made.replace(next);
        changes.to(next);
        keepSchedules(next);
        return what;
      },
    });
    const keeping = roles.includes('monitor')
      ? keepWatch({
          ...{ ...watch, logger, signal: stop.signal, follow: changes },
          configured: (hash) => hash === changes.config().policyHash && made.known(),
        }).catch(async (error: unknown) => {
          await made.shutdown();
          throw error;
        })
      : Promise.resolve();
    await Promise.all([running, keeping]);
    logger.info('stopped; what ran was handed over');
  } finally {
    stop.abort();
    // Where a Worker was made and never ran it still holds the connection; the process ends anyway.
    await native.close().catch(() => undefined);
    await connection.close();
  }
}

/** The configuration in force, and who waits for the next one. */
function changing(first: Config): { config(): Config; next(): Promise<void>; to(next: Config): void } {
  let now = first;
  let changed: () => void = () => undefined;
  let next = new Promise<void>((resolve) => (changed = resolve));
  return {
    config: () => now,
    next: () => next,
    to(config) {
      now = config;
      changed();
      next = new Promise<void>((resolve) => (changed = resolve));
    },
  };
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    const text = error instanceof Error ? error.message : String(error);
    const usage = error instanceof UsageError || (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS');
    process.stderr.write(`${createSecrets({ redactor }).redactor.redact(text)}\n${usage ? `\n${USAGE}\n` : ''}`);
    // 2: the configuration or the command line; starting it again does not help.
    process.exit(usage || error instanceof ConfigError ? 2 : 1);
  },
);
