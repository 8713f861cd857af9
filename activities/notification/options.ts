// Pieces that the drivers' options are made of.
import { z } from 'zod';

const SOURCES = [
  z.strictObject({ env: z.string().min(1) }),
  z.strictObject({ file: z.string().min(1) }),
  z.strictObject({ command: z.array(z.string().min(1)).min(1) }),
] as const;

/** A configuration never holds the secret itself. `command`: a program and its arguments that prints it. */
export const secretSource = z.union(SOURCES).meta({
  expected: 'a secret, as { env: NAME }, { file: path } or { command: [program, argument] }',
  example: '{ env: LIFEBOAT_HOOK }',
});

export const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|::1|\[::1\])$/;

export const webAddress = z
  .url({ protocol: /^https?$/ })
  .refine((s) => !/^https?:\/\/[^/]*@/.test(s), 'holds a password (write the whole address as a secret)')
  .meta({ expected: 'an address', example: 'https://hooks.example.net/lifeboat' });

/** An address that is a secret itself: who knows it may post. */
export const secretAddress = z.union(SOURCES).meta({
  expected: 'a secret that holds the address, as { env: NAME }, { file: path } or { command: [program, argument] }',
  example: '{ env: LIFEBOAT_HOOK }',
});

/** What every channel over HTTP takes. */
export const overHttp = {
  /** PEM. Trusted instead of the system's authorities. */
  caFile: z.string().min(1).optional(),
  /** Without a password. */
  proxy: webAddress.optional(),
  /** Milliseconds for one whole delivery. */
  timeout: z.int().min(1_000).max(110_000).default(30_000),
};

/** A text, or a secret. */
export const textOrSecret = z.union([z.string(), secretSource]);

/** Names of headers and variables whose values are passwords of some kind: never written into the file. */
export const TELLS_A_SECRET = /auth|token|secret|passw|cookie|credential|signature|key$/i;
