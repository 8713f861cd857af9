// Workers as a process of their own, for a story that kills them or sets their wall clock. Arguments: the configuration, the bundle,
// the roles. Its parent says `stop` or `jump SECONDS`.
import { createWorkers } from '../../workers/create-workers.ts';
import { loadConfig } from '../../workers/config.ts';
import { connectNative, temporalSettings } from '../../workers/temporal.ts';
import type { Role } from '../../workflows/contract.ts';
import { quietRuntime } from '../support/temporal.ts';

const [file = '', bundle = '', roles = ''] = process.argv.slice(2);
const say = (what: string): void => void process.send?.(what);

/** `date -s`, for this process: whoever asks what time it is gets another answer; durations (performance.now) do not notice. */
function jump(seconds: number): void {
  const Real = Date;
  const now = (): number => Real.now() + seconds * 1_000;
  globalThis.Date = new Proxy(Real, {
    construct: (target, given: unknown[]) => Reflect.construct(target, given.length === 0 ? [now()] : given) as object,
    get: (target, key) => (key === 'now' ? now : Reflect.get(target, key)),
  });
}

quietRuntime();
const config = await loadConfig(file);
const made = await createWorkers({
  config,
  connection: await connectNative(temporalSettings(config.temporal)),
  roles: roles.split(',') as Role[],
  workflowBundle: { codePath: bundle },
});
process.on('disconnect', () => process.exit(0));
process.on('message', (word) => {
  const [what, by] = String(word).split(' ');
  if (what === 'stop') void made.shutdown();
  if (what !== 'jump') return;
  jump(Number(by));
  say('jumped');
});
const running = made.run();
say('polls');
await running;
process.exit(0);
