// A driver that is not ours: the default export of a package, or of a file. Asked for when a worker makes its parts, and when the
// configuration judges its options.
import { createRequire } from 'node:module';
import { dirname, isAbsolute, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { z } from 'zod';

export interface Kind {
  /** `fencing` */
  kind: string;
  /** Functions that its drivers must have beside `options`. */
  functions: readonly string[];
  /** Names of the registry. */
  known: readonly string[];
}

export interface AnyDriver {
  options: z.ZodType;
  /** Where its options are explained: an address, or a path. */
  page?: string;
}

/**
 * `name` as the configuration has it: a path (`./outlet.js`, from the configuration's folder; `/opt/outlet.js`), a `file:` address, or a
 * package, looked for where Lifeboat is installed and then beside the configuration. `from`: the configuration's path. Rejects with
 * one line that begins with `at`. Idempotent: Node keeps what was loaded.
 */
export async function loadModule<D extends AnyDriver>(
  name: string,
  at: string,
  { kind, functions, known }: Kind,
  from?: string,
): Promise<D> {
  const where = `${at}.driver ${name}`;
  let module: { default?: Record<string, unknown> };
  try {
    module = (await load(name, from)) as typeof module;
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n')[0] : String(error);
    throw new Error(`${where}: cannot be loaded: ${why} (known: ${known.join(', ')}, or a package or file)`);
  }
  const driver = module.default;
  const wants = `a ${kind} driver is the default export, with name, options, ${functions.join(', ')}`;
  if (typeof driver !== 'object' || driver === null)
    throw new Error(`${where}: its default export is no driver (${wants})`);
  const missing = functions.filter((f) => typeof driver[f] !== 'function');
  if (missing.length > 0)
    throw new Error(`${where}: its default export is no ${kind} driver, ${missing.join(', ')} is missing (${wants})`);
  // Zod 3 has no `def`: nothing of it could be explained.
  const schema = driver.options;
  if (typeof schema !== 'object' || schema === null || !('def' in schema) || !('safeParse' in schema))
    throw new Error(`${where}: its options are no schema of zod 4 (options: z.strictObject({ … }))`);
  return driver as unknown as D;
}

/** Is it a place of its own, and no name of a package? */
export const isPath = (name: string): boolean =>
  name.startsWith('./') || name.startsWith('../') || name.startsWith('file:') || isAbsolute(name);

async function load(name: string, from: string | undefined): Promise<unknown> {
  if (isPath(name)) return import(pathToFileURL(fileOf(name, from)).href);
  try {
    return await import(name);
  } catch (error) {
    const beside = isNotThere(error, name) && from !== undefined ? besideOf(name, from) : null;
    if (beside === null) throw error;
    return import(pathToFileURL(beside).href);
  }
}

function fileOf(name: string, from: string | undefined): string {
  if (name.startsWith('file:')) return fileURLToPath(name);
  if (isAbsolute(name)) return name;
  return resolve(from === undefined ? process.cwd() : dirname(from), name);
}

/** The package itself is not there; not something that it imports. */
const isNotThere = (error: unknown, name: string): boolean =>
  error instanceof Error &&
  'code' in error &&
  error.code === 'ERR_MODULE_NOT_FOUND' &&
  error.message.includes(
    `'${name
      .split('/')
      .slice(0, name.startsWith('@') ? 2 : 1)
      .join('/')}'`,
  );

function besideOf(name: string, from: string): string | null {
  try {
    return createRequire(resolve(from)).resolve(name);
  } catch {
    return null;
  }
}
