// The evacuation role's activities, made from a cloud and a driver. What a worker registers on the queue `…-openstack`.
import type { OpenStack } from '../openstack/types.ts';
import { systemClock, type Clock } from './clock.ts';
import type { EvacuationActivities } from './contract.ts';
import type { DrainActivities } from './drain-contract.ts';
import { createDrain } from './drain.ts';
import type { Evacuator } from './driver.ts';
import { evacuate } from './evacuate.ts';
import { createFacts } from './facts.ts';
import { evacuateInstance } from './evacuate-instance.ts';
import { findRoom } from './find-room.ts';
import { lockAhead } from './lock-ahead.ts';
import { liveMigrate } from './live-migrate.ts';
import { liftLocks } from './locks.ts';
import { createMarks } from './marks.ts';
import { createWatches } from './migration-watch.ts';
import { createAsk, type Ask } from './permission.ts';
import { createReserve } from './reserve.ts';
import type { ReserveActivities } from './reserve-contract.ts';
import { createRooms } from './room.ts';
import { createRows } from './rows.ts';
import { createSnapshots } from './snapshot.ts';
import { surveyFleet } from './survey-fleet.ts';

export interface EvacuationOptions {
  openstack: OpenStack;
  /** Absent: Nova's own evacuation, the scheduler chooses the destination. */
  evacuator?: Evacuator;
  /** Absent: asks the run itself, through the worker's client. */
  ask?: Ask;
  clock?: Clock;
}

/** One set per worker process: its watches and its view of the room are shared by all instances. */
export function createEvacuationActivities(
  options: EvacuationOptions,
): EvacuationActivities & DrainActivities & ReserveActivities {
  const { openstack, ask = createAsk(), clock = systemClock } = options;
  const evacuator = options.evacuator ?? evacuate.create({ target: 'scheduler' }, { openstack });
  const rooms = createRooms(openstack, clock, evacuator);
  const shared = { rooms, rows: createRows(openstack, clock), watches: createWatches(openstack, clock) };
  const deps = { openstack, clock, ask, evacuator, ...shared };
  const facts = createFacts(openstack, clock);
  const snapshots = createSnapshots(openstack, clock, facts);
  return {
    ...snapshots,
    ...createMarks(openstack),
    ...createDrain(openstack, facts),
    ...createReserve(openstack),
    liveMigrate: (input) => liveMigrate({ openstack, clock, ask }, input),
    findRoom: (input) => findRoom(deps, input),
    surveyFleet: (input) => surveyFleet({ openstack, rooms, takeSnapshot: snapshots.takeSnapshot }, input),
    lockAhead: (input) => lockAhead(deps, input),
    evacuateInstance: (input) => evacuateInstance(deps, input),
    liftLocks: (input) => liftLocks(openstack, input),
    readyOpenstack: () => Promise.resolve(`evacuation worker, region ${openstack.region ?? 'of the default'}`),
  };
}
