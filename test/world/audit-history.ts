// The log, by what the rules ask of it: who was where, what was on, what had been read, at any moment.
import type { Entry, EntryOf, LogEntry } from './log.ts';

type Kind = LogEntry['kind'];
const SETTLED = ['done', 'completed', 'failed', 'error', 'cancelled'];

export interface Proof {
  /** When it was complete. */
  at: number;
  kind: 'power' | 'operator';
  /** The last read (or word) before the moment asked about. */
  lastAt: number;
}

export class History {
  readonly entries: readonly Entry[];
  readonly user: string;
  readonly endedAt: number;
  readonly #byKind = new Map<Kind, Entry[]>();

  constructor(entries: readonly Entry[], user: string) {
    this.entries = entries;
    this.user = user;
    this.endedAt = entries[entries.length - 1]?.at ?? 0;
    for (const entry of entries) {
      const list = this.#byKind.get(entry.kind) ?? [];
      list.push(entry);
      this.#byKind.set(entry.kind, list);
    }
  }

  of<K extends Kind>(kind: K): EntryOf<K>[] {
    return (this.#byKind.get(kind) ?? []) as EntryOf<K>[];
  }

  /** Calls that change something in the cloud, by the judged user. */
  mutations(): EntryOf<'call'>[] {
    return this.of('call').filter(
      (c) =>
        c.by === this.user && c.method !== 'GET' && c.method !== 'HEAD' && ['nova', 'placement'].includes(c.service),
    );
  }

  /** POSTs of evacuate, also those that were refused: they were requested. */
  posts(): EntryOf<'call'>[] {
    return this.mutations().filter((c) => c.action === 'evacuate' || /"evacuate"/.test(c.body ?? ''));
  }

  last<K extends Kind>(kind: K, t: number, is: (entry: EntryOf<K>) => boolean): EntryOf<K> | undefined {
    return this.of(kind).findLast((e) => e.at <= t && is(e));
  }

  power(node: string, t: number): 'on' | 'off' {
    return this.last('power', t, (e) => e.node === node)?.power ?? 'on';
  }

  os(node: string, t: number): string {
    return this.last('os', t, (e) => e.node === node)?.os ?? 'up';
  }

  service(node: string, t: number): EntryOf<'service'> | undefined {
    return this.last('service', t, (e) => e.node === node);
  }

  instance(id: string, t: number): EntryOf<'instance'> | undefined {
    return this.last('instance', t, (e) => e.instance === id);
  }

  host(id: string, t: number): string | null {
    return this.instance(id, t)?.host ?? null;
  }

  nameOf(id: string): string {
    return this.of('instance').find((e) => e.instance === id)?.name ?? id;
  }

  /** Instances that Nova had on the node at that moment. */
  onNode(node: string, t: number): string[] {
    const ids = new Set(this.of('instance').map((e) => e.instance));
    return [...ids].filter((id) => {
      const then = this.instance(id, t);
      return then?.host === node && then.vmState !== 'deleted';
    });
  }

  /**
   * What proves at `t` that the node is off: two reads of off at least `holdMs` apart with no other answer between and
   * after, since it was last switched on; or a person's word since then.
   */
  proof(node: string, t: number, holdMs: number): Proof | null {
    const since = this.last('power', t, (e) => e.node === node && e.power === 'on')?.at ?? -1;
    const word = this.last('note', t, (e) => e.node === node && PROOF_NOTES.includes(e.what) && e.at > since);
    const reads = this.of('power-read').filter((e) => e.node === node && e.at > since && e.at <= t);
    const lastOther = reads.findLast((e) => e.said !== 'Off')?.at ?? -1;
    const offs = reads.filter((e) => e.at > lastOther);
    const first = offs[0];
    const second = offs.find((e) => first && e.at - first.at >= holdMs);
    if (second) return { at: second.at, kind: 'power', lastAt: offs[offs.length - 1]!.at };
    return word ? { at: word.at, kind: 'operator', lastAt: word.at } : null;
  }

  /** From when this node has been ours: the first fence command or mark by the user, at or before `t`. */
  oursSince(node: string, t = Infinity): number | null {
    const command = this.of('power-command').find((e) => e.node === node && e.at <= t && e.reset !== 'On')?.at;
    const mark = this.of('service').find((e) => e.node === node && e.at <= t && e.by === this.user && e.forcedDown)?.at;
    const all = [command, mark].filter((x): x is number => x !== undefined);
    return all.length === 0 ? null : Math.min(...all);
  }

  /** Every fence command and mark of this node by the user, at or before `t`: a node may fail, be readmitted, and fail again. */
  oursAt(node: string, t: number): number[] {
    const commands = this.of('power-command').filter((e) => e.node === node && e.at <= t && e.reset !== 'On');
    const marks = this.of('service').filter((e) => e.node === node && e.at <= t && e.by === this.user && e.forcedDown);
    return [...commands, ...marks].map((e) => e.at).sort((a, b) => a - b);
  }

  nodes(): string[] {
    return this.of('node').map((e) => e.node);
  }

  /** When the evacuation record was over, or null. */
  settledAt(record: number): number | null {
    return this.of('record').find((e) => e.record === record && SETTLED.includes(e.status))?.at ?? null;
  }

  recordStatus(record: number, t: number): string | null {
    return this.last('record', t, (e) => e.record === record)?.status ?? null;
  }

  destination(record: number): string | null {
    return this.of('record').findLast((e) => e.record === record && e.dest !== null)?.dest ?? null;
  }
}

/** Notes that a test writes where a proof is not a power reading. */
export const PROOF_NOTES = ['operator-confirmed', 'assumed-off'];
