// What a program said of a node: by its exit code, as Nagios plugins do, or by JSON on its standard output. Pure.
import { z } from 'zod';
import type { ProgramRun } from '../fencing/run-program.ts';
import { VERDICTS, type Verdict } from '../../workflows/domain.ts';
import type { Seen } from './driver.ts';

const told = z.strictObject({
  verdict: z.enum(VERDICTS),
  /** ISO 8601. */
  since: z
    .string()
    .refine((text) => Number.isFinite(Date.parse(text)), 'is no moment')
    .optional(),
  detail: z.string().optional(),
});
const toldOfMany = z.record(z.string(), z.unknown());

const unknown = (saw: string): Seen => ({ verdict: 'unknown', saw });

/** Null: it ended by itself, with all that it had to say. */
export function brokenRun(run: ProgramRun, most: number, timeoutMs: number): string | null {
  if (run.end === 'missing') return 'it could not be started';
  if (run.end === 'timeout') return `no answer within ${timeoutMs / 1_000} s`;
  if (run.end === 'cancelled') return 'stopped looking';
  if (run.end === 'killed') return 'it was killed by a signal';
  return run.stdout.length >= most ? `it wrote ${most} characters or more` : null;
}

/** By the table; a code that is not in it is unknown. The first line that it wrote, without performance data, is what it saw. */
export function byExitCode(run: ProgramRun, table: Readonly<Record<string, Verdict>>): Seen {
  const line = firstLine(run.stdout) || firstLine(run.stderr);
  const saw = `${line ? `${line} ` : ''}(exit code ${run.code})`;
  return { verdict: table[String(run.code)] ?? 'unknown', saw };
}

const firstLine = (text: string): string => (text.trim().split('\n')[0] ?? '').split('|')[0]!.trim();

/** Only of a program that ended with 0. */
export function byJson(run: ProgramRun): Seen {
  const read = readJson(run);
  return 'why' in read ? unknown(read.why) : judgeTold(read.value);
}

/** One entry for each name that it tells of. Throws where there is no such answer. */
export function byJsonOfMany(run: ProgramRun): Map<string, Seen> {
  const read = readJson(run);
  if ('why' in read) throw new Error(read.why);
  const many = toldOfMany.safeParse(read.value);
  if (!many.success) throw new Error('its output is no JSON object with an entry for each node');
  return new Map(Object.entries(many.data).map(([name, value]) => [name, judgeTold(value)]));
}

function judgeTold(value: unknown): Seen {
  const parsed = told.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    return unknown(`its answer is wrong: ${issue.path.join('.') || 'the whole'}: ${issue.message}`);
  }
  const { verdict, since, detail } = parsed.data;
  const words = [detail?.trim() || `says ${verdict}`, since ? `since ${since}` : ''];
  return { verdict, saw: words.filter((w) => w !== '').join(', ') };
}

function readJson({ code, stdout, stderr }: ProgramRun): { value: unknown } | { why: string } {
  if (code !== 0) return { why: `it ended with ${code}${firstLine(stderr) ? `: ${firstLine(stderr)}` : ''}` };
  try {
    return { value: JSON.parse(stdout) };
  } catch {
    return { why: stdout.trim() === '' ? 'it wrote nothing' : 'its output is not JSON' };
  }
}
