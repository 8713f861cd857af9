// The servers that tests run workflows on. Each call gives a fresh one; the caller tears it down.
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { Runtime, DefaultLogger } from '@temporalio/worker';
import { locateBinary, TEST_SERVER } from '../../scripts/temporal-binaries.ts';
import { startDevServer, type DevServer, type DevServerOptions } from '../../scripts/temporal-server.ts';
import { ensureSearchAttributes } from '../../workers/search-attributes.ts';

let quiet = false;

/** Only errors of the SDK reach a test's output, unless LOG says which level. Once a process. */
export function quietRuntime(): void {
  if (quiet) return;
  quiet = true;
  const level = process.env.LOG === 'debug' ? 'DEBUG' : process.env.LOG === 'info' ? 'INFO' : 'ERROR';
  Runtime.install({
    logger: new DefaultLogger(level),
    telemetryOptions: { logging: { forward: {}, filter: { core: level, other: 'ERROR' } } },
  });
}

/**
 * A time-skipping server: a story of hours takes a second. One for each story, since its clock leaps years between two.
 * No schedules; not for many workflows at once.
 */
export async function timeSkipping(): Promise<TestWorkflowEnvironment> {
  quietRuntime();
  const path = await locateBinary(TEST_SERVER);
  const env = await TestWorkflowEnvironment.createTimeSkipping({
    server: { executable: { type: 'existing-path', path } },
  });
  await ensureSearchAttributes(env.connection, env.namespace ?? 'default');
  return env;
}

export interface LocalTemporal {
  server: DevServer;
  env: TestWorkflowEnvironment;
  teardown(): Promise<void>;
}

/** The real server in real time: for crashes, takeovers, updates-with-start and many workflows at once. */
export async function devServer(options: Partial<DevServerOptions> = {}): Promise<LocalTemporal> {
  quietRuntime();
  const server = await startDevServer({ ui: false, ...options });
  const env = await TestWorkflowEnvironment.createFromExistingServer({ address: server.address });
  return {
    server,
    env,
    async teardown() {
      await env.teardown();
      await server.stop();
    },
  };
}
