// Pieces that the drivers' options are made of, and the one way in which a driver gets at a secret.
import { z } from 'zod';
import { redact } from '../openstack/errors.ts';
import type { FencingContext, AnySecretSource } from './driver.ts';

/** `{env: NAME}`, `{file: path}` or `{command: [program, argument …]}`: a configuration never holds the secret itself. */
export const secretSource = z.union([
  z.strictObject({ env: z.string().min(1) }),
  z.strictObject({ file: z.string().min(1) }),
  z.strictObject({ command: z.array(z.string().min(1)).min(1) }),
]);

/** Where a secret comes from, for messages. Of a command its program alone: an argument may be anything. */
export const secretName = (source: AnySecretSource): string =>
  'env' in source ? `$${source.env}` : 'file' in source ? source.file : `of the command ${source.command[0] ?? ''}`;

/** A word that becomes an argument of a program: a leading dash would be taken for an option. */
export const argument = z
  .string()
  .min(1)
  .refine((word) => !/^-|[\s\0]/.test(word), 'must not begin with a dash nor hold a space')
  .meta({ expected: 'a word', example: 'lifeboat' });

export const host = argument
  .refine((name) => !/[/@]/.test(name), 'is no host name')
  .meta({ expected: 'a host name or an address, no URL', example: "'{node}-bmc.example.org'" });

export const port = z.int().min(1).max(65_535);

export const uuid = z
  .string()
  .regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i, 'is not a UUID')
  .meta({ expected: 'a UUID', example: '4c4c4544-0051-3010-8052-b4c04f4d3332' });

/**
 * Resolves a secret right before it is used. Answers why not instead of rejecting. Checked here because a missing
 * one made ipmitool log in with an empty password, and an account locks after a few of those.
 */
export async function resolveSecret(
  context: FencingContext,
  source: AnySecretSource,
): Promise<{ value: string } | { missing: string }> {
  try {
    const value = await context.secret(source);
    if (value) return { value };
    return { missing: `its password is empty (secret ${secretName(source)})` };
  } catch (error) {
    return { missing: error instanceof Error ? error.message : 'its password cannot be read' };
  }
}

/** One line of at most 200 characters without these secrets, in whatever form: what may go into a history or a mail. */
export function oneLine(text: string, ...secrets: string[]): string {
  // Before it is shortened: of a secret that is cut nothing is known any more.
  return redact(text, secrets).replace(/\s+/g, ' ').trim().slice(0, 200);
}

/** A word for a shell, quoted where it needs to be: for the commands that a person pastes. */
export const shellWord = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;

/** Those of our own variables that a program needs; nothing else of our environment is its business. */
export const inherited = (...names: string[]): Record<string, string> =>
  Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));
