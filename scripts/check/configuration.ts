// The file is good already, or this would not run: its warnings, and every secret that it names.
import type { AnySecretSource } from '../../activities/fencing/driver.ts';
import { secretName, secretSource } from '../../activities/fencing/options.ts';
import type { Config } from '../../workers/config.ts';
import { probe, type Probing, type Row } from './row.ts';

const part = 'configuration';

export async function checkConfiguration(probing: Probing): Promise<Row[]> {
  const { config, secrets, warnings } = probing;
  const says = `cloud ${config.cloud}, mode ${config.policy.mode}, policy ${config.policyHash}`;
  const rows: Row[] = [{ part, what: config.file, verdict: 'ok', says, todo: '' }];
  for (const warning of config.warnings)
    rows.push({ part, what: config.file, verdict: 'warn', says: warning, todo: 'docs/configuration.md' });
  for (const source of secretsIn(config)) {
    const what = `secret ${secretName(source)}`;
    const todo = 'only the workers of the role that uses it need it; run check where they run, with their environment';
    rows.push(
      await probe(probing, { part, what, todo }, async () => {
        await secrets.secret(source);
        return 'there';
      }),
    );
  }
  for (const warning of warnings) rows.push({ part, what: 'secrets', verdict: 'warn', says: warning, todo: '' });
  return rows;
}

/** Each secret once. One whose name depends on the node is tried with the node's device. */
export function secretsIn({ fencing, notification }: Pick<Config, 'fencing' | 'notification'>): AnySecretSource[] {
  const found = new Map<string, AnySecretSource>();
  const walk = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    const { success, data } = secretSource.safeParse(value);
    const written = JSON.stringify(value);
    if (success && !written.includes('{node}')) found.set(written, data);
    if (success) return;
    Object.values(value).forEach(walk);
  };
  walk([fencing, notification]);
  return [...found.values()];
}
