// A worker process with all roles and a gate around one type of activity: there it tells its parent and waits, so that the parent can
// end it, hold it or end the server at exactly this moment. Arguments: the configuration, the bundle, `before:markNode` or `none`.
import { createWorkers } from '../../workers/create-workers.ts';
import { loadConfig } from '../../workers/config.ts';
import { connectNative, temporalSettings } from '../../workers/temporal.ts';
import { ROLES } from '../../workflows/contract.ts';
import { quietRuntime } from '../support/temporal.ts';

const [file = '', bundle = '', gate = 'none'] = process.argv.slice(2);
const [moment, type] = gate.split(':');
let open = false;

const say = (what: string): void => void process.send?.(what);

async function stopAt(now: 'before' | 'after', of: string): Promise<void> {
  if (open || now !== moment || of !== type) return;
  open = true;
  const go = new Promise((resolve) => process.once('message', resolve));
  say('reached');
  await go;
}

quietRuntime();
const config = await loadConfig(file);
const made = await createWorkers({
  config,
  connection: await connectNative(temporalSettings(config.temporal)),
  roles: [...ROLES],
  workflowBundle: { codePath: bundle },
  activityInterceptors: [
    (context) => ({
      inbound: {
        async execute(input, next) {
          await stopAt('before', context.info.activityType);
          const result = await next(input);
          await stopAt('after', context.info.activityType);
          return result;
        },
      },
    }),
  ],
});
process.on('disconnect', () => process.exit(0));
process.on('message', (word) => {
  if (word === 'stop') void made.shutdown();
});
const running = made.run();
say('polls');
await running;
process.exit(0);
