// Every workflow that a worker registers.
export { drainNode } from './drain-node.ts';
export { drillFleet } from './drill-fleet.ts';
export { drillRound } from './drill-round.ts';
export { previewRecovery } from './preview-recovery.ts';
export { probeDevices } from './probe-devices.ts';
export { readmitNode } from './readmit-node.ts';
export { recoverNode } from './recover-node.ts';
export { tellPeople } from './tell-people.ts';
export { watchFleet } from './watch-fleet.ts';
