// What a story waits for. Nothing is told but what the wait is for: the story goes on when it is so, or fails.
import { z } from 'zod';
import type { RecoveryReport } from '../../../workflows/domain.ts';
import { PHASES, WORKFLOW_TYPES } from '../../../workflows/contract.ts';
import { OUTCOMES, RUN_OUTCOMES } from '../../../workflows/domain.ts';
import { until } from '../../support/until.ts';
import { step, type Place, type StepKind } from '../step.ts';
import * as w from '../words.ts';

const group = 'What the story waits for';
/** Real time: a busy machine is slow, and a story that waits in vain shall end some day. */
const LIMIT_MS = 90_000;
const wait = (what: string, ask: () => unknown, everyMs = 50): Promise<unknown> =>
  until(ask, { what, timeoutMs: LIMIT_MS, everyMs });

const PHASE = z.strictObject({ node: w.node, phase: z.enum(PHASES), asks: w.text.optional() });
const END = z.strictObject({ node: w.node, outcome: z.enum(RUN_OUTCOMES).optional() });
const EVACUATIONS = z.strictObject({ from: w.node, count: w.count });
const MAIL = z.strictObject({ to: w.text, says: w.text, times: w.count.default(1) });
const ACCOUNT = z.strictObject({
  node: w.node,
  instance: w.instance,
  outcome: z.enum([...OUTCOMES, 'moving', 'pending']),
});
const RECORD = z.strictObject({ instance: w.instance, status: w.text });
const HOST = z.strictObject({ instance: w.instance, host: w.node });
const SAYS = z.strictObject({ node: w.node, says: w.text });

/** The run of this name as it was typed; a spelling that is not the node's own leads to another workflow id. */
async function newRun(place: Place, node: string): Promise<void> {
  await wait(`a recovery of ${node} is started`, async () => {
    const { runId, type, startTime } = await place.story.run(node).describe();
    if (type !== WORKFLOW_TYPES.recover || place.seen.has(runId) || startTime < place.since) return false;
    return place.seen.add(runId);
  });
}

/** One line for the run, and one for each instance that is not simply elsewhere. */
function tellEnd(place: Place, node: string, report: RecoveryReport): void {
  place.tell('lifeboat', `${node}: ${report.outcome} — ${report.reason}`);
  for (const i of report.instances) {
    if (i.outcome !== 'recovered') place.tell('lifeboat', `${i.name}: ${i.outcome} — ${i.reason}`);
    else if (i.reason) place.tell('lifeboat', `${i.name}: recovered, ${i.reason}`);
    if (i.loses) place.tell('lifeboat', `${i.name}: its owner is told “${i.loses}”`);
  }
  for (const d of report.decisions.filter((x) => x.by !== 'lifeboat'))
    place.tell('lifeboat', `${node}: the report names ${d.by}: ${d.what}${d.reason ? ` (${d.reason})` : ''}`);
}

export const AWAITS: Record<string, StepKind> = {
  awaitRun: step({
    ...{
      group,
      takes: w.node,
      means: 'a recovery of the node is open that the story did not see before',
      example: 'compute-2',
    },
    play: newRun,
  }),
  awaitPhase: step({
    ...{
      group,
      takes: PHASE,
      means: 'its recovery is in this phase; what it asks of people is told, `asks` says which words must be in it',
    },
    example: '{ node: compute-2, phase: blocked, asks: could not be proven off }',
    async play(place, { node, phase, asks = '' }: z.output<typeof PHASE>) {
      const state = await until(
        async () => {
          const now = await place.story.state(node);
          return now.phase === phase && (now.question?.what ?? '').includes(asks) ? now : null;
        },
        { what: `${node} is ${phase}${asks ? ` and asks about “${asks}”` : ''}`, timeoutMs: LIMIT_MS, everyMs: 50 },
      );
      const question = state.question;
      place.tell('lifeboat', `${node} is ${phase}${question ? `: ${question.what}` : ''}`);
      if (question)
        place.tell('lifeboat', `${node}: a person may say ${question.answers.map((a) => a.verb).join(', ')}`);
    },
  }),
  awaitQuestion: step({
    ...{
      group,
      takes: SAYS,
      means: 'its recovery asks this of people, in whatever phase',
      example: '{ node: compute-2, says: need a decision }',
    },
    async play(place, { node, says }: z.output<typeof SAYS>) {
      const asked = await until(
        async () => {
          const { question } = await place.story.state(node);
          return question?.what.includes(says) ? question : null;
        },
        { what: `${node} asks about “${says}”`, timeoutMs: LIMIT_MS, everyMs: 50 },
      );
      place.tell('lifeboat', `${node} asks: ${asked.what}`);
      place.tell('lifeboat', `${node}: a person may say ${asked.answers.map((a) => a.verb).join(', ')}`);
    },
  }),
  awaitDoing: step({
    ...{
      group,
      takes: SAYS,
      means: 'its recovery says that it does this',
      example: '{ node: compute-2, says: at most 2 at once }',
    },
    async play(place, { node, says }: z.output<typeof SAYS>) {
      await wait(`${node} says “${says}”`, async () => (await place.story.state(node)).doing.includes(says));
      place.tell('lifeboat', `${node} ${(await place.story.state(node)).doing}`);
    },
  }),
  awaitGuard: step({
    ...{
      group,
      takes: SAYS,
      means: 'the guard of its recovery sees it as off, blind or trouble',
      example: '{ node: compute-2, says: off }',
    },
    async play(place, { node, says }: z.output<typeof SAYS>) {
      await wait(
        `the guard of ${node} sees ${says}`,
        async () => (await place.story.state(node)).guard.seeing === says,
      );
    },
  }),
  awaitHeld: step({
    ...{
      group,
      takes: SAYS,
      means: 'the watch says why it does not recover this failed node',
      example: '{ node: compute-2, says: paused }',
    },
    async play(place, { node, says }: z.output<typeof SAYS>) {
      await wait(`the watch holds ${node} for “${says}”`, async () =>
        (await place.story.watch()).held[node]?.includes(says),
      );
      place.tell('lifeboat', `${node} is not recovered: ${(await place.story.watch()).held[node]}`);
    },
  }),
  awaitEnd: step({
    ...{
      group,
      takes: z.union([w.node.transform((node) => ({ node })), END]),
      means: 'its recovery has ended; the outcome is told',
    },
    example: 'compute-2',
    async play(place, { node, outcome }: z.output<typeof END>) {
      const report = await place.story.ends(node, LIMIT_MS);
      place.reports.push(report);
      tellEnd(place, node, report);
      if (outcome && report.outcome !== outcome)
        throw new Error(`the recovery of ${node} ended as ${report.outcome}, not as ${outcome}: ${report.reason}`);
    },
  }),
  awaitEvacuations: step({
    ...{
      group,
      takes: EVACUATIONS,
      means: 'so many instances were asked to leave the node',
      example: '{ from: compute-2, count: 2 }',
    },
    async play(place, { from, count }: z.output<typeof EVACUATIONS>) {
      const sent = (): number =>
        place.story.world.log.of('evacuate').filter((e) => e.source === from && e.by === 'lifeboat').length;
      await wait(`${count} are asked to leave ${from}`, () => sent() >= count, 5);
    },
  }),
  awaitMoved: step({
    ...{
      group,
      takes: EVACUATIONS,
      means: 'so many of them have arrived elsewhere',
      example: '{ from: compute-2, count: 2 }',
    },
    async play(place, { from, count }: z.output<typeof EVACUATIONS>) {
      const done = (): number =>
        place.story.world.log
          .of('record')
          .filter((r) => r.source === from && r.type === 'evacuation' && r.status === 'done').length;
      await wait(`${count} of ${from} are elsewhere`, () => done() >= count, 5);
    },
  }),
  awaitAccount: step({
    ...{ group, takes: ACCOUNT, means: 'the recovery has this to say of the instance' },
    example: '{ node: compute-2, instance: web-1, outcome: recovered }',
    async play(place, { node, instance, outcome }: z.output<typeof ACCOUNT>) {
      const said = async (): Promise<boolean> =>
        (await place.story.state(node)).instances.some((i) => i.name === instance && i.outcome === outcome);
      await wait(`${instance} is ${outcome}`, said);
    },
  }),
  awaitHost: step({
    ...{
      group,
      takes: HOST,
      means: 'Nova has the instance on this node',
      example: '{ instance: web-1, host: compute-4 }',
    },
    play: (place, { instance, host }: z.output<typeof HOST>) =>
      place.story.world.until(
        () => place.story.world.instance(instance).host === host,
        LIMIT_MS,
        `${instance} is on ${host}`,
      ),
  }),
  awaitRecord: step({
    ...{
      group,
      takes: RECORD,
      means: 'its last migration record is so',
      example: '{ instance: web-1, status: pre-migrating }',
    },
    play(place, { instance, status }: z.output<typeof RECORD>) {
      const { world } = place.story;
      const { id } = world.instance(instance);
      const is = (): boolean => world.truth().records.findLast((r) => r.instance === id)?.status === status;
      return world.until(is, LIMIT_MS, `the record of ${instance} is ${status}`);
    },
  }),
  awaitLocked: step({
    ...{ group, takes: w.count, means: 'so many instances carry a lock of ours', example: '4' },
    async play(place, count: number) {
      const locked = (): number =>
        Object.values(place.story.world.truth().instances).filter((i) => i.lockedReason?.startsWith('lifeboat:'))
          .length;
      await wait(`${count} instances are locked`, () => locked() >= count, 5);
    },
  }),
  awaitFault: step({
    ...{ group, takes: w.count, means: 'the last `apiFault` has hit so many calls', example: '1' },
    async play(place, hits: number) {
      await wait(`the fault hits ${hits} calls`, () => (place.faults.at(-1)?.hits ?? 0) >= hits, 5);
    },
  }),
  awaitMail: step({
    ...{
      group,
      takes: MAIL,
      means: 'mails to this address say this in subject or text (a regular expression)',
      example: '{ to: ops@cloud.example, says: came back }',
    },
    async play(place, { to, says, times }: z.output<typeof MAIL>) {
      const is = new RegExp(says);
      const mails = (): Set<string> =>
        new Set(
          place.story.world.mailbox
            .to(to)
            .filter((m) => is.test(`${m.subject}\n${m.text}`))
            .map((m) => m.messageId),
        );
      await wait(`${times} mails tell ${to} of ${says}`, () => mails().size >= times);
    },
  }),
  awaitSweeps: step({
    ...{
      group,
      takes: w.count,
      means: 'the watch has looked at all nodes so often again: what it should have seen, it has',
      example: '5',
    },
    play: (place, more: number) => place.story.sweeps(more, LIMIT_MS),
  }),
  awaitDown: step({
    ...{ group, takes: w.node, means: 'Nova calls the node down', example: 'compute-2' },
    play: (place, node: string) =>
      place.story.world.until((truth) => !truth.nodes[node]?.up, LIMIT_MS, `Nova calls ${node} down`),
  }),
  awaitUp: step({
    ...{ group, takes: w.node, means: 'Nova calls the node up', example: 'compute-2' },
    play: (place, node: string) =>
      place.story.world.until((truth) => truth.nodes[node]?.up === true, LIMIT_MS, `Nova calls ${node} up`),
  }),
  awaitPower: step({
    ...{
      group,
      takes: z.strictObject({ node: w.node, is: z.enum(['on', 'off']) }),
      means: 'its power is truly so',
      example: '{ node: compute-2, is: off }',
    },
    play: (place, { node, is }: { node: string; is: 'on' | 'off' }) =>
      place.story.world.until((truth) => truth.nodes[node]?.power === is, LIMIT_MS, `${node} is ${is}`),
  }),
  awaitMarked: step({
    ...{ group, takes: w.node, means: 'its row in Nova carries our marker', example: 'compute-2' },
    play: (place, node: string) =>
      place.story.world.until(
        (truth) => truth.nodes[node]?.reason?.startsWith('lifeboat:') ?? false,
        LIMIT_MS,
        `${node} is marked`,
      ),
  }),
};
