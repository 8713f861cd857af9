// The workflows as one piece of code for several workers of the same sources: the demo and the tests make it once.
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode } from '@temporalio/worker';

const QUIET = { trace() {}, debug() {}, info() {}, warn() {}, error: console.error, log() {} };

export async function bundleWorkflows(): Promise<string> {
  const workflowsPath = fileURLToPath(new URL('../workflows/index.ts', import.meta.url));
  return (await bundleWorkflowCode({ workflowsPath, logger: QUIET })).code;
}
