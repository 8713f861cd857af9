// From a name that a person typed to the exact host of os-services. The workflow id is the lock on a node, so a guess is worse
// than a question: where more than one node could be meant, none is.
import type { NodeView } from '../../workflows/domain.ts';

export type Resolved = { found: NodeView } | { found: null; near: string[] };

const short = (name: string): string => name.toLowerCase().split('.')[0]!;

/** Exact, else the only one that is the same without case, else the only one with the same short name. */
export function resolveName(name: string, nodes: readonly NodeView[]): Resolved {
  const typed = name.trim();
  const tests = [
    (n: NodeView) => n.host === typed,
    (n: NodeView) => n.host.toLowerCase() === typed.toLowerCase(),
    // `compute-7` for `compute-7.example.org`, and the other way round; never one domain for another.
    (n: NodeView) => short(n.host) === short(typed) && !(n.host.includes('.') && typed.includes('.')),
  ];
  for (const test of tests) {
    const fitting = nodes.filter(test);
    if (fitting.length === 1) return { found: fitting[0]! };
    if (fitting.length > 1) return { found: null, near: fitting.map((n) => n.host).slice(0, 5) };
  }
  return { found: null, near: near(typed, nodes) };
}

function near(typed: string, nodes: readonly NodeView[]): string[] {
  const wanted = short(typed);
  const ranked = nodes.map((n) => ({ host: n.host, far: distance(short(n.host), wanted) }));
  const limit = Math.max(2, Math.floor(wanted.length / 3));
  return ranked
    .filter(({ host, far }) => far <= limit || (wanted !== '' && host.toLowerCase().includes(wanted)))
    .sort((a, b) => a.far - b.far || a.host.localeCompare(b.host))
    .slice(0, 5)
    .map((r) => r.host);
}

/** Levenshtein's, row by row. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(swap, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
