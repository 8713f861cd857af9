// npm run check
import { driverSource } from '../workers/deps.ts';
import { createSecrets } from '../workers/secrets.ts';
import { checkConfiguration } from './check/configuration.ts';
import { checkFencing } from './check/fencing.ts';
import { checkMonitoring } from './check/monitoring.ts';
import { checkNotification } from './check/notification.ts';
import { checkOpenStack } from './check/openstack.ts';
import { PARTS, type Probing, type Row } from './check/row.ts';
import { checkTemporal } from './check/temporal.ts';
import { COMMON_USAGE, configOf, EXIT, run } from './cli/command.ts';
import { feedTo, paint, table } from './cli/print.ts';

const USAGE = `npm run check -- [--json]

  What works and what does not: configuration, secrets, Temporal and its workers, OpenStack, every monitor, every power device,
  mail. Reads only.

  --json
${COMMON_USAGE}

  Ends with 0 nothing failed (a warning is no failure), 1 something failed, 2 wrong usage or configuration`;

const out = process.stdout;

function linesOf(rows: Row[], failed: number): string[] {
  const sign = { ok: 'ok', warn: 'WARN', fail: 'FAIL' };
  const colour = { ok: 'green', warn: 'yellow', fail: 'red' } as const;
  const sorted = PARTS.flatMap((part) => rows.filter((row) => row.part === part));
  const lines = table(sorted.map((row) => [sign[row.verdict], row.part, row.what, row.says]));
  const shown = lines.flatMap((line, i) => {
    const row = sorted[i]!;
    const todo = row.verdict === 'ok' || !row.todo ? [] : [`      → ${row.todo}`];
    return [paint(out, colour[row.verdict], line.slice(0, 4)) + line.slice(4), ...todo];
  });
  const warned = rows.filter((row) => row.verdict === 'warn').length;
  const count = `${rows.length} looked at, ${failed} failed, ${warned} ${warned === 1 ? 'warning' : 'warnings'}`;
  return [...shown, '', paint(out, failed > 0 ? 'red' : 'green', count)];
}

await run({
  usage: USAGE,
  options: { json: { type: 'boolean', default: false } },
  words: [],
  async main(values) {
    const config = await configOf(values.config);
    const feed = feedTo(process.stderr);
    const warnings: string[] = [];
    const secrets = createSecrets({ warn: (line) => warnings.push(line) });
    const source = driverSource(config, secrets);
    const probing: Probing = { config, secrets, source, warnings };
    feed.live('asking Temporal, OpenStack, the monitors, the power devices and the mail server …');
    try {
      // The fleet decides which power devices there are; everything else is asked meanwhile.
      const openstack = checkOpenStack(probing);
      const rows = await Promise.all([
        checkConfiguration(probing),
        checkTemporal(probing),
        openstack.then(({ rows: found }) => found),
        openstack.then(({ nodes }) => checkMonitoring(probing, nodes)),
        openstack.then(({ nodes }) => checkFencing(probing, nodes)),
        checkNotification(probing),
      ]).then((parts) => parts.flat());
      feed.end();
      const failed = rows.filter((row) => row.verdict === 'fail').length;
      if (values.json) out.write(`${JSON.stringify({ ok: failed === 0, rows }, null, 2)}\n`);
      else for (const line of linesOf(rows, failed)) out.write(`${line}\n`);
      return failed === 0 ? EXIT.fine : EXIT.notFine;
    } finally {
      await source.close();
    }
  },
});
