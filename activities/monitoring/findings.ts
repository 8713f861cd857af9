// What the world has that the watch does not know yet. Level-triggered: compares with what the watch says it knows, keeps no
// edges of its own, so a finding that got lost is found again.
import { readMarker } from '../../workflows/contract.ts';
import type { NodeView } from '../../workflows/domain.ts';
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
  const findings: Finding[] = known.has('blind:') ? [{ kind: 'sighted', node: '' }] : [];
  const held: NodeView[] = [];
  for (const look of sweep.looks.values()) {
    if (handled.has(look.node.host)) continue;
    const mark = readMarker(look.node.disabledReason);
    if (mark && runs.has(mark.run)) continue;
    const found = mark ? marked(look.node, mark) : failure(look, memory, input.policy.samples, held);
    if (found && isNew(found)) findings.push(found);
  }
  findings.push(...clearedOf(sweep, known, handled));
  return { findings, held: held.filter((n) => !known.has(`notOurs:${n.host}`)) };
}

const marked = (view: NodeView, { run, outcome }: { run: string; outcome: string | null }): Finding =>
  outcome === null
    ? { kind: 'orphan', node: view.host, view, run }
    : { kind: 'settled', node: view.host, run, outcome };

/** Of a row without our marker. A person's disable or force_down is theirs to end: such a node is never reported as failed. */
function failure(look: NodeLook, memory: Memory, samples: number, held: NodeView[]): Finding | null {
  const { node, verdict, evidence } = look;
  const ages = memory.nodes.get(node.host)!;
  const isFailed = verdict === 'failed' && ages.failed >= samples;
  if (node.status === 'disabled' || node.forcedDown) {
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

/** Known as failed, and alive now or gone from a whole list. Unknown clears nothing. */
function clearedOf(sweep: Sweep, known: ReadonlySet<string>, handled: ReadonlySet<string>): Finding[] {
  const failed = [...known].filter((k) => k.startsWith('failed:')).map((k) => k.slice('failed:'.length));
  return failed
    .filter((host) => !handled.has(host))
    .flatMap((node): Finding[] => {
      const look = sweep.looks.get(node);
      if (!look) return [{ kind: 'cleared', node, verdict: 'unknown' }];
      return look.verdict === 'alive' ? [{ kind: 'cleared', node, verdict: 'alive' }] : [];
    });
}

export const notOurs = (row: NodeView, instances: number): Finding => ({
  kind: 'notOurs',
  node: row.host,
  reason: `${row.forcedDown ? 'forced down' : 'disabled'} by a person: ${row.disabledReason ?? 'no reason given'}`,
  instances,
});
