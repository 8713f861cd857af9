// The table of options on a driver's page, made from the driver's own schema: which there are, what each takes, and its default. The
// sentence beside is a person's.
import type { z } from 'zod';
import { inputSchema, type JsonSchema } from './json-schema.ts';

const HEAD = ['option', 'takes', 'default', ''];

/** The page with its table as the schema says it; the same page again where nothing changed. Throws where it has no table. */
export function withOptionTable(page: string, schema: z.ZodType): string {
  const table = /^\| option \|.*\n\|[ |-]+\n((?:\|.*\n)*)/m.exec(page);
  if (!table) throw new Error('has no table that begins with | option |');
  const old = table[0].split('\n', 1)[0]!.split('|').length - 2;
  const rows = table[1]!.trimEnd().split('\n').filter(Boolean).map(cellsOf);
  const { properties = {}, required = [] } = inputSchema(schema) as {
    properties?: Record<string, JsonSchema>;
    required?: string[];
  };
  const lines = Object.entries(properties).flatMap(([key, option]) => {
    const row = rows.find(([names]) => names!.includes(`\`${key}\``)) ?? [];
    const [said, text] = old === HEAD.length ? [row[2], row[3]] : [row[1], row[2]];
    const line = [`\`${key}\``, takes(option), defaultOf(option, required.includes(key), said ?? ''), text ?? ''];
    // What a block holds is told below it, in a person's words.
    const within = rows.filter(([names]) => names!.startsWith(`\`${key}.`));
    return [
      line,
      ...within.map((cells) => (cells.length === HEAD.length ? cells : [cells[0]!, '', ...cells.slice(1)])),
    ];
  });
  const all = [HEAD, HEAD.map(() => '---'), ...lines];
  const write = (cells: readonly string[]): string =>
    `|${cells.map((cell) => (cell ? ` ${cell} ` : ' ')).join('|')}|\n`;
  return page.replace(table[0], () => all.map(write).join(''));
}

/** A bar inside of a cell is written `\|`. */
const cellsOf = (line: string): string[] =>
  line
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.trim());

const code = (text: string): string => `\`${text.replaceAll('|', '\\|')}\``;

/** What a person writes where the schema has no default (`the system's`) stays; a default of the schema is the schema's. */
function defaultOf(option: JsonSchema, isRequired: boolean, said: string): string {
  const { default: usual } = option;
  const empty = typeof usual === 'object' && usual !== null && Object.keys(usual).length === 0;
  if (empty) return said && !said.startsWith('`') ? said : 'none';
  if (usual !== undefined) return code(written(usual));
  return isRequired ? 'required' : said === 'required' ? '' : said;
}

/** As it would stand in the file. */
function written(value: unknown, inner = false): string {
  if (typeof value === 'string') return inner && /[^\w.-]/.test(value) ? `'${value}'` : value;
  if (Array.isArray(value)) return `[${value.map((one) => written(one, true)).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  return `{ ${Object.entries(value)
    .map(([key, one]) => `${key}: ${written(one, true)}`)
    .join(', ')} }`;
}

function takes(option: JsonSchema): string {
  const { expected } = option as { expected?: string };
  if (expected) return expected.replaceAll('|', '\\|');
  if (Array.isArray(option.enum)) return option.enum.map((one) => code(String(one))).join(', ');
  if (option.const !== undefined) return code(String(option.const));
  const some = option.anyOf ?? option.oneOf;
  if (Array.isArray(some)) return [...new Set((some as JsonSchema[]).map(takes))].join(', or ');
  switch (option.type) {
    case 'string':
      return 'a text';
    case 'boolean':
      return '`true` or `false`';
    case 'integer':
    case 'number':
      return number(option);
    case 'array':
      return `a list: ${takes((option.items ?? {}) as JsonSchema)}`;
    case 'object':
      return block(option);
    default:
      return 'any value';
  }
}

function number({ type, minimum, maximum }: JsonSchema): string {
  const what = type === 'integer' ? 'a whole number' : 'a number';
  const [least, most] = [minimum, maximum].map((n) => (typeof n === 'number' && Math.abs(n) < 1e15 ? n : null));
  if (least !== null && most !== null) return `${what}, ${least} to ${most}`;
  return least === null ? what : `${what}, ${least} or more`;
}

function block({ properties, additionalProperties }: JsonSchema): string {
  const keys = Object.keys((properties ?? {}) as object);
  if (keys.length > 0) return code(`{ ${keys.join(', ')} }`);
  return typeof additionalProperties === 'object' ? `by name: ${takes(additionalProperties as JsonSchema)}` : 'a block';
}
