// What the world has that the watch does not know yet. Level-triggered: compares with what the watch says it knows, keeps no
// edges of its own, so a finding that got lost is found again.
import { isDrained, isReturning, readMarker } from '../../workflows/contract.ts';
import type { NodeView, Verdict } from '../../workflows/domain.ts';
import { lives } from '../../workflows/policy.ts';
import type { Finding, SweepInput } from './contract.ts';
import { BLIND_AFTER } from './judge.ts';
import type { Memory } from './judge.ts';
import type { NodeLook, Sweep } from './sweep.ts';

export const keyOf = (f: Pick<Finding, 'kind' | 'node'>): string => `${f.kind}:${f.node}`;

type Known = Pick<SweepInput, 'known' | 'open' | 'policy'>;

export interface Found {
  findings: Finding[];
  /** Down and held by a person: a finding only where instances are on them, which is one more question to Nova each. */
  held: NodeView[];
}

/** All that one sweep shows beyond `known`. Nodes that are handled yield nothing; a sweep that is not whole yields only `blind`. */
export function findIn(sweep: Sweep, input: Known): Found {
  const known = new Set(input.known);
  const isNew = (f: Finding): boolean => !known.has(keyOf(f));
  const { sight, memory } = sweep;
  if (!sight.whole) {
    const blind: Finding = { kind: 'blind', node: '', why: sight.trouble };
    return { findings: memory.notWhole >= BLIND_AFTER && isNew(blind) ? [blind] : [], held: [] };
  }
  const handled = new Set(input.open.map((o) => o.node));
  const runs = new Set(input.open.map((o) => o.runId));
  // First what is over: a node may be cleared of one thing and found as another in the same sweep.
  const findings = clearedOf(sweep, input.known, handled);
  if (known.has('blind:')) findings.push({ kind: 'sighted', node: '' });
  const held: NodeView[] = [];
  for (const look of sweep.looks.values()) {
    if (handled.has(look.node.host)) continue;
    const mark = readMarker(look.node.disabledReason);
    if (mark && runs.has(mark.run)) continue;
    const failed =
      !mark || isReturning(look.node) || isDrained(look.node)
        ? failure(look, memory, input.policy.samples, held)
        : null;
    const found = failed ?? (mark ? marked(look.node, mark) : trouble(look, memory, input.policy.samples));
    if (found && isNew(found)) findings.push(found);
  }
  return { findings, held: held.filter((n) => !known.has(`notOurs:${n.host}`)) };
}

const marked = (view: NodeView, { run, outcome }: { run: string; outcome: string | null }): Finding =>
  outcome === null
    ? { kind: 'orphan', node: view.host, view, run }
    : { kind: 'settled', node: view.host, run, outcome };

/** Of a row without our marker, or of one that comes back. A person's disable or force_down is theirs to end: such a node is never reported as failed. */
function failure(look: NodeLook, memory: Memory, samples: number, held: NodeView[]): Finding | null {
  const { node, verdict, evidence } = look;
  const ages = memory.nodes.get(node.host)!;
  const isFailed = verdict === 'failed' && ages.failed >= samples;
  if (heldByPerson(node)) {
    if (isFailed || ages.down >= samples) held.push(node);
    return null;
  }
  if (!isFailed) return null;
  return {
    kind: 'failed',
    node: node.host,
    suspicion: { node, evidence, samples: ages.failed, silentMs: Math.round(ages.silentMs) },
  };
}

/** Of a node that nobody holds: who disabled it knows why. */
function trouble({ node, verdict, evidence }: NodeLook, memory: Memory, samples: number): Finding | null {
  const { degraded } = memory.nodes.get(node.host)!;
  if (verdict !== 'degraded' || degraded < samples || heldByPerson(node)) return null;
  return { kind: 'degraded', node: node.host, suspicion: { node, evidence, samples: degraded, silentMs: 0 } };
}

const heldByPerson = (row: NodeView): boolean => (row.status === 'disabled' || row.forcedDown) && !isReturning(row);

/** Is what the watch knows of this row over? Unknown ends nothing. */
const OVER: Readonly<Record<string, (look: NodeLook) => boolean>> = {
  failed: ({ node, verdict }) => lives(verdict) || heldByPerson(node),
  degraded: ({ node, verdict }) => verdict === 'alive' || heldByPerson(node),
  notOurs: ({ node, verdict }) => lives(verdict) || !heldByPerson(node) || readMarker(node.disabledReason) !== null,
  settled: ({ node }) => !readMarker(node.disabledReason)?.outcome,
};

/** Nodes of which something known is over: they live, are held or marked otherwise now, or are gone from a whole list. */
function clearedOf(sweep: Sweep, known: readonly string[], handled: ReadonlySet<string>): Finding[] {
  const cleared = new Map<string, Finding>();
  for (const key of known) {
    const [kind, node] = splitAt(key, key.indexOf(':'));
    const isOver = OVER[kind];
    if (!isOver || handled.has(node)) continue;
    const look = sweep.looks.get(node);
    if (!look || isOver(look)) cleared.set(node, { kind: 'cleared', node, verdict: seenOf(look) });
  }
  return [...cleared.values()];
}

/** Our own writes of the row move it too: what carries our mark is not called alive by that. */
const seenOf = (look: NodeLook | undefined): Verdict =>
  look && readMarker(look.node.disabledReason) === null ? look.verdict : 'unknown';

const splitAt = (text: string, at: number): [string, string] => [text.slice(0, at), text.slice(at + 1)];

export const notOurs = (row: NodeView, instances: number): Finding => ({
  kind: 'notOurs',
  node: row.host,
  reason: `${row.forcedDown ? 'forced down' : 'disabled'} by a person: ${row.disabledReason ?? 'no reason given'}`,
  instances,
});
