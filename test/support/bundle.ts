// The workflows' bundle: made once for the whole of `npm test` (scripts/run-tests.ts), or once a process where one file runs alone.
import { readFile } from 'node:fs/promises';
import { bundleWorkflows } from '../../scripts/bundle-workflows.ts';
import { quietRuntime } from './temporal.ts';

let made: Promise<{ code: string }> | null = null;

/** `runtime` false: for a process without a Worker, which nothing would take the SDK's runtime from: it would never end. */
export function workflowBundle(runtime = true): Promise<{ code: string }> {
  if (runtime) quietRuntime();
  const file = process.env.LIFEBOAT_TEST_BUNDLE;
  made ??= (file ? readFile(file, 'utf8') : bundleWorkflows()).then((code) => ({ code }));
  return made;
}
