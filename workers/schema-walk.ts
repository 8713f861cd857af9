// What a zod schema says of a place in a file: the schema there, its keys, what it expects, an example (`.meta({ expected, example })`).
import type { z } from 'zod';

export type Path = readonly PropertyKey[];

/** What a schema takes, in a few words. */
export function kindOf(schema: z.ZodType): string {
  for (let s: z.ZodType | null = schema; s; s = inner(s)) {
    const def = s.def as { type: string; shape?: object; options?: z.ZodType[] };
    if (def.options) return def.options.map(kindOf).join(' or ');
    if (def.shape) return `{ ${Object.keys(def.shape).join(', ')} }`;
    const type = TYPES[def.type];
    if (type) return type;
  }
  return 'another value';
}

export const TYPES: Record<string, string> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a block of keys',
  record: 'a block of keys',
};

interface Meta {
  expected?: string;
  example?: string;
}

export function metaOf(schema: z.ZodType | null): Meta | null {
  for (let s = schema; s; s = inner(s)) {
    const meta = s.meta();
    if (meta && ('expected' in meta || 'example' in meta)) return meta as Meta;
  }
  return null;
}

/** The schema inside an optional, a default, a transformation … Null at the bottom. */
function inner(schema: z.ZodType): z.ZodType | null {
  const def = schema.def as { type: string; innerType?: z.ZodType; in?: z.ZodType; getter?: () => z.ZodType };
  if (def.type === 'lazy') return def.getter?.() ?? null;
  return def.innerType ?? (def.type === 'pipe' ? (def.in ?? null) : null);
}

export function schemaAt(root: z.ZodType, path: Path): z.ZodType | null {
  if (path.length === 0) return root;
  const [key, ...rest] = path;
  for (let s: z.ZodType | null = root; s; s = inner(s)) {
    const def = s.def as {
      shape?: Record<string, z.ZodType>;
      element?: z.ZodType;
      valueType?: z.ZodType;
      options?: z.ZodType[];
    };
    const next = def.shape?.[String(key)] ?? def.element ?? def.valueType;
    if (next) return schemaAt(next, rest);
    for (const option of def.options ?? []) {
      const found = schemaAt(option, path);
      if (found) return found;
    }
  }
  return null;
}

export function keysAt(root: z.ZodType, path: Path): string[] {
  const keys = new Set<string>();
  const collect = (start: z.ZodType | null): void => {
    for (let s = start; s; s = inner(s)) {
      const def = s.def as { shape?: Record<string, z.ZodType>; options?: z.ZodType[] };
      for (const key of Object.keys(def.shape ?? {})) keys.add(key);
      def.options?.forEach(collect);
    }
  };
  collect(schemaAt(root, path));
  return [...keys];
}

export function findKey(schema: z.ZodType, key: string, path: string[]): string | null {
  for (let s: z.ZodType | null = schema; s; s = inner(s)) {
    const shape = (s.def as { shape?: Record<string, z.ZodType> }).shape;
    if (!shape) continue;
    if (path.length > 0 && key in shape) return path.join('.');
    for (const [name, next] of Object.entries(shape)) {
      const found = findKey(next, key, [...path, name]);
      if (found) return found;
    }
  }
  return null;
}

export function exampleOf(root: z.ZodType, path: Path): string {
  const example = metaOf(schemaAt(root, path))?.example;
  return example ? ` (example: ${typeof path.at(-1) === 'string' ? `${String(path.at(-1))}: ` : ''}${example})` : '';
}
