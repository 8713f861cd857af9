// Other systems name nodes in their own ways: by host name, short name, address, with a port behind it.
import { z } from 'zod';
import type { NodeView } from '../../workflows/domain.ts';

/** The node of a name, or null where none, or more than one, could be meant. */
export type FindNode = (name: string) => NodeView | null;

const short = (name: string): string => name.toLowerCase().split('.')[0]!;

/**
 * By the exact host, by `host_ip`, by the host without case, by its short name; never one domain for another. As resolve-node.ts
 * does for a person, but for thousands of names a second, and without guessing what was meant.
 */
export function namedNodes(nodes: readonly NodeView[]): FindNode {
  const tables = [
    tableOf(nodes, (n) => n.host),
    tableOf(nodes, (n) => n.hostIp ?? ''),
    tableOf(nodes, (n) => n.host.toLowerCase()),
    tableOf(nodes, (n) => short(n.host)),
  ] as const;
  const [exact, byIp, anyCase, byShort] = tables;
  return (name) => {
    for (const [table, key] of [
      [exact, name],
      [byIp, name],
      [anyCase, name.toLowerCase()],
    ] as const)
      if (key !== '' && table.has(key)) return table.get(key)!;
    const found = byShort.get(short(name)) ?? null;
    return found && !(found.host.includes('.') && name.includes('.')) ? found : null;
  };
}

/** Null: two nodes have that key. */
function tableOf(nodes: readonly NodeView[], keyOf: (n: NodeView) => string): Map<string, NodeView | null> {
  const table = new Map<string, NodeView | null>();
  for (const node of nodes) {
    const key = keyOf(node);
    if (key !== '') table.set(key, table.has(key) ? null : node);
  }
  return table;
}

/** A regular expression whose first group is the node's name. */
export const nodeExpression = z
  .string()
  .min(1)
  .refine((text) => groupsOf(text) > 0, 'is no regular expression with a group: the group is the name of the node')
  .optional()
  .meta({ expected: 'a regular expression with a group', example: "'^([^:]+)'" });

function groupsOf(text: string): number {
  try {
    // Matches the empty text by its second branch, with one entry for each group.
    return (new RegExp(`${text}|`).exec('')?.length ?? 1) - 1;
  } catch {
    return 0;
  }
}

/** `compute-7:9100` and `[fd00::7]:9100`. */
const WITH_PORT = /^\[?(.+?)\]?(?::\d+)?$/;

/** From a label's value to its node. Without an expression of the configuration: the whole value, else without port and brackets. */
export function nodeOfLabel(find: FindNode, value: string, expression: string | undefined): NodeView | null {
  if (expression === undefined) return find(value) ?? find(WITH_PORT.exec(value)?.[1] ?? '');
  return find(new RegExp(expression).exec(value)?.[1] ?? '');
}
