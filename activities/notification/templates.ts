// Finds the templates: the ones that are shipped in templates/, each replaceable by the user's own file of the same name.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { STAGES, type Stage } from '../../workflows/contract.ts';
import type { Recipient } from './contract.ts';
import { parseTemplate, renderTemplate, type Model, type Template } from './template.ts';
import { escapeHtml, oneLine } from './words.ts';

const SHIPPED = fileURLToPath(new URL('./templates/', import.meta.url));
const MAX_SUBJECT = 160;

export interface Words {
  subject: string;
  text: string;
  html: string;
}

export interface Templates {
  /** Renders `<audience>-<stage>`, or `<audience>` where there is no such file. */
  print(stage: Stage, audience: Recipient['audience'], model: Model): Words;
}

/**
 * Reads and parses all files at once, so that a mistake in a user's own file is found at the worker's start, not in an
 * incident. `own`: a folder; its .txt and .html files replace the shipped ones of the same name or add `<audience>-<stage>`.
 */
export function loadTemplates(own?: string): Templates {
  const files = new Map([...readFolder(SHIPPED), ...(own === undefined ? [] : readOwn(own))]);
  const texts = new Map<string, Template>();
  for (const [file, source] of files) {
    if (!/^(user|admin)(-\w+)?\.txt$/.test(file)) texts.set(file, parseTemplate(source, file));
    else {
      const [, subject, body] = /^Subject:[ \t]*(.+?)\r?\n(?:[ \t]*\r?\n)*([^]*)$/.exec(source) ?? [];
      if (subject === undefined || body === undefined)
        throw new Error(
          `template ${file}: its first line is not "Subject: …" (the subject of the message stands there)`,
        );
      texts.set(`${file}:subject`, parseTemplate(subject, file));
      texts.set(file, parseTemplate(body, file));
    }
  }
  return { print: (stage, audience, model) => print(texts, stage, audience, model) };
}

function print(texts: Map<string, Template>, stage: Stage, audience: Recipient['audience'], model: Model): Words {
  const find = (names: string[], what: string): Template => {
    const found = names.map((n) => texts.get(n)).find((t) => t !== undefined);
    if (!found) throw new Error(`template ${names[0]}: there is no such file (${what})`);
    return found;
  };
  const render = (end: string, escape: (text: string) => string): string =>
    renderTemplate(find([`${audience}-${stage}${end}`, `${audience}${end}`], `a message for ${audience}s`), model, {
      escape: (text) => escape(oneLine(text)),
      partial: (name) => find([`${name}${end.split(':')[0]}`], 'it is included by another one'),
    });
  const plain = (text: string): string => text;
  const subject = oneLine(render('.txt:subject', plain));
  return {
    subject: subject.length > MAX_SUBJECT ? `${subject.slice(0, MAX_SUBJECT - 1)}…` : subject,
    text: `${render('.txt', plain)
      .replace(/(?:[ \t]*\r?\n){3,}/g, '\n\n')
      .trim()}\n`,
    html: render('.html', escapeHtml),
  };
}

const readFolder = (folder: string): [string, string][] =>
  readdirSync(folder)
    .filter((f) => /\.(txt|html)$/.test(f))
    .map((f) => [f, readFileSync(join(folder, f), 'utf8')]);

function readOwn(folder: string): [string, string][] {
  const known = new Set(readFolder(SHIPPED).map(([file]) => file));
  const files = readFolder(folder);
  for (const [file] of files) {
    const [, , stage] = /^(user|admin)-(\w+)\.(?:txt|html)$/.exec(file) ?? [];
    if (!known.has(file) && !STAGES.includes(stage as Stage))
      throw new Error(
        `template ${join(folder, file)}: nothing uses a file of this name (known: ${[...known].join(', ')})`,
      );
  }
  return files;
}
