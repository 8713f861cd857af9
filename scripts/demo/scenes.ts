// What the acts have in common: who is on the node, how long to wait, and the times of an incident.
import type { RecoveryReport } from '../../workflows/domain.ts';
import { SERVICE_USER } from '../../test/world/people.ts';
import type { Moment, Stage } from './stage.ts';

/** Seconds of real time to wait for what takes `cloudSeconds` by the default timings; a busy machine needs some of its own. */
export const patience = ({ world }: Stage, cloudSeconds: number): number =>
  cloudSeconds * world.settings.timeScale + 60;

export const secondsSince = (failure: Moment, { world }: Stage, at = world.log.now()): number =>
  Math.round((at - failure.logMs) / 100) / 10;

export function tellVictim({ world, voice }: Stage, node: string): void {
  const on = Object.values(world.truth().instances).filter((i) => i.host === node && !i.deleted);
  const named = on.map(({ name, vmState }) => (vmState === 'active' ? name : `${name} (${vmState})`));
  voice.line(`On ${node}: ${named.join(', ')}.`);
}

/**
 * Seconds since the failure at which each stage was reached. From the data centre's log where it can tell; `seen`, `admitted` and
 * `fenced` by the run's own report. A stage that was not reached is absent.
 */
export function timesOf(stage: Stage, node: string, failure: Moment, report: RecoveryReport): Record<string, number> {
  const { log, mailbox } = stage.world;
  const started = Date.parse(report.startedAt) - failure.epochMs;
  const reached = (name: string): number | undefined => {
    const ms = report.stages[name];
    return ms === undefined ? undefined : failure.logMs + started + ms;
  };
  const ours = log.of('evacuate').filter((e) => e.source === node && e.by === SERVICE_USER.name);
  const records = new Set(ours.map((e) => e.record));
  const done = log.of('record').filter((e) => records.has(e.record) && e.status === 'done');
  const marked = log.of('service').find((e) => e.node === node && e.by === SERVICE_USER.name && e.forcedDown);
  const times: Record<string, number | undefined> = {
    seen: failure.logMs + started,
    admitted: reached('admitted'),
    fenced: reached('fenced'),
    marked: marked?.at,
    firstEvacuation: ours[0]?.at,
    lastEvacuated: done.at(-1)?.at,
    ended: failure.logMs + Date.parse(report.endedAt) - failure.epochMs,
    allTold: mailbox.mails.at(-1)?.at,
  };
  const known = Object.entries(times).filter((t): t is [string, number] => t[1] !== undefined);
  return Object.fromEntries(known.map(([name, at]) => [name, secondsSince(failure, stage, at)]));
}
