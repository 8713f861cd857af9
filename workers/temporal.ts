// How a process reaches Temporal: its own standard variables, profiles and file (TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE,
// TEMPORAL_PROFILE, temporal.toml), never keys of ours.
import { Client, Connection, defaultGrpcRetryOptions, makeGrpcRetryInterceptor } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { NativeConnection, type NativeConnectionOptions } from '@temporalio/worker';
import { redact } from '../activities/openstack/errors.ts';
import type { Config } from './config.ts';

/** temporal.md: a first workflow task that a dying worker swallowed is given to another one after so long. */
export const WORKFLOW_TASK_TIMEOUT = '5s';
const CONNECT_TIMEOUT_MS = 5_000;
/** A status of gRPC. */
const RESOURCE_EXHAUSTED = 8;

export interface TemporalSettings {
  namespace: string;
  options: NativeConnectionOptions;
}

/** Where the environment, the profile and the file say that Temporal is. Throws one line where they are wrong. */
export function temporalSettings(temporal: Config['temporal'], env: NodeJS.ProcessEnv = process.env): TemporalSettings {
  const { profile, configFile } = temporal;
  try {
    const set = Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined);
    const { connectionOptions, namespace } = loadClientConnectConfig({
      overrideEnvVars: Object.fromEntries(set),
      ...(profile ? { profile } : {}),
      ...(configFile ? { configSource: { path: configFile } } : {}),
    });
    const address = connectionOptions.address ?? '127.0.0.1:7233';
    return { namespace: namespace ?? 'default', options: { ...connectionOptions, address } };
  } catch (error) {
    const where = configFile ?? env.TEMPORAL_CONFIG_FILE ?? 'its environment and its profile';
    throw new Error(
      `Cannot read Temporal's settings from ${where}: ${withoutLines(error)} (see temporal.profile and temporal.configFile)`,
    );
  }
}

/** The standard's steps, but for a run that is asked already: that is over in milliseconds. */
const isBeingAsked = (details: string): boolean => /query buffer is full/i.test(details);

const retries = (): ReturnType<typeof makeGrpcRetryInterceptor> =>
  makeGrpcRetryInterceptor(
    defaultGrpcRetryOptions({
      initialIntervalMs: ({ code, details }) =>
        code !== RESOURCE_EXHAUSTED ? 100 : isBeingAsked(details) ? 20 : 1_000,
    }),
  );

/** For scripts and for the client of a worker. Close the connection when done. Rejects with one line when nobody answers. */
export async function connectClient(
  settings: TemporalSettings,
  identity?: string,
): Promise<{ client: Client; connection: Connection; namespace: string }> {
  const { namespace, options } = settings;
  const { address, tls, metadata, apiKey } = options;
  const connection = await Connection.connect({
    connectTimeout: CONNECT_TIMEOUT_MS,
    interceptors: [retries()],
    ...(address ? { address } : {}),
    ...(tls !== undefined ? { tls: tls ?? false } : {}),
    ...(metadata ? { metadata } : {}),
    ...(apiKey ? { apiKey } : {}),
  }).catch((error: unknown) => {
    throw unreachable(settings, error);
  });
  const known = await connection.workflowService.describeNamespace({ namespace }).then(
    () => null,
    (error: unknown) => error,
  );
  if (known) {
    await connection.close();
    throw unreachable(settings, known);
  }
  const client = new Client({ connection, namespace, ...(identity ? { identity } : {}) });
  return { client, connection, namespace };
}

/** For Workers. */
export async function connectNative(settings: TemporalSettings): Promise<NativeConnection> {
  return NativeConnection.connect(settings.options).catch((error: unknown) => {
    throw unreachable(settings, error);
  });
}

/** What no text may contain. Other metadata (a namespace, a name) is no secret, and would blot out ordinary words. */
export function temporalSecrets({ options: { apiKey, metadata } }: TemporalSettings): string[] {
  const telling = Object.entries(metadata ?? {}).filter(([name]) => /auth|key|token|secret|passw/i.test(name));
  const values = telling.map(([, value]) => String(value).replace(/^(Bearer|Basic)\s+/i, ''));
  return typeof apiKey === 'string' ? [apiKey, ...values] : values;
}

/** A parser's error goes on with the lines around it, and one of them may be the API key's. */
function withoutLines(error: unknown): string {
  const [first = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
  const line: unknown = error instanceof Error && 'line' in error ? error.line : undefined;
  return `${redact(first)}${typeof line === 'number' ? `, line ${line}` : ''}`.slice(0, 300);
}

function unreachable(settings: TemporalSettings, error: unknown): Error {
  const why = redact(oneLine(error), temporalSecrets(settings));
  const hint = /namespace .*not found|NamespaceNotFound/i.test(why)
    ? 'create the namespace or set TEMPORAL_NAMESPACE'
    : 'set TEMPORAL_ADDRESS, or temporal.profile in the configuration; `npm run demo` brings a server of its own';
  return new Error(
    `Cannot reach Temporal at ${settings.options.address} (namespace ${settings.namespace}): ${why.slice(0, 300)} (${hint})`,
    {
      cause: error,
    },
  );
}

function oneLine(error: unknown): string {
  const details = (error as { details?: unknown }).details;
  const text =
    typeof details === 'string' && details ? details : error instanceof Error ? error.message : String(error);
  return text.replace(/\s+/g, ' ');
}
