// `npm run test:long`: random tales, 500 by default, each from a seed. `-- --seed N` tells that one again, `--runs N` so many, `--from N` from
// this seed on, `--at-once N` side by side; `--shrink` leaves steps of the failing one out for as long as it still fails.
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { shutTemporal } from '../stories/harness.ts';
import { draw } from './draw.ts';
import { tellAll } from './tell-all.ts';
import { describeTold, tell, type Told } from './tell.ts';
import { describeTale } from './tale.ts';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '500' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    'at-once': { type: 'string', default: String(3 * cpus().length) },
    shrink: { type: 'boolean', default: false },
    show: { type: 'boolean', default: false },
  },
});

const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** Leaves out one step after the other; what still fails without it did not need it. */
async function shrink(told: Told): Promise<Told> {
  let least = told;
  for (let n = least.tale.steps.length - 1; n >= 0; n--) {
    const tale = { ...least.tale, steps: least.tale.steps.filter((_, i) => i !== n) };
    const next = await tell(tale);
    say(`   without step ${n}: ${next.wrong.length > 0 ? 'it still fails' : 'it goes well'}`);
    if (next.wrong.length > 0) least = next;
  }
  return least;
}

const from = Number(values.seed ?? values.from);
const count = values.seed === undefined ? Number(values.runs) : 1;
const seeds = Array.from({ length: count }, (_, n) => from + n);
if (values.show) {
  for (const seed of seeds) say(describeTale(draw(seed)));
  process.exit(0);
}
say(`── ${count} tales from seed ${from} on, ${values['at-once']} at once`);
const failed: Told[] = [];
let done = 0;
await tellAll(seeds, Number(values['at-once']), async (told) => {
  done += 1;
  const { tale, wrong, seconds } = told;
  say(
    `${String(done).padStart(4)}/${count} ${wrong.length === 0 ? 'ok    ' : 'FAILED'} ${seconds.toFixed(1).padStart(5)} s  seed ${tale.seed}`,
  );
  if (wrong.length === 0 && count > 1) return;
  if (wrong.length > 0) failed.push(told);
  say(describeTold(told, `npm run test:long -- --seed ${tale.seed}`));
});
if (values.shrink && failed[0]) say(describeTold(await shrink(failed[0]), 'the least of it that still fails'));
await shutTemporal();
say(
  `── ${count - failed.length} of ${count} tales went well${failed.length > 0 ? `; seeds ${failed.map((f) => f.tale.seed).join(', ')} did not` : ''}`,
);
process.exit(failed.length === 0 ? 0 : 1);
