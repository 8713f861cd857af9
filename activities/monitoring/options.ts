// Pieces that the drivers' options are made of.
import { z } from 'zod';
import type { NodeView } from '../../workflows/domain.ts';
import { duration } from './duration.ts';

/** A configuration never holds the secret itself. */
export const secretSource = z
  .union([z.strictObject({ env: z.string().min(1) }), z.strictObject({ file: z.string().min(1) })])
  .meta({ expected: '{ env: NAME } or { file: path }', example: '{ file: /etc/lifeboat/token }' });

export const parallel = (usual: number) => z.int().min(1).max(1_024).default(usual);

/** Longer than a sweep waits for a channel makes no sense: lookLimitMs. */
export const timeout = (usual: string) =>
  duration(usual, 100)
    .refine((ms) => ms <= 12_000, 'expected at most 12s (a sweep does not wait longer for a channel)')
    .prefault(usual);

const PLACES = /\{(?!(?:node|short|hostIp)\})[A-Za-z]\w*\}/;

/** A text in which the node's names may stand. */
export const pattern = z
  .string()
  .min(1)
  .refine((text) => !PLACES.test(text), 'in braces may stand {node}, {short} or {hostIp}');

/** Where a node is reached: `host_ip` of os-hypervisors unless the names are to be made otherwise. */
export const address = pattern
  .refine((text) => !/[\s\0/@]/.test(text), 'is no host name')
  .default('{hostIp}')
  .meta({ expected: 'a host name or an address, no URL', example: "'{short}.storage.example.org'" });

/** `{node}`: the exact host of os-services; `{short}`: up to its first dot. Null: Nova tells no host_ip, and it is wanted. */
export function fill(text: string, { host, hostIp }: Pick<NodeView, 'host' | 'hostIp'>): string | null {
  if (hostIp === null && text.includes('{hostIp}')) return null;
  const values: Record<string, string> = { node: host, short: host.split('.')[0]!, hostIp: hostIp ?? '' };
  return text.replace(/\{(node|short|hostIp)\}/g, (_, name: string) => values[name]!);
}

/** The address, or why there is none. A leading dash would be taken for an option of a program. */
export function addressOf(text: string, node: NodeView): { address: string } | { why: string } {
  const filled = fill(text, node);
  if (filled === null) return { why: 'Nova tells no host_ip' };
  return /^-|[\s\0]/.test(filled) ? { why: `${JSON.stringify(filled)} is no address` } : { address: filled };
}
