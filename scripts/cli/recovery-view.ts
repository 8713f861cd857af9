// A recovery for the person who watches it: each change as a line, the questions with what can be typed, the report at the end.
import type { Question, RunState } from '../../workflows/contract.ts';
import type { Account, RecoveryReport } from '../../workflows/domain.ts';
import { ago, clock, paint, table, type Feed, type Out } from './print.ts';

const COLOUR = {
  recovered: 'green',
  moved: 'green',
  kept: 'yellow',
  gone: 'yellow',
  waiting: 'yellow',
  failed: 'red',
} as const;

export interface RecoveryView {
  show(state: RunState): void;
  /** What was not shown yet, then the summary. */
  report(report: RecoveryReport): void;
}

export function recoveryView(feed: Feed, out: Out): RecoveryView {
  let last = { doing: '', question: '', proof: '', paused: '' };
  const told = new Set<string>();
  const say = (text: string): void => feed.line(`${paint(out, 'dim', clock(new Date().toISOString()))}  ${text}`);
  const settled = (account: Account): void => {
    if (told.has(account.id)) return;
    told.add(account.id);
    say(`  ${accountText(account, out)}`);
  };
  return {
    show(state) {
      const now = {
        doing: `${state.phase}: ${state.doing}`,
        question: state.question ? JSON.stringify(state.question) : '',
        proof: state.proof ? `${state.proof.kind} ${state.proof.readAt}` : '',
        paused: state.paused
          ? `paused by ${state.paused.by}${state.paused.reason ? `: ${state.paused.reason}` : ''}`
          : '',
      };
      if (now.proof && now.proof !== last.proof && state.proof)
        say(`${paint(out, 'green', 'proven off')} (${state.proof.kind}, ${state.proof.level}); ${state.proof.witness}`);
      if (now.doing !== last.doing) say(`${paint(out, 'cyan', state.phase)}: ${state.doing}`);
      if (now.paused !== last.paused) say(now.paused || 'resumed');
      if (now.question !== last.question && state.question)
        for (const line of questionLines(state.question, state.node, out)) feed.line(line);
      last = now;
      for (const i of state.instances) if (i.outcome !== 'pending' && i.outcome !== 'moving') settled(i as Account);
      feed.live(liveLine(state));
    },
    report(report) {
      report.instances.forEach(settled);
      feed.end();
      for (const line of reportLines(report, out)) feed.line(line);
    },
  };
}

function liveLine(state: RunState): string {
  const count = (outcome: string): number => state.instances.filter((i) => i.outcome === outcome).length;
  const age = ago(Date.now() - Date.parse(state.startedAt));
  const moved = state.instances.length
    ? `, ${state.kind === 'drain' ? `${count('moved')} of ${state.instances.length} moved` : `${count('recovered')} of ${state.instances.length} recovered`}, ${count('moving')} on their way, ${count('failed')} failed`
    : '';
  return `${state.node}: ${state.phase} for ${age}${moved}`;
}

function accountText({ name, id, outcome, host, reason, loses }: Account, out: Out): string {
  const where = (outcome === 'recovered' || outcome === 'moved') && host ? ` on ${host}` : '';
  const why = [reason, loses].filter(Boolean).join('; ');
  return `${name || id} ${paint(out, COLOUR[outcome], outcome)}${where}${why ? `: ${why}` : ''}`;
}

const VERBS: Record<string, string> = { confirmFenced: 'confirm-fenced' };

/** What is asked, and every answer twice: for this shell, and as JSON for the Temporal UI. */
export function questionLines(question: Question, node: string, out: Out): string[] {
  const answers = question.answers.flatMap(({ verb, json, means }) => {
    const more = verb === 'confirmFenced' ? ` --node-is-off ${node}` : '';
    return [
      `  * ${means}`,
      `      npm run answer -- ${VERBS[verb] ?? verb} ${node}${more}`,
      `      in the Temporal UI: update ${verb} with ${json}`,
    ];
  });
  const look =
    question.commands.length > 0 ? ['  To look yourself:', ...question.commands.map((c) => `      ${c}`)] : [];
  return ['', paint(out, 'yellow', `A person is needed: ${question.what}`), ...answers, ...look, ''];
}

function reportLines(report: RecoveryReport, out: Out): string[] {
  const headline = `${report.node}: ${report.outcome}${report.reason ? ` — ${report.reason}` : ''}`;
  const coloured = paint(out, ['recovered', 'drained'].includes(report.outcome) ? 'green' : 'red', headline);
  // Never admitted: there is nothing to tell but why.
  if (report.stages['admitted'] === undefined && report.decisions.length === 0) return [coloured];
  const counts = Object.entries(report.counts).filter(([, n]) => n > 0);
  const stages = Object.entries(report.stages).map(([stage, ms]) => `${stage} ${ago(ms)}`);
  const { proof } = report;
  const rows = [
    ['instances', counts.map(([outcome, n]) => `${n} ${outcome}`).join(', ') || 'none were touched'],
    ['proof', proof ? `${proof.kind}, ${proof.level}: ${proof.devices.join(', ') || proof.by || '-'}` : 'none'],
    ['took', ago(Date.parse(report.endedAt) - Date.parse(report.startedAt))],
    ['reached after', stages.join(', ')],
    ...report.evidence.map((e) => [`saw ${e.channel}`, `${e.verdict}: ${e.saw}`]),
    ...report.decisions.map((d) => [
      'decided',
      `${d.by} ${d.what}${d.reason ? ` (${d.reason})` : ''} at ${clock(d.at)}`,
    ]),
    ['run', `${report.workflowId}, run ${report.runId}`],
  ];
  return ['', coloured, ...table(rows).map((line) => `  ${line}`)];
}
