// HTML in which nothing that anybody else wrote can be more than text.

/** Markup that was made here; everything else is escaped where it is put in. */
export class Markup {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

type Part = Markup | string | number | null | undefined | false | readonly Part[];

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
/** Control characters, and marks that turn the direction of writing: a name could pass for another one, or hide. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]+/gu;

export const escape = (text: string): string => text.replace(INVISIBLE, ' ').replace(/[&<>"']/g, (c) => ENTITIES[c]!);

function write(part: Part): string {
  if (part instanceof Markup) return part.text;
  if (part === null || part === undefined || part === false) return '';
  if (typeof part === 'object') return part.map(write).join('');
  return escape(String(part));
}

/** A template whose holes are escaped, in text and in attributes within double quotes. */
export const markup = (strings: TemplateStringsArray, ...parts: Part[]): Markup =>
  new Markup(strings.map((s, i) => s + (i < parts.length ? write(parts[i]!) : '')).join(''));
