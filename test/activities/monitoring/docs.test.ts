// The pages of the drivers: their examples are configurations that Lifeboat takes, and their tables name every option.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { z } from 'zod';
import { monitoringDrivers } from '../../../activities/monitoring/index.ts';
import { parseConfig } from '../../../workers/config.ts';

const pageOf = (name: string): Promise<string> =>
  readFile(new URL(`../../../docs/drivers/monitoring-${name}.md`, import.meta.url), 'utf8');

for (const [name, driver] of Object.entries(monitoringDrivers)) {
  test(`the example of docs/drivers/monitoring-${name}.md works as it stands`, async () => {
    const example = /```yaml\n(.*?)```/s.exec(await pageOf(name))?.[1] ?? '';
    const { monitoring } = parseConfig(`cloud: prod\n${example}`, `monitoring-${name}.md`);
    assert.ok(monitoring.channels.some((channel) => channel.driver === name));
  });

  test(`docs/drivers/monitoring-${name}.md names every option`, async () => {
    const page = await pageOf(name);
    const { properties = {} } = z.toJSONSchema(driver.options, { io: 'input', unrepresentable: 'any' });
    assert.ok(Object.keys(properties).length > 0);
    const missing = Object.keys(properties).filter((key) => !new RegExp(`^\\| .*\`${key}\``, 'm').test(page));
    assert.deepEqual(missing, []);
  });
}
