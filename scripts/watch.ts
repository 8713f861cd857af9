// npm run watch -- --once
import { checkOnce, type Checked } from '../activities/monitoring/check-once.ts';
import { systemClock } from '../activities/monitoring/clock.ts';
import { driverSource } from '../workers/deps.ts';
import { createSecrets } from '../workers/secrets.ts';
import { COMMON_USAGE, configOf, EXIT, run, UsageError } from './cli/command.ts';
import { ago, feedTo, type Feed } from './cli/print.ts';

const USAGE = `npm run watch -- --once [--json]

  One check by the configured monitors, without Temporal; changes nothing. Prints the failed nodes, one a line, or "No failed nodes".
  A node counts as failed once Nova itself calls it down and the other channels agree. Why, and what is unknown, goes to standard error.

  --once   (the watch that goes on is the monitor worker: npm start -- --role monitor)
  --json   the verdict and the evidence of every node
${COMMON_USAGE}

  Ends with 0 none failed, 1 some, 2 wrong usage or configuration, 3 unknown (the list is not whole, or nodes cannot be judged)`;

const options = { once: { type: 'boolean', default: false }, json: { type: 'boolean', default: false } } as const;

const unknown = ({ looks }: Checked): Checked['looks'] => looks.filter((look) => look.verdict === 'unknown');

function codeOf(checked: Checked): number {
  if (checked.failed.length > 0) return EXIT.notFine;
  return checked.sight.whole && unknown(checked).length === 0 ? EXIT.fine : EXIT.unreachable;
}

/** Standard output has names only, so that a script can read it. */
function tell(checked: Checked, feed: Feed): void {
  const { sight, failed } = checked;
  const saw = (evidence: { channel: string; saw: string }[]): string =>
    evidence.map((e) => `${e.channel}: ${e.saw}`).join('; ');
  for (const { node, evidence, silentMs } of failed) {
    process.stdout.write(`${node.host}\n`);
    const disabled = node.status === 'disabled' ? `; disabled: ${node.disabledReason ?? 'no reason given'}` : '';
    feed.line(`${node.host}: no sign of life for ${ago(silentMs)}; ${saw(evidence)}${disabled}`);
  }
  if (!sight.whole) feed.line(`unknown: the list of nodes is not whole: ${sight.trouble}`);
  for (const { node, evidence } of checked.looks.filter((look) => look.verdict === 'degraded'))
    feed.line(`degraded: ${node.host}: in trouble, and alive: ${saw(evidence)}`);
  for (const { node, evidence } of unknown(checked)) feed.line(`unknown: ${node.host}: ${saw(evidence)}`);
  if (codeOf(checked) === EXIT.fine) process.stdout.write('No failed nodes\n');
}

function jsonOf({ sight, failed, looks }: Checked): object {
  const nodes = looks.map(({ node, verdict, evidence }) => ({ node: node.host, verdict, evidence }));
  return { sight, failed: failed.map(({ node }) => node.host), nodes };
}

await run({
  usage: USAGE,
  options,
  words: [],
  async main(values) {
    if (!values.once)
      throw new UsageError(
        '--once is missing (the watch that goes on is the monitor worker: npm start -- --role monitor)',
      );
    const config = await configOf(values.config);
    const feed = feedTo(process.stderr);
    const source = driverSource(config, createSecrets({ warn: (line) => feed.line(line) }));
    const stop = new AbortController();
    process.once('SIGINT', () => process.exit(EXIT.interrupted));
    try {
      const eyes = {
        openstack: await source.get('openstack'),
        channels: await source.get('monitoring'),
        clock: systemClock,
      };
      const { policy } = config;
      const checked = await checkOnce(eyes, policy, stop.signal, (sight, n) =>
        feed.live(`look ${n} of ${policy.samples}: ${sight.whole ? `${sight.nodes} nodes` : sight.trouble}`),
      );
      feed.end();
      if (values.json) process.stdout.write(`${JSON.stringify(jsonOf(checked), null, 2)}\n`);
      else tell(checked, feed);
      return codeOf(checked);
    } finally {
      await source.close();
    }
  },
});
