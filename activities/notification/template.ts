// The language of the templates, without logic: {{name}}, {{.}}, {{#name}}…{{/name}} (each of a list, or if it is there),
// {{^name}}…{{/name}} (if it is not), {{> file}}. Values are always escaped: there is no way to print one raw.

export type Value = string | number | boolean | null | undefined | Model | readonly Value[];
export interface Model {
  readonly [name: string]: Value;
}

type Part =
  | string
  | { kind: 'value'; name: string }
  | { kind: 'partial'; name: string }
  | { kind: 'section'; name: string; inverted: boolean; parts: Part[] };

export type Template = readonly Part[];

export interface Rendering {
  escape: (text: string) => string;
  partial: (name: string) => Template;
}

// A tag, with the blank rest of its line on both sides: a line that has only a section's tag is not printed.
const TAG = /(^[ \t]*|)\{\{([#^/>]?)\s*([\w-]+|\.)\s*\}\}([ \t]*\r?\n|)/gm;

/** Throws an error that names the file where a section is not closed or a tag cannot be read. */
export function parseTemplate(source: string, file: string): Template {
  const root: Part[] = [];
  const open: { name: string; parts: Part[] }[] = [{ name: '', parts: root }];
  let end = 0;
  const add = (...parts: Part[]): void => void open.at(-1)!.parts.push(...parts);
  const addText = (text: string): void => {
    const wrong = /\{\{.{0,40}/.exec(text)?.[0];
    if (wrong !== undefined) throw new Error(`template ${file}: a tag cannot be read: ${wrong}`);
    add(text);
  };
  for (const tag of source.matchAll(TAG)) {
    const [whole, before = '', sign = '', name = '', after = ''] = tag;
    const begins = tag.index === 0 || source[tag.index - 1] === '\n';
    const alone = sign !== '' && begins && (after !== '' || tag.index + whole.length === source.length);
    addText(source.slice(end, tag.index) + (alone ? '' : before));
    end = tag.index + whole.length;
    if (sign === '/') {
      const closed = open.pop()!;
      if (open.length === 0 || closed.name !== name) throw new Error(`template ${file}: {{/${name}}} closes nothing`);
    } else if (sign === '#' || sign === '^') {
      const parts: Part[] = [];
      add({ kind: 'section', name, inverted: sign === '^', parts });
      open.push({ name, parts });
    } else add({ kind: sign === '>' ? 'partial' : 'value', name });
    if (!alone) addText(after);
  }
  addText(source.slice(end));
  if (open.length > 1) throw new Error(`template ${file}: {{#${open.at(-1)!.name}}} is never closed`);
  return root;
}

export function renderTemplate(template: Template, model: Model, how: Rendering): string {
  return print(template, [model], how);
}

function print(parts: Template, stack: readonly Value[], how: Rendering): string {
  if (stack.length > 20) throw new Error('templates: nested too deeply (does a file include itself?)');
  return parts.map((p) => (typeof p === 'string' ? p : printTag(p, stack, how))).join('');
}

function printTag(part: Exclude<Part, string>, stack: readonly Value[], how: Rendering): string {
  if (part.kind === 'partial') return print(how.partial(part.name), [...stack, stack.at(-1)], how);
  const value = lookUp(part.name, stack);
  if (part.kind === 'value') return isPlain(value) ? how.escape(String(value)) : '';
  const list = Array.isArray(value) ? (value as readonly Value[]) : isThere(value) ? [value] : [];
  if (part.inverted) return list.length === 0 ? print(part.parts, stack, how) : '';
  return list.map((item) => print(part.parts, [...stack, item], how)).join('');
}

const isPlain = (v: Value): v is string | number => typeof v === 'string' || typeof v === 'number';
const isThere = (v: Value): boolean => v !== null && v !== undefined && v !== false && v !== '' && v !== 0;

/** From the innermost section outwards. Own properties only: a template cannot reach anything else. */
function lookUp(name: string, stack: readonly Value[]): Value {
  if (name === '.') return stack.at(-1);
  for (const value of stack.toReversed())
    if (value !== null && typeof value === 'object' && !Array.isArray(value) && Object.hasOwn(value, name))
      return (value as Model)[name];
  return undefined;
}
