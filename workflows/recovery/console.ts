// The one helper that shows a run in the Temporal UI: phase, search attributes, current details (a table of the instances
// and what a person can do now, with the JSON to paste).
import { setCurrentDetails, upsertSearchAttributes } from '@temporalio/workflow';
import { SEARCH_ATTRIBUTES, type Phase, type Question } from '../contract.ts';
import { stopped, type Run } from './run.ts';

/** The UI shows about this many rows well. */
const ROWS = 50;
/** The UI sets a table's columns side by side without a gap. */
const GAP = '\u00a0\u00a0\u00a0';

/** Moves the run to a phase and shows it. `doing` is a sentence: what happens now, or what it waits for. */
export function enter(run: Run, phase: Phase, doing: string): void {
  run.step = phase;
  run.doing = doing;
  show(run);
}

/** What a person sees: a question or a pause covers the step underneath. */
function phaseOf(run: Run): Phase {
  if (run.step === 'closed') return 'closed';
  if (run.stop && run.step !== 'closing') return run.stop.outcome === 'detached' ? 'detaching' : 'aborting';
  if (run.paused) return 'paused';
  if (run.questions.size > 0 && run.moving.size === 0) return run.step === 'approval' ? 'approval' : 'blocked';
  return run.step;
}

export function show(run: Run): void {
  showPhase(run);
  setCurrentDetails(details(run));
}

/** Without the table: it costs as much as all else that an evacuation takes of a workflow, and is due once for all that end together. */
export function showPhase(run: Run): void {
  const phase = phaseOf(run);
  if (phase !== run.phase && run.grant?.searchAttributes) {
    const outcome = run.report ? [{ key: SEARCH_ATTRIBUTES.outcome, value: run.report.outcome }] : [];
    upsertSearchAttributes([
      { key: SEARCH_ATTRIBUTES.cloud, value: run.cloud },
      { key: SEARCH_ATTRIBUTES.node, value: run.node.host },
      { key: SEARCH_ATTRIBUTES.phase, value: phase },
      ...outcome,
    ]);
  }
  run.phase = phase;
}

export function details(run: Run): string {
  return [
    `**${run.node.host}** in ${run.cloud}: **${run.phase}** — ${run.phase === 'aborting' && run.moving.size > 0 ? 'watches what was sent to its end' : run.doing}`,
    ...[...run.questions.values()].map((q) => questionText(q.question)),
    run.paused
      ? `Paused by ${run.paused.by} at ${clock(run.paused.at)}: ${run.paused.reason}. To go on: update \`resume\` with \`{"by":"your name"}\`.`
      : '',
    run.forbidden && !run.stop && run.step !== 'closed'
      ? `Held: ${run.forbidden}. Nothing new is fenced or evacuated until the configuration is changed again, or: update \`abort\` with \`{"by":"your name","reason":"…"}\`.`
      : '',
    run.stop && run.step !== 'closed'
      ? `${capital(stopped(run.stop, true))}. Nothing new begins; what runs is ${run.stop.outcome === 'detached' ? 'not watched any more' : 'watched to its end'}.`
      : '',
    why(run),
    instanceTable(run),
    run.questions.size === 0 && run.step !== 'closed' && !run.stop
      ? 'Nothing is asked of you. To stop: update `abort` with `{"by":"your name","reason":"…"}`; to take the node over as it is: `detach`.'
      : '',
  ]
    .filter(Boolean)
    .join('\n\n');
}

export function questionText(q: Question): string {
  const answers = q.answers.map((a) => `* update \`${a.verb}\` with \`${a.json}\` — ${a.means}`);
  // One line each: the UI cuts a block of code at its width, and wraps this.
  const commands = q.commands.length > 0 ? ['To look yourself:', '', ...q.commands.map((c) => `* \`${c}\``)] : [];
  return [`### A person is needed: ${q.what}`, '', ...answers, '', ...commands].join('\n');
}

function why(run: Run): string {
  if (run.kind === 'drain') return whyDrained(run);
  const evidence = (run.grant?.evidence ?? []).map((e) => `${e.channel}: ${e.saw}`).join('; ');
  const proof = run.proof
    ? `Proven off (${run.proof.kind}, ${run.proof.level}: ${run.proof.devices.join(', ') || run.proof.by || '-'}) at ${clock(run.proof.readAt)}.`
    : 'Not proven off: nothing is evacuated.';
  const guard = run.guard.at ? ` The guard read it at ${clock(run.guard.at)}: ${run.guard.saw}.` : '';
  return [evidence && `Why: ${evidence}.`, run.step === 'starting' ? '' : proof + guard].filter(Boolean).join(' ');
}

/** What made the watch start it; asked by a person it needs no evidence. */
function whyDrained(run: Run): string {
  const trouble = (run.grant?.evidence ?? []).filter((e) => e.verdict === 'degraded');
  const seen = trouble.map((e) => `${e.channel}: ${e.saw}`).join('; ');
  return `${seen ? `Why: ${seen}. ` : ''}The node lives: nothing is fenced.`;
}

function instanceTable(run: Run): string {
  const rows = [
    ...[...run.pending.values()].map((p) => ({
      name: p.plan.name,
      state: run.moving.has(p.plan.id) ? 'moving' : p.held ? 'needs you' : 'to do',
      where: '',
      note: p.held ?? p.plan.reason,
      first: p.held !== null,
    })),
    ...[...run.accounts.values()].map((a) => ({
      name: a.name,
      state: a.outcome,
      where: a.host ?? '',
      note: a.reason,
      first: a.outcome === 'failed',
    })),
  ].sort((a, b) => Number(b.first) - Number(a.first));
  if (rows.length === 0) return '';
  const row = (...cells: string[]): string => `| ${cells.map((c) => `${c}${GAP}`).join(' | ')} |`;
  const lines = rows.slice(0, ROWS).map((r) => row(cell(r.name), r.state, cell(r.where), cell(r.note)));
  const more = rows.length > ROWS ? [`\n… and ${rows.length - ROWS} more (query \`state\`).`] : [];
  const settled = `${run.accounts.size} of ${rows.length} instances are settled, ${run.moving.size} are moving.\n`;
  return [settled, row('instance', 'state', 'now on', 'note'), '| --- | --- | --- | --- |', ...lines, ...more].join(
    '\n',
  );
}

/** Instance names are their owners' words: no Markdown of theirs reaches the operators' console. */
const cell = (text: string): string =>
  text
    .replace(/[\r\n]+/g, ' ')
    .replace(/[\\|`*_<>[\]]/g, '\\$&')
    .slice(0, 160);

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

const clock = (iso: string): string => iso.slice(11, 19);
