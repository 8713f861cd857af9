// What a channel is given, with nothing in it that the test did not put there.
import type { MonitoringContext, SecretSource } from '../../activities/monitoring/driver.ts';
import type { OpenStack } from '../../activities/openstack/types.ts';
import { DEFAULT_TIMINGS } from '../../workflows/defaults.ts';

export const nameOf = (source: SecretSource): string => ('env' in source ? source.env : source.file);

/** Secrets are those of `secrets`, by variable or file. */
export const contextOf = (
  over: Partial<MonitoringContext> = {},
  secrets: Readonly<Record<string, string>> = {},
): MonitoringContext => ({
  openstack: {} as OpenStack,
  timings: DEFAULT_TIMINGS,
  secret: (source) => {
    const value = secrets[nameOf(source)];
    if (value) return Promise.resolve(value);
    return Promise.reject(
      new Error(`Cannot read secret ${nameOf(source)}: it is not set (no such secret in this test)`),
    );
  },
  ...over,
});
