// What the guard makes of what it reads: pure, on one monotonic clock.
import type { GuardInput } from './contract.ts';
import type { PowerReading } from './driver.ts';
import type { GuardSight } from './run-line.ts';
import type { Sign } from './witness.ts';

/** What a guard leaves to the attempt after it, in ages: another machine has another clock. */
export interface GuardMemory {
  blind: boolean;
  /** For how long not all devices read off. */
  unseenMs: number;
  updatedAt: string | null;
  /** How long ago the row was first seen to move; null: it did not. */
  movedMs: number | null;
}

interface Seen {
  /** Reads of off in a row. */
  offs: number;
  offAt: number;
  detail: string;
}

/** After a blindness one read of off may be the last word of a device that is going away. */
const OFFS_AFTER_BLINDNESS = 2;

export class GuardMind {
  readonly #input: GuardInput;
  readonly #devices: Seen[];
  #blind: boolean;
  #updatedAt: string | null | undefined;
  #movedAt: number | null;
  #sign: Sign | null = null;
  #marked = false;

  constructor(input: GuardInput, devices: number, now: number, memory: GuardMemory | null) {
    this.#input = input;
    this.#blind = memory?.blind ?? false;
    const offAt = now - (memory?.unseenMs ?? 0);
    this.#devices = Array.from({ length: devices }, () => ({ offs: 0, offAt, detail: 'not read yet' }));
    this.#updatedAt = memory ? memory.updatedAt : input.updatedAt;
    this.#movedAt = memory?.movedMs == null ? null : now - memory.movedMs;
  }

  noteDevice(place: number, { power, detail }: PowerReading, now: number): void {
    const seen = this.#devices[place]!;
    seen.detail = detail;
    seen.offs = power === 'off' ? seen.offs + 1 : 0;
    if (power === 'off') seen.offAt = now;
  }

  /**
   * What makes the node alive; null: nothing. One TCP answer, or two moves of the row after our own last write, a report
   * interval apart: force_down hides a return from Nova's `state`, and a person's edit or a late report moves the row once.
   */
  noteSign(sign: Sign, now: number): string | null {
    this.#sign = sign;
    // A row that cannot be read is as it was read last.
    if (sign.updatedAt !== undefined) this.#marked = sign.holder === this.#input.runId;
    if (sign.tcp === 'answers') return sign.saw;
    if (sign.updatedAt === undefined || sign.anotherService) return null;
    const moved = this.#updatedAt !== undefined && sign.updatedAt !== this.#updatedAt;
    this.#updatedAt = sign.updatedAt;
    if (!moved) return null;
    if (this.#movedAt !== null && now - this.#movedAt >= this.#input.timings.reportIntervalMs)
      return `it reports to Nova again: ${sign.saw}`;
    this.#movedAt ??= now;
    return null;
  }

  /** What the run should know; null: not enough was read yet. */
  seeing(now: number): Pick<GuardSight, 'seeing' | 'saw'> | null {
    if (this.#devices.length === 0) return this.#witnessOnly();
    const offs = Math.min(...this.#devices.map((seen) => seen.offs));
    if (offs >= (this.#blind ? OFFS_AFTER_BLINDNESS : 1)) this.#blind = false;
    else if (this.#unseenMs(now) >= this.#input.timings.guardBlindMs) this.#blind = true;
    const saw = this.#devices.map(({ detail }) => detail).join('; ');
    if (this.#blind) return { seeing: 'blind', saw };
    return offs > 0 ? { seeing: 'off', saw } : null;
  }

  /** A person's or an assumed proof has no device to read: the node's silence is all there is, and it is never blind. */
  #witnessOnly(): Pick<GuardSight, 'seeing' | 'saw'> | null {
    const sign = this.#sign;
    if (!sign || sign.updatedAt === undefined || sign.anotherService || this.#movedAt !== null) return null;
    return { seeing: 'off', saw: `no sign of life (${sign.saw})` };
  }

  #unseenMs(now: number): number {
    return Math.max(0, ...this.#devices.map(({ offAt }) => now - offAt));
  }

  /** Not handed to the attempt after this one: nobody knows how long lay between. */
  get marked(): boolean {
    return this.#marked;
  }

  memory(now: number): GuardMemory {
    return {
      blind: this.#blind,
      unseenMs: this.#unseenMs(now),
      updatedAt: this.#updatedAt ?? null,
      movedMs: this.#movedAt === null ? null : now - this.#movedAt,
    };
  }
}
