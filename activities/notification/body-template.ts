// The body of a webhook by the user's own file, in the language of the mails' templates. Values are escaped for what the file is.
import { readFileSync } from 'node:fs';
import { NotificationError, type Message } from './driver.ts';
import { parseTemplate, renderTemplate, type Model } from './template.ts';
import { escapeHtml } from './words.ts';

export type BodyTemplate = (message: Message) => string;

/** Inside quotes of the file. */
const escapeJson = (text: string): string => JSON.stringify(text).slice(1, -1);

/**
 * Reads and tries the file at once: throws where it cannot be read or parsed, or where what it makes of two messages is no
 * JSON. Its values: those of a Brief, `id`, `to`, `subject`, `text`, `html`; items of lists have `comma`, empty for the last one.
 */
export function bodyTemplate(file: string, contentType: string): BodyTemplate {
  let source: string;
  try {
    source = readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(`template ${file}: cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`);
  }
  const parsed = parseTemplate(source, file);
  const json = /\bjson\b/.test(contentType);
  const escape = json ? escapeJson : /html|xml/.test(contentType) ? escapeHtml : (text: string) => text;
  const none = (name: string): never => {
    throw new Error(`template ${file}: {{> ${name}}}: the body of a webhook is one file`);
  };
  const make = (message: Message): string => renderTemplate(parsed, modelOf(message), { escape, partial: none });
  for (const sample of SAMPLES) {
    const made = make(sample);
    if (json && !isJson(made))
      throw new Error(
        `template ${file}: what it makes is no JSON (see contentType; commas: {{comma}}): ${made.slice(0, 80)}`,
      );
  }
  return (message) => {
    const made = make(message);
    if (json && !isJson(made)) throw new NotificationError(`template ${file}: what it makes of this is no JSON`, true);
    return made;
  };
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function modelOf({ id, to, subject, text, html, brief }: Message): Model {
  const { instances, question, incident, run, report, lines, unreachable, ...plain } = brief;
  const listed = (texts: readonly string[]): Model[] => withCommas(texts.map((line) => ({ text: line })));
  return {
    ...plain,
    ...{ id, subject, text, html },
    to: { ...to },
    lines: listed(lines),
    unreachable: listed(unreachable),
    instances: withCommas(instances.map((i) => ({ ...i }))),
    question: question && {
      what: question.what,
      since: question.since,
      commands: listed(question.commands),
      answers: withCommas(question.answers.map((a) => ({ ...a }))),
    },
    incident: incident && { ...incident },
    run: run && { ...run },
    report: report && { ...report },
  };
}

const withCommas = (items: readonly Model[]): Model[] =>
  items.map((item, i) => ({ ...item, comma: i < items.length - 1 ? ',' : '' }));

/** One message with nothing that may be absent, one with all of it, and with what a text may hold. */
const SAMPLES: Message[] = [sample(false), sample(true)];

function sample(full: boolean): Message {
  const at = '2026-01-01T00:00:00.000Z';
  const name = 'web "1" \\ {{x}}\n';
  const one = { id: 'i', name, project: 'p', outcome: 'failed' as const, host: 'compute-7', reason: name };
  const instance = { ...one, loses: full ? name : null, seenAt: at, away: null };
  return {
    ...{
      id: 'lifeboat.sample',
      to: { name, address: 'ann@example.net' },
      subject: name,
      text: name,
      html: `<p>${name}`,
    },
    brief: {
      ...{ stage: 'finished', audience: 'admin', cloud: 'prod', node: full ? 'compute-7' : null, headline: name },
      ...{ observedAt: at, sentAt: at, late: full ? '25 min' : null, lines: full ? [name, name] : [] },
      ...{ counts: full ? '2 failed' : '', instances: full ? [instance, instance] : [] },
      question: full
        ? {
            what: name,
            since: at,
            commands: [name, name],
            answers: [{ verb: 'retry', means: name, json: '{}', command: name }],
          }
        : null,
      report: full ? { outcome: 'partial', reason: name, took: '5 min' } : null,
      ...{ unreachable: full ? [name, name] : [], link: full ? 'https://t.example.net' : null },
      run: full ? { workflowId: 'prod/compute-7', runId: 'r' } : null,
      incident: full ? { id: 'prod/compute-7/r', over: true } : null,
    },
  };
}
