// `lifeboat/driver`: the types that a driver outside this repository is written against. Types only: a driver needs nothing of
// Lifeboat at run time. docs/drivers/writing.md
export type {
  AnySecretSource,
  CommandResult,
  FenceDevice,
  FencingContext,
  FencingDriver,
  PowerReading,
  SecretSource,
} from '../activities/fencing/driver.ts';
export type {
  ChannelCheck,
  Look,
  MonitoringChannel,
  MonitoringContext,
  MonitoringDriver,
  PowerReader,
  PowerSight,
} from '../activities/monitoring/driver.ts';
export type { EvacuationContext, EvacuationDriver, Evacuator } from '../activities/evacuation/driver.ts';
export type {
  Message,
  NotificationChannel,
  NotificationContext,
  NotificationDriver,
  Preview,
} from '../activities/notification/driver.ts';
export type { Brief } from '../activities/notification/brief.ts';
export type { CallOptions, OpenStack } from '../activities/openstack/types.ts';
export type { Stage } from '../workflows/contract.ts';
export type { Timings } from '../workflows/defaults.ts';
export type { DeviceFault, Evidence, InstanceView, NodeView, PowerState, Verdict } from '../workflows/domain.ts';
