// A crashed node that writes its memory dump says so by UDP (fence_kdump_send of the fence agents, started in the crash kernel): a
// reason to wait with the power-off, never a proof of anything. Anybody can send such a message: it delays a fence by `wait` at most.
import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { z } from 'zod';
import { systemClock, type Clock } from '../monitoring/clock.ts';
import { duration } from '../monitoring/duration.ts';

const ADDRESS = /^(?:\[([0-9a-f:.]+)\]|(\d{1,3}(?:\.\d{1,3}){3})):(\d{1,5})$/i;
const ip = z.union([z.ipv4(), z.ipv6()]).meta({ expected: 'an IP address', example: '10.0.0.7' });

/** Absent: nobody listens, and no fence waits. */
export const kdumpConfig = z.strictObject({
  /** The longest that a power-off waits for a dump, in all. */
  wait: duration('5m', 10_000),
  /** No message for so long: the dump has ended. fence_kdump_send says one each 10 s where nothing else is asked of it. */
  silence: duration('30s', 15_000).default(30_000),
  /** Every fencing worker listens here. */
  listen: z
    .string()
    .regex(ADDRESS)
    .default('0.0.0.0:7410')
    .meta({ expected: 'an IP address and a port', example: "'0.0.0.0:7410'" }),
  /** From where else than the host_ip that Nova tells a node's messages come. */
  addresses: z
    .record(z.string().min(1), z.array(ip).min(1))
    .default({})
    .meta({ expected: 'lists of IP addresses by node name', example: '{ compute-7: [10.1.0.7] }' }),
});
export type KdumpConfig = z.output<typeof kdumpConfig>;

export const scaleKdump = (given: KdumpConfig, factor: number): KdumpConfig => ({
  ...given,
  wait: given.wait * factor,
  silence: given.silence * factor,
});

const MAGIC = 0x1b302a40;
const VERSION = 1;

/** agents/kdump/message.h: two words of 32 bits, in the byte order of the machine that sends. */
export function saysDumping(message: Buffer): boolean {
  if (message.length !== 8) return false;
  const little = message.readUInt32LE(0) === MAGIC && message.readUInt32LE(4) === VERSION;
  return little || (message.readUInt32BE(0) === MAGIC && message.readUInt32BE(4) === VERSION);
}

/** Of a node: how long ago it was heard last (ms), and from which address. Null: not within `silence`. */
export type Heard = { agoMs: number; from: string } | null;

export interface Dumps {
  waitMs: number;
  silenceMs: number;
  heard(node: string, hostIp: string | null): Heard;
  /** Why nothing can be heard; null: it listens, or is about to. */
  trouble(): string | null;
  close(): void;
}

/** Addresses are anybody's to forge: so many are remembered at most. */
const REMEMBERED = 4_096;
const LISTEN_AGAIN_MS = 10_000;

/** One socket for all that listen on an address: a changed configuration takes it over, with what was heard. */
class Ear {
  static readonly #open = new Map<string, Ear>();
  readonly #listen: string;
  readonly #clock: Clock;
  /** When each address was heard last. */
  readonly #at = new Map<string, number>();
  #users = 0;
  #socket: Socket | null = null;
  #again: NodeJS.Timeout | null = null;
  trouble: string | null = null;

  static take(listen: string, clock: Clock): Ear {
    const ear = Ear.#open.get(listen) ?? new Ear(listen, clock);
    Ear.#open.set(listen, ear);
    if (ear.#users++ === 0) ear.#bind();
    return ear;
  }

  private constructor(listen: string, clock: Clock) {
    this.#listen = listen;
    this.#clock = clock;
  }

  /** Never throws: without an ear a fence does not wait, and that is all. */
  #bind(): void {
    const [, six, four, port] = ADDRESS.exec(this.#listen)!;
    const socket = createSocket(six === undefined ? 'udp4' : 'udp6');
    this.#socket = socket;
    socket.on('message', (message, { address }) => {
      if (saysDumping(message)) this.#note(plain(address));
    });
    socket.on('listening', () => (this.trouble = null));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.trouble = `cannot listen for memory dumps on ${this.#listen}: ${error.code ?? error.message}`;
      socket.close();
      this.#socket = null;
      if (this.#users > 0) this.#again = setTimeout(() => this.#bind(), LISTEN_AGAIN_MS).unref();
    });
    socket.bind(Number(port), six ?? four);
    socket.unref();
  }

  #note(address: string): void {
    this.#at.delete(address);
    this.#at.set(address, this.#clock.now());
    const oldest = this.#at.keys().next().value;
    if (this.#at.size > REMEMBERED && oldest !== undefined) this.#at.delete(oldest);
  }

  /** Milliseconds since; null: never. */
  agoMs(address: string): number | null {
    const at = this.#at.get(plain(address));
    return at === undefined ? null : this.#clock.now() - at;
  }

  drop(): void {
    if (--this.#users > 0) return;
    Ear.#open.delete(this.#listen);
    if (this.#again) clearTimeout(this.#again);
    this.#socket?.close();
    this.#socket = null;
  }
}

/** `::ffff:10.0.0.7` is 10.0.0.7 on a socket for both families; a zone is no part of the address. */
const plain = (address: string): string => {
  const bare = address
    .toLowerCase()
    .replace(/%.*$/, '')
    .replace(/^::ffff:(?=\d+\.)/, '');
  return isIPv6(bare) ? new URL(`http://[${bare}]`).hostname : bare;
};

/** Listens until `close`. */
export function listenForDumps(given: KdumpConfig, clock: Clock = systemClock): Dumps {
  const ear = Ear.take(given.listen, clock);
  let open = true;
  return {
    waitMs: given.wait,
    silenceMs: given.silence,
    heard(node, hostIp) {
      const all = [hostIp, ...(given.addresses[node] ?? [])]
        .filter((from) => from !== null)
        .flatMap((from) => {
          const agoMs = ear.agoMs(from);
          return agoMs !== null && agoMs < given.silence ? [{ agoMs, from }] : [];
        });
      return all.sort((a, b) => a.agoMs - b.agoMs)[0] ?? null;
    },
    trouble: () => ear.trouble,
    close() {
      if (open) ear.drop();
      open = false;
    },
  };
}
