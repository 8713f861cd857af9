// What remains after the acts: mails as they were received, every instance, the times, the audit, the links.
import { tellFindings, type Finding } from '../../test/world/audit.ts';
import { SERVICE_USER } from '../../test/world/people.ts';
import { watchId } from '../../workflows/contract.ts';
import type { RecoveryReport } from '../../workflows/domain.ts';
import { table } from '../cli/print.ts';
import { ADMIN, CLOUD, pageOf } from './lifeboat.ts';
import { recoveries, type Act, type Played, type Stage } from './stage.ts';

export interface Summary {
  timeScale: number;
  /** Act → stage → seconds since the failure. */
  stages: Record<string, Record<string, number>>;
  runs: { act: string; node: string; outcome: string; workflowId: string; runId: string }[];
  instances: {
    name: string;
    id: string;
    node: string;
    outcome: string;
    /** Where Nova has it now. */
    host: string | null;
    vmState: string;
    reason: string;
    /** Evacuations that were requested, as the data centre counted them. */
    posts: number;
  }[];
  mails: { to: string; subject: string; messageId: string }[];
  audit: Finding[];
}

export function summarise(stage: Stage, played: (Played & { act: Act })[], findings: Finding[]): Summary {
  const { world } = stage;
  const posts = world.log.of('evacuate').filter((e) => e.by === SERVICE_USER.name);
  const truth = world.truth().instances;
  const account = (node: string, i: RecoveryReport['instances'][number]): Summary['instances'][number] => ({
    ...{ name: i.name, id: i.id, node, outcome: i.outcome, reason: i.reason },
    host: truth[i.id]?.host ?? null,
    vmState: truth[i.id]?.vmState ?? 'gone',
    posts: posts.filter((e) => e.instance === i.id && e.source === node).length,
  });
  return {
    timeScale: world.settings.timeScale,
    stages: Object.fromEntries(played.map(({ act, stages }) => [act.name, stages])),
    runs: recoveries(played).map(({ act, node, report: { outcome, workflowId, runId } }) => {
      return { act: act.name, node, outcome, workflowId, runId };
    }),
    instances: recoveries(played).flatMap(({ node, report }) => report.instances.map((i) => account(node, i))),
    mails: world.mailbox.mails.flatMap(({ to, subject, messageId }) => to.map((t) => ({ to: t, subject, messageId }))),
    audit: findings,
  };
}

/** One user's last mail and the admins' last report, as they arrived. */
export function showMails({ world, voice }: Stage): void {
  const { mails } = world.mailbox;
  const user = mails.findLast((m) => !m.to.includes(ADMIN));
  const admin = mails.findLast((m) => m.to.includes(ADMIN) && m.attachments.length > 0);
  for (const mail of [user, admin]) {
    if (!mail) continue;
    voice.title(`A mail to ${mail.to.join(', ')}`);
    voice.quote(`Subject: ${mail.subject}\n\n${mail.text}`);
    for (const { name, type, size } of mail.attachments) voice.quote(`[attached: ${name}, ${type}, ${size} bytes]`);
  }
}

export function showInstances({ world, voice }: Stage, { instances, runs }: Summary): void {
  voice.title('Every instance');
  const rows = instances.map((i) => [i.name, `was on ${i.node}`, ...placeOf(i)]);
  for (const row of table(rows)) voice.line(`  ${row}`);
  const touched = new Set(instances.map((i) => i.id));
  const others = Object.entries(world.truth().instances).filter(([id]) => !touched.has(id));
  const changed = others.filter(
    ([id, { host }]) => world.log.of('instance').find((e) => e.instance === id)?.host !== host,
  );
  const nodes = runs.map((r) => r.node).join(', ');
  voice.line(`  ${others.length} others were not on ${nodes}; ${changed.length} of them changed their node.`);
}

const placeOf = (i: Summary['instances'][number]): [string, string] =>
  i.outcome === 'recovered' && i.host
    ? [`is on ${i.host}`, i.vmState === 'active' ? '' : i.vmState]
    : [i.outcome, i.reason];

const WORDS: Record<string, string> = {
  seen: 'seen',
  admitted: 'gates passed',
  blocked: 'a person asked',
  confirmed: 'confirmed',
  held: 'held back, admins told',
  healed: 'over, admins told',
  fenced: 'proven off',
  marked: 'marked in Nova',
  firstEvacuation: 'first evacuation',
  killed: 'a worker killed',
  lastEvacuated: 'last one moved',
  ended: 'run ended',
  allTold: 'everybody told',
};

export function showTimes({ voice }: Stage, { stages, timeScale }: Summary): void {
  voice.title(`Seconds since the failure${timeScale === 1 ? '' : ` (timings × ${timeScale})`}`);
  const acts = Object.keys(stages);
  const names = Object.keys(WORDS).filter((name) => acts.some((act) => stages[act]?.[name] !== undefined));
  const cell = (act: string, name: string): string => stages[act]?.[name]?.toFixed(1).padStart(6) ?? '     –';
  const rows = names.map((name) => [WORDS[name]!, ...acts.map((act) => cell(act, name))]);
  for (const row of table([['', ...acts.map((act) => act.padStart(6))], ...rows])) voice.line(`  ${row}`);
}

export function showVerdict({ voice, world }: Stage, findings: Finding[]): void {
  voice.title('The audit of the data centre’s own log');
  const entries = world.log.entries.length;
  if (findings.length > 0) {
    voice.line(`  ${entries} entries, ${findings.length} findings:`, 'red');
    for (const line of tellFindings(findings).split('\n')) voice.line(`  ${line}`, 'red');
    return;
  }
  voice.line(
    `  ${entries} entries, no finding: no guest ran twice, no evacuation without a proof, none requested twice, nobody else’s ` +
      'instance or node touched, every instance accounted for, and no mail said what was not so.',
    'green',
  );
}

export function showLinks({ voice, lifeboat }: Stage, { runs }: Summary): void {
  voice.title('In the Temporal UI');
  const rows = runs.map((r) => [`${r.workflowId}, ${r.outcome}`, pageOf(lifeboat, r.workflowId, r.runId)]);
  const watch = `${lifeboat.ui}/namespaces/default/workflows/${encodeURIComponent(watchId(CLOUD))}`;
  for (const row of table([...rows, ['the watch', watch]])) voice.line(`  ${row}`);
}
