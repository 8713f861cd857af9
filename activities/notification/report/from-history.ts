// What the history of a run adds to its report: who asked, and each try on a level and on an instance.
import type { Client } from '@temporalio/client';
import type { ReportDocument } from './document.ts';
import { factsOf, type Facts } from './history.ts';

/** Who was told is not in it: addresses of tenants go into no mail and no folder. */
export function withFacts(document: ReportDocument, facts: Facts): ReportDocument {
  return {
    ...document,
    asked: askedOf(facts),
    lastSignAt: facts.lastSignAt ?? document.lastSignAt,
    fences: facts.fences,
    instances: document.instances.map((i) => ({ ...i, tries: facts.moves.get(i.id) ?? [] })),
  };
}

export function askedOf({ input }: Facts): ReportDocument['asked'] {
  if (!input) return null;
  const { by = 'the Temporal UI', reason = '', automatic = false, force = false } = input;
  return { by, reason, automatic, force };
}

/** Reads only. Where Temporal does not answer within `limitMs`, the document as it is: a mail waits for no history. */
export async function withHistory(
  client: () => Client,
  document: ReportDocument,
  limitMs: number,
): Promise<ReportDocument> {
  try {
    const { workflowId, runId } = document;
    const asked = client();
    const history = await asked.withDeadline(Date.now() + limitMs, () =>
      asked.workflow.getHandle(workflowId, runId).fetchHistory(),
    );
    return withFacts(document, factsOf(history));
  } catch {
    return document;
  }
}
