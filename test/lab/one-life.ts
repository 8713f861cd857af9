// The lab's own truth on who runs where: read all the time, so that a guest on two nodes is seen however short it lasts.
import { readFileSync } from 'node:fs';
import { forNode, type LabSettings } from './settings.ts';

export interface OneLife {
  /** What runs on the node by the lab's own file. */
  guests(node: string): string[];
  /** Throws when an instance was ever seen on two nodes; answers how often it looked. */
  end(): number;
}

const EVERY_MS = 50;

export function watchOneLife(lab: LabSettings, nodes: string[]): OneLife {
  const doubles = new Map<string, string>();
  let looks = 0;
  const last = new Map<string, string[]>();
  const timer = setInterval(look, EVERY_MS).unref();

  function look(): void {
    const seen = new Map<string, string>();
    for (const node of nodes) {
      const now = read(lab, node);
      if (now) last.set(node, now);
      for (const id of now ?? []) {
        const other = seen.get(id);
        if (other) doubles.set(id, `${id} ran on ${other} and ${node} at ${new Date().toISOString()}`);
        seen.set(id, node);
      }
    }
    looks += 1;
  }

  return {
    guests(node) {
      look();
      return nodes.includes(node) ? (last.get(node) ?? []) : (read(lab, node) ?? []);
    },
    end() {
      clearInterval(timer);
      if (doubles.size > 0) throw new Error(`instances ran on two nodes: ${[...doubles.values()].join('; ')}`);
      return looks;
    },
  };
}

/** Null: just being written. A node without a file runs nothing. */
function read(lab: LabSettings, node: string): string[] | null {
  let text: string;
  try {
    text = readFileSync(forNode(lab.guests, node), 'utf8');
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return [];
    throw error;
  }
  try {
    return Object.keys(JSON.parse(text) as object);
  } catch {
    return null;
  }
}
