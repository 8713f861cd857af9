// Whatever option of whatever driver is wrong: the path, what was expected, and the driver's page.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { stringify } from 'yaml';
import { z } from 'zod';
import { evacuationDrivers } from '../../activities/evacuation/index.ts';
import { fencingDrivers } from '../../activities/fencing/index.ts';
import { monitoringDrivers } from '../../activities/monitoring/index.ts';
import { notificationDrivers } from '../../activities/notification/index.ts';
import { ConfigError, parseConfig } from '../../workers/config.ts';

const root = join(import.meta.dirname, '../..');
const KINDS = {
  evacuation: evacuationDrivers,
  fencing: fencingDrivers,
  monitoring: monitoringDrivers,
  notification: notificationDrivers,
} as Readonly<Record<string, Readonly<Record<string, { options: z.ZodType }>>>>;

/** A configuration with one driver of a kind, and where its options stand. */
const PLACES: Record<string, { at: string; file: (driver: string, options: object) => object }> = {
  evacuation: { at: 'evacuation.options', file: (driver, options) => ({ evacuation: { driver, options } }) },
  fencing: {
    at: 'fencing.levels[0].devices[0].options',
    file: (driver, options) => ({
      fencing: { levels: [{ name: 'one', devices: [{ driver, nodes: ['compute-1'], options }] }] },
    }),
  },
  monitoring: {
    at: 'monitoring.channels[0].options',
    file: (driver, options) => ({ monitoring: { channels: [{ driver, options }] } }),
  },
  notification: {
    at: 'notification.channels[0].options',
    file: (driver, options) => ({ notification: { channels: [{ driver, options }] } }),
  },
};

function problems(kind: string, driver: string, options: object): string[] {
  try {
    parseConfig(stringify({ cloud: 'prod', ...PLACES[kind]!.file(driver, options) }), 'f');
    return [];
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.problems;
  }
}

/** No option takes all of them. */
const WRONG = [{ nobodyKnowsThis: 1 }, -0.5, '', ['x', 7], 'a b\n'];

const keysOf = (schema: z.ZodType): string[] =>
  Object.keys(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }).properties ?? {});

for (const [kind, registry] of Object.entries(KINDS))
  for (const [name, { options }] of Object.entries(registry)) {
    const page = `docs/drivers/${kind}-${name}.md`;
    const { at } = PLACES[kind]!;

    test(`a wrong option of ${kind} ${name} names its path, what was expected and the page`, () => {
      assert.ok(existsSync(join(root, page)), page);
      assert.ok(keysOf(options).length > 0);
      for (const key of keysOf(options)) {
        const told = WRONG.flatMap((wrong) => problems(kind, name, { [key]: wrong })).filter((line) =>
          line.includes(`: ${at}.${key}`),
        );
        assert.ok(told.length > 0, `${key}: nothing is said`);
        for (const line of told) {
          assert.match(line, /\bexpected \S|: unknown key \((allowed here|did you mean|it belongs to)/);
          assert.ok(line.endsWith(`; see ${page}`), line);
        }
      }
    });

    test(`an option that ${kind} ${name} does not have is refused, with the page`, () => {
      const told = problems(kind, name, { nobodyKnowsThis: 1 }).filter((line) => line.includes('nobodyKnowsThis'));
      assert.match(
        told.join('\n'),
        /^f:\d+: \S+\.nobodyKnowsThis: unknown key \((allowed here: |did you mean )\w+[^\n]*$/,
      );
      assert.ok(told.join().endsWith(`; see ${page}`), told.join());
    });
  }
