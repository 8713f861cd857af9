// `lifeboat/conformance`: what every driver promises, as tests for node:test. docs/drivers/writing.md
export { contextOf as fencingContext, fencingConformance, PASSWORD } from './fencing.ts';
export type { FencingSubject, Machine } from './fencing.ts';
export type { Fault } from './fencing-faults.ts';
export { lookOf, monitoringConformance } from './monitoring.ts';
export type { MonitoringSubject, Situation } from './monitoring.ts';
export { contextOf as monitoringContext } from './monitoring-context.ts';
export { rowOf as aNode } from './monitoring-rows.ts';
export { evacuationConformance } from './evacuation.ts';
export type { EvacuationStage, EvacuationSubject } from './evacuation.ts';
export { channelConformance as notificationConformance } from './notification.ts';
export type { ChannelBench, Received } from './notification.ts';
export { aMessage } from './message.ts';
