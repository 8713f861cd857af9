// Every query, signal and update by name, and the sentence that the Temporal UI shows beside it. Updates take one JSON object.
import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { MaintainBy, OverrideBy } from './exceptions.ts';
import type { DrillFindings } from './drill/findings.ts';
import type { DrillBasis } from './drill/types.ts';
import type { Admission, AdmissionRequest, By, InstanceBy, RunState, WatchState } from './contract.ts';
import type { Policy } from './defaults.ts';
import type { DeviceReport } from './device-health.ts';
import type { RunOutcome } from './domain.ts';

export const admitUpdate = defineUpdate<Admission, [AdmissionRequest]>('admit');
export const pauseWatchUpdate = defineUpdate<string, [By]>('pause');
export const resumeWatchUpdate = defineUpdate<string, [By]>('resume');
export const maintainUpdate = defineUpdate<string, [MaintainBy]>('maintain');
export const endMaintenanceUpdate = defineUpdate<string, [By & { node: string }]>('endMaintenance');
export const overrideUpdate = defineUpdate<string, [OverrideBy]>('override');
export const watchStateQuery = defineQuery<WatchState>('state');
/** What a drill of the fleet is judged by: the policy in force, and what a gate would look at. */
export const drillBasisQuery = defineQuery<DrillBasis>('drillBasis');
export const stateQuery = defineQuery<RunState>('state');
export const approveUpdate = defineUpdate<string, [By]>('approve');
export const retryUpdate = defineUpdate<string, [InstanceBy]>('retry');
export const skipUpdate = defineUpdate<string, [InstanceBy]>('skip');
export const confirmFencedUpdate = defineUpdate<string, [By & { node: string }]>('confirmFenced');
export const abortUpdate = defineUpdate<string, [By]>('abort');
export const detachUpdate = defineUpdate<string, [By]>('detach');
export const pauseUpdate = defineUpdate<string, [By]>('pause');
export const resumeUpdate = defineUpdate<string, [By]>('resume');
/** From the watch: the width changed because the number of open runs did. */
export const widthSignal = defineSignal<[{ width: number; told?: number }]>('width');
/** To the watch: no more than the share of the word `told` is in flight now. */
export const widthKeptSignal = defineSignal<[{ node: string; runId: string; told: number }]>('widthKept');
/** From the watch: a place was given back; who waits for admission asks again at once. */
export const turnSignal = defineSignal('turn');
/** From the watch to a drain: its node is held for failed, and a recovery takes its place. */
export const makeWaySignal = defineSignal<[{ why: string }]>('makeWay');
/** From a recovery to the watch: which of these reserved nodes is mine? */
export const wantReserveSignal =
  defineSignal<[{ node: string; workflowId: string; runId: string; candidates: { host: string; reason: string }[] }]>(
    'wantReserve',
  );
/** The answer; null: none is free. */
export const reserveGivenSignal = defineSignal<[{ host: string; reason: string } | null]>('reserveGiven');
/** From a starter that joined: whom it was. */
export const joinedSignal = defineSignal<[By]>('joined');
/** From the watch: what a changed file means for this run. Looked at before the off and before each POST. */
export const policySignal = defineSignal<[{ mode: Policy['mode']; excluded: boolean; policyHash: string }]>('policy');
/** From a probe of the power devices: what it read, and what has changed. Null: they are not probed any more. */
export const devicesProbedSignal = defineSignal<[DeviceReport | null]>('devicesProbed');
/** From a drill on the schedule: what it found, for the next one. Null: there are no more. */
export const drilledSignal = defineSignal<[DrillFindings | null]>('drilled');
export const configureUpdate = defineUpdate<
  string,
  [{ policy: Policy; policyHash: string; configuredBy: string; searchAttributes: boolean }]
>('configure');
/** A run gives back its place; also tells of a stand-down. */
export const releaseSignal =
  defineSignal<
    [{ node: string; runId: string; outcome: RunOutcome; untouched: boolean; standDown: boolean; reason: string }]
  >('release');
/** Asked right before an off: paused, aborted, another epoch: no. Good for `permissionMs`. */
export const mayFenceQuery = defineQuery<{ ok: boolean; why: string }, [{ level: string }]>('mayFence');
/** Asked right before a POST. Good for `permissionMs`. */
/** `also`: further instances, answered in their order. */
export const mayPostQuery = defineQuery<
  { ok: boolean; why: string; also?: { ok: boolean; why: string }[] },
  [{ instance: string; also?: string[] }]
>('mayPost');
export const readmitStateQuery = defineQuery<{ node: string; doing: string }>('state');
/** From the guard: what it reads. `off` after the first read of each attempt and when it sees again after blindness. */
export const guardSawSignal =
  defineSignal<[{ epoch: number; seeing: 'off' | 'blind'; saw: string; readAt: string }]>('guardSaw');

/** What the Temporal UI shows beside each verb: what it does, and the JSON to paste. */
export const DESCRIPTIONS = {
  configureUpdate: 'Sent by a monitor worker at its start: the policy of its file.',
  admitUpdate: 'Asked by recoverNode before it acts: may this node be recovered now?',
  pauseWatchUpdate: 'Nothing new is fenced or evacuated anywhere until resume. {"by":"ann","reason":"…"}',
  resumeWatchUpdate: 'Ends a pause. {"by":"ann"}',
  maintainUpdate:
    'Leave a node alone: nothing fences it by itself until then. {"by":"ann","node":"compute-7","until":"4h","reason":"new memory"}',
  endMaintenanceUpdate: 'The node is watched like any other again. {"by":"ann","node":"compute-7"}',
  overrideUpdate:
    'You know that these many nodes are really dead: the limits on many failures do not hold until then (at most 24h). {"by":"ann","until":"1h","reason":"power feed B is off"}',
  watchStateQuery: 'The fleet, as the watch sees it.',
  drillBasisQuery: 'What a drill of the fleet is judged by.',
  stateQuery: 'All of this run, for people and scripts.',
  approveUpdate: 'Mode confirm: go on, fence and evacuate. {"by":"ann"}',
  retryUpdate:
    'Try again what waits for a person: the fence, or instances. {"by":"ann","instance":"web-1","record":42}; without instance: all',
  skipUpdate: 'Give up on an instance (it stays as it is and is reported as failed). {"by":"ann","instance":"web-1"}',
  confirmFencedUpdate:
    'You saw with your own eyes that the node is powered off. {"by":"ann","node":"compute-7","reason":"pulled the plug"}',
  abortUpdate: 'Nothing new begins; what runs is watched to its end and unlocked. {"by":"ann","reason":"…"}',
  detachUpdate:
    'The run lets go of the node, now: nothing more is done or watched, and it is yours. {"by":"ann","reason":"I rebuild it by hand"}',
  pauseUpdate: 'No new fence or evacuation until resume; what was sent before is named. {"by":"ann"}',
  resumeUpdate: 'Ends a pause. {"by":"ann"}',
} as const;
