// The service row of a dead node, read right before each POST. The instances of a node share a read: their number must not be Nova's load.
import type { OpenStack } from '../openstack/types.ts';
import type { NodeView } from '../../workflows/domain.ts';
import { moment, type Clock, type Moment } from './clock.ts';

/** The node's row, or null: gone. `at`: when it was answered. */
export interface ServiceRow {
  value: NodeView | null;
  at: Moment;
}

export interface Rows {
  /** A row that Nova was asked for after this call, never before it. Rejects with the client's error. Reads only. */
  read(node: string, timeoutMs: number): Promise<ServiceRow>;
}

interface Reading {
  onItsWay: Promise<ServiceRow>;
  /** Asked for while it was on its way: one for all of them, sent when that one has ended. */
  next: Promise<ServiceRow> | null;
}

/** One read of a node at a time. One set per worker process. */
export function createRows(openstack: OpenStack, clock: Clock): Rows {
  const readings = new Map<string, Reading>();
  const send = (node: string, timeoutMs: number): Promise<ServiceRow> => {
    const onItsWay = openstack.compute
      .service(node, { timeoutMs })
      .then((value): ServiceRow => ({ value, at: moment(clock) }));
    const reading: Reading = { onItsWay, next: null };
    readings.set(node, reading);
    const ended = (): void => {
      if (readings.get(node) === reading && reading.next === null) readings.delete(node);
    };
    onItsWay.then(ended, ended);
    return onItsWay;
  };
  return {
    read(node, timeoutMs) {
      const reading = readings.get(node);
      if (!reading) return send(node, timeoutMs);
      const after = (): Promise<ServiceRow> => send(node, timeoutMs);
      return (reading.next ??= reading.onItsWay.then(after, after));
    },
  };
}
