// The workflows' bundle, made once a process: a test that starts many workers pays for it once.
import { join } from 'node:path';
import { bundleWorkflowCode, type WorkflowBundleWithSourceMap } from '@temporalio/worker';
import { quietRuntime } from './temporal.ts';

let made: Promise<WorkflowBundleWithSourceMap> | null = null;

/** `runtime` false: for a process without a Worker, which nothing would take the SDK's runtime from: it would never end. */
export function workflowBundle(runtime = true): Promise<WorkflowBundleWithSourceMap> {
  if (runtime) quietRuntime();
  const quiet = { trace() {}, debug() {}, info() {}, warn() {}, error: console.error, log() {} };
  made ??= bundleWorkflowCode({ workflowsPath: join(import.meta.dirname, '../../workflows/index.ts'), logger: quiet });
  return made;
}
