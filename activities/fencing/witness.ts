// The node's own signs of life, beside what its power devices say: its row in Nova and its address on the network.
// What cannot be reached is unknown, never silence.
import { connectAny } from '../monitoring/connect.ts';
import { readMarker } from '../../workflows/contract.ts';
import type { OpenStack } from '../openstack/types.ts';
import type { Timings } from '../../workflows/defaults.ts';
import type { NodeView } from '../../workflows/domain.ts';
import { oneLine } from './options.ts';

export interface Sign {
  /** `none`: no port is configured, so nobody asked. A refused connection is an answer: a kernel said no. */
  tcp: 'answers' | 'silent' | 'unknown' | 'none';
  /** As Nova writes it: it moves with every report and with every change of the row. Undefined: the row could not be read. */
  updatedAt: string | null | undefined;
  /** The row belongs to another service than the run's: the node was registered anew. */
  anotherService: boolean;
  /** The run whose marker without an outcome the row carries; null: none does. Undefined: the row could not be read. */
  holder?: string | null | undefined;
  /** One line for a person. */
  saw: string;
}

export interface Subject {
  node: string;
  serviceId: string;
  hostIp: string | null;
}

/** One look: row and address side by side, within novaReadMs. Never rejects; reads only. */
export type Look = (signal: AbortSignal) => Promise<Sign>;

export function witnessOf(
  openstack: Pick<OpenStack, 'compute'>,
  tcpPorts: readonly number[],
  subject: Subject,
  timings: Pick<Timings, 'tcpTimeoutMs' | 'novaReadMs'>,
): Look {
  return async (signal) => {
    const [tcp, row] = await Promise.all([
      lookAtAddress(subject.hostIp, tcpPorts, timings.tcpTimeoutMs, signal),
      lookAtRow(openstack, subject, timings.novaReadMs, signal),
    ]);
    const { updatedAt, anotherService, holder } = row;
    return { tcp: tcp.kind, updatedAt, anotherService, holder, saw: `${tcp.saw}; ${row.saw}` };
  };
}

async function lookAtAddress(
  hostIp: string | null,
  ports: readonly number[],
  timeoutMs: number,
  signal: AbortSignal,
): Promise<{ kind: Sign['tcp']; saw: string }> {
  if (ports.length === 0) return { kind: 'none', saw: 'tcp not asked' };
  if (hostIp === null) return { kind: 'unknown', saw: 'Nova tells no host_ip' };
  const answer = await connectAny(hostIp, ports, timeoutMs, signal);
  return { kind: answer.kind === 'answered' ? 'answers' : answer.kind, saw: `${hostIp}: ${answer.saw}` };
}

type Row = Pick<Sign, 'updatedAt' | 'anotherService' | 'holder' | 'saw'>;

async function lookAtRow(
  openstack: Pick<OpenStack, 'compute'>,
  { node, serviceId }: Subject,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Row> {
  try {
    const row = await openstack.compute.service(node, { signal, timeoutMs });
    if (!row) return { updatedAt: undefined, anotherService: false, saw: `Nova has no service ${node}` };
    const anotherService = row.serviceId !== serviceId;
    const saw = anotherService ? `its service is ${row.serviceId} now` : `updated_at ${row.updatedAt ?? 'none'}`;
    return { updatedAt: row.updatedAt, anotherService, holder: holderOf(row), saw };
  } catch (error) {
    const why = oneLine(error instanceof Error ? error.message : String(error));
    return { updatedAt: undefined, anotherService: false, saw: `Nova's row unread (${why})` };
  }
}

/** Disabled and forced down by a run that has not written its outcome. */
function holderOf({ status, forcedDown, disabledReason }: NodeView): string | null {
  const mark = readMarker(disabledReason);
  return status === 'disabled' && forcedDown && mark?.outcome === null ? mark.run : null;
}

/**
 * For how long the node gave no sign of life, on one monotonic clock. A row that stands still between two reads stood still
 * in between; an address that nobody could reach proves nothing, and does not end a silence either.
 */
export class Silence {
  #updatedAt: string | null | undefined;
  #rowSince: number;
  #since: number;
  /** Moves of the row that were seen. */
  moves = 0;

  /** `updatedAt` and `silentMs`: what the evidence said, and how old its silence is. */
  constructor(now: number, updatedAt: string | null | undefined, silentMs: number) {
    this.#updatedAt = updatedAt;
    this.#rowSince = now - silentMs;
    this.#since = now - silentMs;
  }

  /** Takes a look in; answers whether it is a sign of life. */
  note(sign: Sign, now: number): boolean {
    const moved = sign.updatedAt !== undefined && this.#updatedAt !== undefined && sign.updatedAt !== this.#updatedAt;
    if (sign.updatedAt !== undefined) this.#updatedAt = sign.updatedAt;
    if (moved) {
      this.moves += 1;
      this.#rowSince = now;
    }
    const lives = moved || sign.tcp === 'answers';
    if (lives) this.#since = now;
    return lives;
  }

  /** Milliseconds since the row moved last. */
  rowMs(now: number): number {
    return now - this.#rowSince;
  }

  /** Milliseconds without any sign of life. */
  ms(now: number): number {
    return now - this.#since;
  }
}
