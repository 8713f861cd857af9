// What people say to a run: every verb's handler and validator. A refusal says why; an answer says what happens now.
import { allHandlersFinished, condition, setHandler } from '@temporalio/workflow';
import type { By, InstanceBy } from '../contract.ts';
import * as verbs from '../verbs.ts';
import { DESCRIPTIONS } from '../verbs.ts';
import { checkWho, refuse } from '../refuse.ts';
import { show } from './console.ts';
import { installDetach } from './detach.ts';
import { holdsBack, holdsBackPost, noteDecision, nowIso, stateOf, stopped, type Pending, type Run } from './run.ts';
import { installStops } from './stops.ts';
import { takeWidth } from './width.ts';

export { stopRun } from './stops.ts';

/** Every verb: one JSON object, `by` filled in, and a run that is still open. */
function checkBy(run: Run, verb: string, x: By | undefined): void {
  checkWho(verb, x);
  if (run.report) refuse(`${verb}: this recovery has ended as ${run.report.outcome}`);
}

/** What nothing new comes of: said, not taken and forgotten. */
function unlessOver(run: Run, verb: string): void {
  if (run.stop) refuse(`${verb}: nothing new begins any more (${stopped(run.stop)})`);
}

export function installAnswers(run: Run): void {
  setHandler(verbs.stateQuery, () => stateOf(run), { description: DESCRIPTIONS.stateQuery });
  setHandler(verbs.mayFenceQuery, ({ level }) => mayFence(run, level));
  setHandler(verbs.mayPostQuery, ({ instance, also }) => ({
    ...mayPost(run, instance),
    ...(also ? { also: also.map((other) => mayPost(run, other)) } : {}),
  }));
  const check = (verb: string, x: By | undefined): void => checkBy(run, verb, x);
  installSignals(run);
  installDecisions(run);
  installStops(run, check);
  installDetach(run, check);
}

function mayFence(run: Run, level: string): { ok: boolean; why: string } {
  // A node that returned while evacuations are open is fenced again also in a pause or an abort: S1 is stronger than S7.
  const again = run.offSent && run.proof === null && run.moving.size > 0;
  const held = again ? null : holdsBack(run);
  if (held) return { ok: false, why: held };
  if (run.fencingLevel !== level) return { ok: false, why: `level ${level} is not being tried now` };
  return run.confirmed ? { ok: false, why: 'a person confirmed it off' } : { ok: true, why: '' };
}

function mayPost(run: Run, instance: string): { ok: boolean; why: string } {
  const held = holdsBackPost(run);
  if (held) return { ok: false, why: held };
  return run.moving.has(instance) ? { ok: true, why: '' } : { ok: false, why: 'the run does not move it now' };
}

function installSignals(run: Run): void {
  setHandler(verbs.guardSawSignal, (s) => {
    if (s.epoch !== run.epoch) return;
    run.guard = { seeing: s.seeing, at: s.readAt, saw: s.saw };
    show(run);
  });
  setHandler(verbs.widthSignal, (word) => takeWidth(run, word));
  setHandler(verbs.reserveGivenSignal, (given) => {
    run.reserveGiven ??= given;
  });
  setHandler(verbs.turnSignal, () => {
    run.retries += 1;
  });
  setHandler(verbs.joinedSignal, ({ by, reason }) =>
    noteDecision(run, by, 'asked for the same recovery and joined', reason),
  );
  setHandler(verbs.policySignal, ({ mode, excluded }) => {
    run.forbidden = excluded
      ? 'the node was excluded by the configuration meanwhile'
      : mode === 'observe'
        ? 'the mode was set to observe meanwhile'
        : null;
    show(run);
  });
}

function installDecisions(run: Run): void {
  setHandler(
    verbs.approveUpdate,
    ({ by, reason }) => {
      if (run.approved) return 'approved already';
      run.approved = true;
      noteDecision(run, by, 'approved', reason);
      return 'approved: reads the evidence again, then fences';
    },
    {
      description: DESCRIPTIONS.approveUpdate,
      validator: (x) => {
        checkBy(run, 'approve', x);
        unlessOver(run, 'approve');
        if (run.step !== 'approval' && !run.approved)
          refuse(`approve: nothing waits for an approval (phase ${run.phase})`);
      },
    },
  );
  setHandler(
    verbs.confirmFencedUpdate,
    ({ by, reason }) => {
      if (run.confirmed) return 'confirmed already';
      run.confirmed = {
        kind: 'operator',
        level: 'operator',
        devices: [],
        readAt: nowIso(),
        witness: 'a person looked',
        by,
        reason,
      };
      noteDecision(run, by, 'confirmed the node off', reason);
      return `goes on: ${run.node.host} counts as off on your word, and its instances are evacuated`;
    },
    {
      description: DESCRIPTIONS.confirmFencedUpdate,
      validator: (x) => {
        checkBy(run, 'confirmFenced', x);
        if (x.node !== run.node.host)
          refuse(
            `confirmFenced: "node" must be the node's exact name, ${run.node.host} (you typed ${JSON.stringify(x.node)})`,
          );
        if (run.fencingLevel === null && !run.dump?.waiting && !run.questions.has('fence'))
          refuse(`confirmFenced: the run does not wait for the fence (phase ${run.phase})`);
      },
    },
  );
  installInstanceVerbs(run);
}

function heldOnes(run: Run, x: InstanceBy): Pending[] {
  const held = [...run.pending.values()].filter((p) => p.held !== null);
  return x.instance === undefined ? held : held.filter((p) => p.plan.id === x.instance || p.plan.name === x.instance);
}

function checkInstance(run: Run, verb: string, x: InstanceBy): void {
  checkBy(run, verb, x);
  if (x.instance !== undefined && heldOnes(run, x).length === 0) {
    const names = heldOnes(run, { by: x.by }).map((p) => p.plan.name);
    refuse(`${verb}: no instance ${x.instance} waits for a person (waiting: ${names.join(', ') || 'none'})`);
  }
}

function installInstanceVerbs(run: Run): void {
  setHandler(
    verbs.retryUpdate,
    (x) => {
      run.retries += 1;
      run.halted = null;
      const again = heldOnes(run, x);
      for (const p of run.pending.values()) if ((p.refused?.times ?? 0) > 1) p.notBefore = 0;
      for (const p of again) {
        p.ignoreRecord = x.record ?? p.ignoreRecord;
        Object.assign(p, { held: null, tries: 0, notBefore: 0 });
      }
      noteDecision(run, x.by, `retry ${again.map((p) => p.plan.name).join(', ') || run.step}`, x.reason);
      show(run);
      return again.length > 0 ? `tries again: ${again.map((p) => p.plan.name).join(', ')}` : 'tries again now';
    },
    {
      description: DESCRIPTIONS.retryUpdate,
      validator: (x) => {
        checkInstance(run, 'retry', x);
        if (!run.questions.has('fence')) unlessOver(run, 'retry');
        if (run.questions.size === 0) refuse(`retry: nothing waits for a person (phase ${run.phase})`);
        const stuck = heldOnes(run, x).filter((p) => p.record !== null && p.record !== x.record);
        if (stuck.length > 0)
          refuse(
            `retry: ${stuck.map((p) => `${p.plan.name} has migration record ${p.record} in limbo`).join('; ')}: Nova may still be working on it. ` +
              `Look at it first, then name it: {"by":"${x.by}","instance":"${stuck[0]?.plan.name}","record":${stuck[0]?.record}}`,
          );
      },
    },
  );
  setHandler(
    verbs.skipUpdate,
    (x) => {
      const skipped = heldOnes(run, x);
      for (const p of skipped) p.held = `skipped by ${x.by}: ${p.held}`;
      for (const p of skipped) {
        const { id, name, projectId, userId, loses } = p.plan;
        run.accounts.set(id, {
          id,
          name,
          projectId,
          userId,
          outcome: 'failed',
          reason: p.held ?? '',
          host: null,
          at: nowIso(),
          loses,
        });
        run.pending.delete(id);
      }
      noteDecision(run, x.by, `skip ${skipped.map((p) => p.plan.name).join(', ')}`, x.reason);
      show(run);
      return `given up: ${skipped.map((p) => p.plan.name).join(', ')}`;
    },
    {
      description: DESCRIPTIONS.skipUpdate,
      validator: (x) => {
        checkInstance(run, 'skip', x);
        unlessOver(run, 'skip');
        if (heldOnes(run, x).length === 0) refuse(`skip: no instance waits for a person (phase ${run.phase})`);
      },
    },
  );
}

/** An update's answer is lost when the workflow closes before its handler has returned. */
export const answersGiven = (): Promise<void> => condition(allHandlersFinished);
