// Secrets come from the environment, from files or from a program, never from the configuration itself, and are read each time
// they are needed: a changed password needs no restart.
import { readFile, stat } from 'node:fs/promises';
import type { AnySecretSource } from '../activities/fencing/driver.ts';
import { createCommandSecrets } from './secret-command.ts';
import { createRedactor, type Redactor } from './redact.ts';

export interface Secrets {
  /** The value. Rejects with one line where it is missing or empty: a missing secret made ipmitool try an empty password. */
  secret(source: AnySecretSource): Promise<string>;
  /** Knows every value that `secret` gave out. */
  redactor: Redactor;
}

export interface SecretsOptions {
  env?: NodeJS.ProcessEnv;
  /** Said once a file. */
  warn?: (line: string) => void;
  redactor?: Redactor;
}

export function createSecrets(options: SecretsOptions = {}): Secrets {
  const env = options.env ?? process.env;
  const redactor = options.redactor ?? createRedactor();
  const warned = new Set<string>();
  const fromCommand = createCommandSecrets(env);
  for (const [name, value] of Object.entries(env)) {
    if (value && SECRET_VARIABLE.test(name) && !NOT_SECRET.test(name)) redactor.know(value);
  }
  const warn = (file: string, line: string): void => {
    if (warned.has(file)) return;
    warned.add(file);
    options.warn?.(line);
  };
  return {
    redactor,
    async secret(source) {
      const value =
        'env' in source
          ? fromEnv(source.env, env)
          : 'file' in source
            ? await fromFile(source.file, warn)
            : await fromCommand(source.command);
      redactor.know(value);
      return value;
    },
  };
}

/** Variables of ours and of others (OS_PASSWORD, TEMPORAL_API_KEY) whose values are never shown. */
const SECRET_VARIABLE = /PASSWORD|PASSWD|SECRET|TOKEN|API_KEY|PRIVATE_KEY/i;
/** They say where a secret is, not what it is. */
const NOT_SECRET = /_(FILE|PATH|URL|ID|TYPE|NAME)$/i;

function fromEnv(name: string, env: NodeJS.ProcessEnv): string {
  const value = env[name];
  if (value === undefined) {
    throw new Error(
      `Cannot read secret $${name}: it is not set in the environment (export it where this worker starts)`,
    );
  }
  if (value.trim() === '')
    throw new Error(`Cannot read secret $${name}: it is empty (an empty password is never tried)`);
  return value;
}

async function fromFile(file: string, warn: (file: string, line: string) => void): Promise<string> {
  const info = await stat(file).catch((error: NodeJS.ErrnoException) => {
    throw new Error(`Cannot read secret ${file}: ${why(error)} (the worker's user must be able to read it)`);
  });
  if ((info.mode & 0o004) !== 0) {
    warn(file, `Secret ${file} is readable by everybody on this machine (chmod 0640 or stricter)`);
  }
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new Error(`Cannot read secret ${file}: ${why(error)} (the worker's user must be able to read it)`);
  });
  // Editors end a file with a line feed; it is not part of a password.
  const value = text.replace(/\r?\n$/, '');
  if (value.trim() === '')
    throw new Error(`Cannot read secret ${file}: it is empty (an empty password is never tried)`);
  return value;
}

function why(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT') return 'no such file';
  if (error.code === 'EACCES') return 'permission denied';
  if (error.code === 'EISDIR') return 'it is a directory';
  return error.code ?? error.message;
}
