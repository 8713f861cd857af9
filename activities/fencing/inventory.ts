// Addresses and logins of many nodes in a file of their own: node → options, laid over the options of all.
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { csvRows } from './csv.ts';

export type Block = Record<string, unknown>;

export interface Inventory {
  nodes: Map<string, Block>;
  /** A CSV knows texts only: a number is one where the driver takes no text. */
  textOnly: boolean;
}

const blocks = z.record(z.string().min(1), z.record(z.string(), z.unknown()));

/** Rejects with one line that names the file, and where it can the place in it; it quotes no value. */
export async function readInventory(file: string): Promise<Inventory> {
  const fail = (why: string): Error => new Error(`Cannot use the inventory ${file}: ${why}`);
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    const why = error.code === 'ENOENT' ? 'no such file' : error.code === 'EACCES' ? 'permission denied' : error.code;
    throw fail(`${why} (the worker's user must be able to read it)`);
  });
  const kind = extname(file).toLowerCase();
  if (kind === '.csv') return { nodes: fromCsv(text.replace(/^\uFEFF/, ''), fail), textOnly: true };
  if (kind !== '.yaml' && kind !== '.yml' && kind !== '.json')
    throw fail('its name ends in none of .csv, .yaml, .yml, .json');
  let value: unknown;
  try {
    value = parse(text) ?? {};
  } catch (error) {
    // The first line of yaml's message has the place; the lines below it quote the file.
    throw fail(error instanceof Error ? (error.message.split('\n')[0] ?? '').replace(/:$/, '') : 'cannot be parsed');
  }
  const parsed = blocks.safeParse(value);
  if (parsed.success) return { nodes: new Map(Object.entries(parsed.data)), textOnly: false };
  const at = parsed.error.issues[0]?.path.join('.') ?? '';
  throw fail(`expected options by node name${at ? `, not so at ${at}` : ''} (example: compute-1: { host: 10.0.0.1 })`);
}

/** The first line names the columns: `node`, and options as `host` or `password.file`. An empty cell gives nothing. */
function fromCsv(text: string, fail: (why: string) => Error): Map<string, Block> {
  const rows = csvRows(text);
  if (rows === null) throw fail('a quote is never closed');
  const [head, ...body] = rows;
  const names = head?.cells.map((name) => name.trim()) ?? [];
  const node = names.indexOf('node');
  if (node < 0) throw fail('its first line has no column node (example: node,host,password.file)');
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice !== undefined) throw fail(`two columns are called ${twice || 'nothing'}`);
  const nodes = new Map<string, Block>();
  for (const { line, cells } of body) {
    if (cells.length !== names.length)
      throw fail(`line ${line} has ${cells.length} cells, the first line has ${names.length}`);
    const name = cells[node]!.trim();
    if (name === '') throw fail(`line ${line} names no node`);
    if (nodes.has(name)) throw fail(`line ${line} names ${name} a second time`);
    const given = names.flatMap((column, i) =>
      i === node || cells[i] === '' ? [] : [[column.split('.'), cells[i]!] as const],
    );
    nodes.set(name, nested(given));
  }
  return nodes;
}

function nested(given: readonly (readonly [string[], string])[]): Block {
  const heads = new Set(given.map(([[head = '']]) => head));
  return Object.fromEntries(
    [...heads].map((head) => {
      const own = given.filter(([path]) => path[0] === head);
      const leaf = own.find(([path]) => path.length === 1);
      return [head, leaf ? leaf[1] : nested(own.map(([path, cell]) => [path.slice(1), cell] as const))];
    }),
  );
}

/**
 * The same block, with a number or a truth value in each place where the text of one is refused. `refused`: the places that a
 * schema refuses, as it names them.
 */
export function withTypes(block: Block, refused: readonly (readonly PropertyKey[])[]): Block {
  const at = (path: readonly PropertyKey[]): string => path.map(String).join('.');
  const places = new Set(refused.map(at));
  const walk = (value: unknown, path: string[]): unknown => {
    if (typeof value === 'object' && value !== null)
      return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, walk(inner, [...path, key])]));
    if (typeof value !== 'string' || !places.has(at(path))) return value;
    if (/^-?\d+(\.\d+)?$/.test(value)) return Number(value);
    return value === 'true' ? true : value === 'false' ? false : value;
  };
  return walk(block, []) as Block;
}
