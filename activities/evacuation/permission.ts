// Asks the run right before a POST whether it may still be sent: an attempt may have sat in a queue or in its horizon while
// the guard or a person said stop.
import { getClient } from '@temporalio/activity';
import type { Client } from '@temporalio/client';
import { mayPostQuery } from '../../workflows/verbs.ts';

export interface Question {
  workflowId: string;
  runId: string;
  instance: string;
  /** Which attempt asks: one that was given up (its machine slept) is told no. */
  activityId: string;
  attempt: number;
  timeoutMs: number;
}

interface Answer {
  ok: boolean;
  why: string;
}

/** Rejects when there is no answer in time, which means no. */
export type Ask = (question: Question) => Promise<Answer>;

interface Asking {
  question: Question;
  answer(given: Answer): void;
  fail(error: unknown): void;
}

/**
 * The query `mayPost`, and the server's word that this attempt is the current one. The server keeps one query of a run waiting and
 * refuses others meanwhile (history.maxBufferedQueryCount): so there is one at a time, and those that come while it is on its way are
 * asked together by the next one. An answer is never older than its question. `clientOf`: absent, the worker's own.
 */
export function createAsk(clientOf: () => Client = getClient): Ask {
  const runs = new Map<string, Asking[]>();
  return (question) =>
    new Promise((answer, fail) => {
      const { workflowId, runId } = question;
      const key = `${workflowId} ${runId}`;
      const asking = { question, answer, fail };
      const waiting = runs.get(key);
      if (waiting) return void waiting.push(asking);
      const [client, own] = [clientOf(), [asking]];
      runs.set(key, own);
      void askInTurn(client, own, () => runs.delete(key));
    });
}

/** Until nobody waits, and says so before anybody else can come. Never rejects: each is told for itself. */
async function askInTurn(client: Client, waiting: Asking[], over: () => void): Promise<void> {
  while (waiting.length > 0) {
    const together = waiting.splice(0);
    const told = askTogether(
      client,
      together.map((a) => a.question),
    );
    await told.then(
      (answers) => answers.forEach((answer, i) => together[i]?.answer(answer)),
      (error: unknown) => together.forEach((a) => a.fail(error)),
    );
  }
  over();
}

/** Of one run, in their order. */
async function askTogether(client: Client, questions: readonly Question[]): Promise<Answer[]> {
  const [first, ...others] = questions;
  if (!first) return [];
  const run = client.workflow.getHandle(first.workflowId, first.runId);
  const also = others.map((q) => q.instance);
  const deadline = Date.now() + Math.min(...questions.map((q) => q.timeoutMs));
  const [said, described] = await client.withDeadline(deadline, () =>
    Promise.all([
      run.query(mayPostQuery, { instance: first.instance, ...(also.length > 0 ? { also } : {}) }),
      run.describe(),
    ]),
  );
  const answers: Answer[] = [said, ...(said.also ?? [])];
  // A run whose code knows no list, in the middle of an upgrade: one by one.
  if (!said.also)
    for (const instance of also)
      answers.push(await client.withDeadline(deadline, () => run.query(mayPostQuery, { instance })));
  return questions.map((q, i): Answer => {
    const { ok, why } = answers[i] ?? { ok: false, why: 'the run did not answer it' };
    if (!ok) return { ok, why };
    const current = described.raw.pendingActivities?.find((p) => p.activityId === q.activityId);
    if (!current) return { ok: false, why: 'the run does not wait for this activity any more' };
    if (current.attempt !== q.attempt) return { ok: false, why: 'another attempt took over' };
    return { ok, why };
  });
}
