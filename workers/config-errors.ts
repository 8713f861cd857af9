// From what zod and the YAML parser found to lines that a person can act on: file:line, key, what was expected, an example.
import { isMap, isPair, isScalar, isSeq, type Document, type LineCounter } from 'yaml';
import type { z } from 'zod';
import { exampleOf, findKey, keysAt, kindOf, metaOf, schemaAt, TYPES, type Path } from './schema-walk.ts';

type Issue = z.core.$ZodIssue;

/** All that is wrong with a file, listed at once. */
export class ConfigError extends Error {
  readonly problems: string[];

  constructor(file: string, problems: Problem[]) {
    const sorted = [...problems].sort((a, b) => a.line - b.line).map((problem) => problem.text);
    const count = sorted.length === 1 ? '1 error' : `${sorted.length} errors`;
    super(`Cannot use ${file}: ${count}\n${sorted.map((text) => `  ${text}`).join('\n')}`);
    this.name = 'ConfigError';
    this.problems = sorted;
  }
}

export interface Source {
  file: string;
  document: Document;
  lines: LineCounter;
  /** Paths are relative to this one. */
  under: Path;
  /** Where it is explained. */
  page?: string;
}

export interface Problem {
  line: number;
  /** `file:12: key.path: message`; the line of the nearest key that the file has. */
  text: string;
}

export function problemAt(source: Source, path: Path, message: string): Problem {
  const line = lineOf(source, path);
  const see = source.page ? `; see ${source.page}` : '';
  const text = `${source.file}:${line}: ${pathText([...source.under, ...path]) || 'the file'}: ${message}${see}`;
  return { line, text };
}

/** `under`: where in the file the part stands that this schema describes. */
export function problemsOf(issues: readonly Issue[], schema: z.ZodType, source: Source, under: Path = []): Problem[] {
  const part = { ...source, under: [...source.under, ...under] };
  return issues
    .flatMap((issue) => describe(issue, [], schema, part))
    .map((found) => problemAt(part, found.path, found.message));
}

interface Found {
  path: Path;
  message: string;
}

function describe(issue: Issue, prefix: Path, root: z.ZodType, source: Source): Found[] {
  const path = [...prefix, ...issue.path];
  const at = (p: Path, message: string): Found => ({ path: p, message });
  if (issue.code === 'unrecognized_keys') {
    const allowed = keysAt(root, path);
    return issue.keys.map((key) => at([...path, key], unknownKey(key, allowed, root)));
  }
  if (issue.code === 'invalid_union' && issue.errors.length > 0 && !metaOf(schemaAt(root, path))?.expected) {
    // The branch that was meant is the one that complains deepest, then least.
    const depth = (branch: Issue[]) => Math.max(0, ...branch.map((i) => i.path.length));
    const best = [...issue.errors].sort((a, b) => depth(b) - depth(a) || a.length - b.length)[0]!;
    if (depth(best) > 0 || best.some((i) => i.code === 'unrecognized_keys')) {
      return best.flatMap((inner) => describe(inner, path, root, source));
    }
  }
  return [at(path, `${messageOf(issue, path, root, source)}${exampleOf(root, path)}`)];
}

function messageOf(issue: Issue, path: Path, root: z.ZodType, source: Source): string {
  if (issue.code === 'custom') {
    const wants = metaOf(schemaAt(root, path))?.expected;
    return !wants || /\bexpected\b/.test(issue.message) ? issue.message : `${issue.message}, expected ${wants}`;
  }
  const whole = [...source.under, ...path];
  const value: unknown = source.document.getIn(whole);
  const expected = metaOf(schemaAt(root, path))?.expected ?? expectedOf(issue, schemaAt(root, path));
  if (value === undefined) return `is missing, expected ${expected}`;
  // Where a secret's place is expected, a text is most likely the secret.
  const got = /\bsecret\b/.test(expected) && typeof value === 'string' ? 'a text (not shown)' : shown(value, whole);
  return `expected ${expected}, got ${got}`;
}

function expectedOf(issue: Issue, schema: z.ZodType | null): string {
  switch (issue.code) {
    case 'invalid_type':
      return TYPES[issue.expected] ?? `a value of type ${issue.expected}`;
    case 'invalid_value':
      return `${issue.values.length > 1 ? 'one of ' : ''}${issue.values.map(String).join(', ')}`;
    case 'too_small':
      if (issue.origin === 'string') return 'a text that is not empty';
      if (issue.origin === 'array') return `at least ${issue.minimum} of them`;
      return `${issue.inclusive ? 'at least' : 'more than'} ${issue.minimum}`;
    case 'too_big':
      return `${issue.inclusive ? 'at most' : 'less than'} ${issue.maximum}`;
    case 'invalid_union':
      return schema ? kindOf(schema) : 'another value';
    default:
      return issue.message.charAt(0).toLowerCase() + issue.message.slice(1);
  }
}

/** `(did you mean x?)`, else where that key belongs, else what is allowed here. */
function unknownKey(key: string, allowed: string[], root: z.ZodType): string {
  const near = nearest(key, allowed);
  if (near) return `unknown key (did you mean ${near}?)`;
  const elsewhere = findKey(root, key, []);
  if (elsewhere) return `unknown key (it belongs to ${elsewhere})`;
  return `unknown key (allowed here: ${allowed.join(', ') || 'nothing'})`;
}

/** The nearest of some words, or null when none is near. */
export function nearest(word: string, words: readonly string[]): string | null {
  const ranked = words
    .map((w) => ({ w, d: distance(word.toLowerCase(), w.toLowerCase()) }))
    .filter(({ w, d }) => d <= Math.max(2, Math.floor(Math.min(w.length, word.length) / 3)) && d < word.length)
    .sort((a, b) => a.d - b.d);
  return ranked[0]?.w ?? null;
}

/** Edits (insert, delete, replace, swap of neighbours) from one word to the other. */
function distance(a: string, b: string): number {
  const d = Array.from({ length: a.length + 1 }, (_, i) => [i, ...Array.from({ length: b.length }, () => 0)]);
  for (let j = 1; j <= b.length; j++) d[0]![j] = j;
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min(d[i - 1]![j]! + 1, d[i]![j - 1]! + 1, d[i - 1]![j - 1]! + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        best = Math.min(best, d[i - 2]![j - 2]! + 1);
      d[i]![j] = best;
    }
  }
  return d[a.length]![b.length]!;
}

// --- walking the file -------------------------------------------------------------------------------------------------

function lineOf(source: Source, relative: Path): number {
  const path = [...source.under, ...relative];
  for (let length = path.length; length > 0; length--) {
    const parent: unknown =
      length > 1 ? source.document.getIn(path.slice(0, length - 1), true) : source.document.contents;
    const key = path[length - 1];
    if (isMap(parent)) {
      const pair = parent.items.find(
        (item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(key),
      );
      if (pair && isScalar(pair.key) && pair.key.range) return source.lines.linePos(pair.key.range[0]).line;
    }
    const node: unknown = source.document.getIn(path.slice(0, length), true);
    const range = node && typeof node === 'object' && 'range' in node ? (node.range as number[] | null) : null;
    if (range) return source.lines.linePos(range[0]!).line;
  }
  return 1;
}

export function pathText(path: Path): string {
  return path.map((key, i) => (typeof key === 'number' ? `[${key}]` : `${i > 0 ? '.' : ''}${String(key)}`)).join('');
}

/** A secret that was written into the file by mistake must not be repeated in an error. */
function shown(value: unknown, path: Path): string {
  if (value === null) return 'nothing';
  if (path.some((key) => /passw|secret|token|credential/i.test(String(key)))) return 'something else (not shown)';
  if (isSeq(value)) return 'a list';
  return typeof value === 'object' ? 'a block of keys' : JSON.stringify(value);
}
