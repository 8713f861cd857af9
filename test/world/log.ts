// The world's own log: append only, in order, milliseconds since the world began. The audit reads nothing else.
import type { FullMail } from './mailbox.ts';

export type ServiceName = 'keystone' | 'nova' | 'placement' | 'glance' | 'bmc' | 'smtp';

export type LogEntry =
  | { kind: 'node'; node: string; serviceId: string; zone: string }
  | { kind: 'person'; user: string; address: string | null; projects: string[]; enabled: boolean }
  /** `startedAt` to `at`: while the world worked on it. `status` 0: the connection was cut, or the caller went. */
  | {
      kind: 'call';
      service: ServiceName;
      method: string;
      path: string;
      status: number;
      startedAt: number;
      by: string;
      node?: string;
      instance?: string;
      action?: string;
      body?: string;
      microversion?: string;
      fault?: string;
    }
  | { kind: 'power'; node: string; power: 'on' | 'off'; by: string }
  | { kind: 'os'; node: string; os: string }
  | { kind: 'agent'; node: string; alive: boolean }
  | { kind: 'network'; node: string; answers: boolean }
  /** What a BMC said of the power, and what was true. */
  | { kind: 'power-read'; node: string; said: string; truly: 'on' | 'off'; by: string }
  | { kind: 'power-command'; node: string; reset: string; status: number; truly: 'on' | 'off'; os: string; by: string }
  | { kind: 'service'; node: string; status: string; reason: string | null; forcedDown: boolean; by: string }
  | { kind: 'guest'; node: string; instance: string; runs: boolean; why: string }
  | {
      kind: 'instance';
      instance: string;
      name: string;
      project: string;
      what: string;
      host: string | null;
      vmState: string;
      taskState: string | null;
    }
  | { kind: 'lock'; instance: string; locked: boolean; reason: string | null; before: string | null; by: string }
  | { kind: 'live-migrate'; instance: string; source: string; by: string }
  | { kind: 'evacuate'; instance: string; source: string; record: number; by: string }
  | {
      kind: 'record';
      record: number;
      type: string;
      instance: string;
      status: string;
      source: string;
      dest: string | null;
    }
  | { kind: 'lost'; instance: string; why: string }
  | { kind: 'mail'; mail: Omit<FullMail, 'raw'> }
  | { kind: 'mail-refused'; to: string; why: string }
  | { kind: 'note'; what: string; node?: string; text?: string };

export type Entry = LogEntry & { seq: number; at: number };
export type EntryOf<K extends LogEntry['kind']> = Extract<Entry, { kind: K }>;

export class WorldLog {
  readonly entries: Entry[] = [];
  readonly #start = performance.now();
  readonly #listeners = new Set<(entry: Entry) => void>();

  /** Milliseconds since the world began, real time. */
  now(): number {
    return performance.now() - this.#start;
  }

  add(entry: LogEntry): Entry {
    const full: Entry = { ...entry, seq: this.entries.length, at: this.now() };
    this.entries.push(full);
    for (const listener of [...this.#listeners]) listener(full);
    return full;
  }

  of<K extends LogEntry['kind']>(kind: K): EntryOf<K>[] {
    return this.entries.filter((e): e is EntryOf<K> => e.kind === kind);
  }

  /** Answers a function that ends it. */
  on(listener: (entry: Entry) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
