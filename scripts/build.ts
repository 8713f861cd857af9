// `npm run build`: JavaScript in dist/, the files that the rooms read, and the workflows' bundle, so that a worker starts at once
// (`node dist/workers/main.js`).
import { spawnSync } from 'node:child_process';
import { cp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bundleWorkflowCode } from '@temporalio/worker';

const root = join(import.meta.dirname, '..');
const dist = join(root, 'dist');

await rm(dist, { recursive: true, force: true });
const tsc = join(root, 'node_modules/.bin/tsc');
const { status } = spawnSync(tsc, ['-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' });
if (status !== 0) process.exit(status ?? 1);
// Templates and the like: all that is not code.
await cp(join(root, 'activities'), join(dist, 'activities'), {
  recursive: true,
  filter: (path) => !path.endsWith('.ts'),
});
await cp(join(root, 'package.json'), join(dist, 'package.json'));
const { code } = await bundleWorkflowCode({ workflowsPath: join(dist, 'workflows/index.js') });
await writeFile(join(dist, 'workflow-bundle.js'), code);
process.stdout.write('built: node dist/workers/main.js --config lifeboat.yaml\n');
