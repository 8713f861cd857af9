// What a recovery would do, read only: start-recovery --dry-run; and if the node had just died: drill. Nothing here writes, locks
// or sends.
import { workflowInfo } from '@temporalio/workflow';
import type { Notice, PreviewInput, RecoveryPreview } from './contract.ts';
import type { RoomResult } from '../activities/evacuation/contract.ts';
import type { Evidence, NodeView, Planned } from './domain.ts';
import { gateIfDead, unseen } from './drill/hypothesis.ts';
import { judgeGates, modeOf } from './policy.ts';
import { brief } from './proxies.ts';

export async function previewRecovery(input: PreviewInput): Promise<RecoveryPreview> {
  const { monitoring, fencing, openstack, notification } = brief(input.cloud);
  const resolved = await monitoring.resolveNode(input.node);
  if (!resolved.found) return nothingFound(input, resolved.near);
  const node = resolved.found;
  const { sight, looks } = await monitoring.lookAtFleet({
    policy: input.policy,
    unmoved: {},
    closely: [node.host],
    lastWholeCount: 0,
  });
  const look = looks[node.host] ?? { node, verdict: 'unknown' as const, evidence: [] };
  const gate = judgeGates({
    policy: input.policy,
    node: look.node,
    verdict: look.verdict,
    byHand: true,
    force: input.force,
    orphan: false,
    paused: null,
    stoodDown: null,
    sight,
    othersOpen: 0,
    grantsLastHour: 0,
    upMs: Infinity,
  });
  const [levels, power, { snapshot, needs }] = await Promise.all([
    fencing.fencingPlan(node.host),
    fencing.readPower(node.host),
    openstack.takeSnapshot({ node: node.host, serviceId: node.serviceId, policy: input.policy }),
  ]);
  const moves = snapshot.instances.filter((i) => i.decision !== 'keep');
  const waiting = moves.map((i) => ({ id: i.id, need: needs[i.id] ?? { vcpus: 0, ram: 0, disk: 0 } }));
  const room = await openstack.findRoom({
    node: node.host,
    waiting,
    posted: [],
    once: true,
    policy: input.policy,
    ...(input.ifDead ? { seats: true } : {}),
  });
  const told = await notification.findRecipients(noticeFor(input, node.host, snapshot.instances));
  return {
    node: node.host,
    found: true,
    near: [],
    evidence: look.evidence,
    row: rowOf(look.node),
    gate: input.ifDead
      ? gateIfDead(input.policy, look.node, sight, input.ifDead)
      : gate.kind === 'pass'
        ? 'pass'
        : `${gate.gate}: ${gate.why}`,
    mode: modeOf(input.policy, node.host),
    levels: levels.map((l) => ({ level: l.level, devices: l.devices.map((d) => d.label) })),
    power,
    instances: snapshot.instances.map(({ id, name, projectId, decision, reason, priority, loses }) => ({
      ...{ id, name, projectId, decision, reason, priority, loses },
      room: room.fits.includes(id),
    })),
    tells: told.recipients.map(({ name, address, audience }) => ({ name, address, audience })),
    unreachable: told.unreachable,
    ...(input.ifDead ? { drill: drillPart(input, look, sight.nodes, room) } : {}),
  };
}

function drillPart(
  { policy }: PreviewInput,
  { node, evidence }: { node: NodeView; evidence: Evidence[] },
  nodes: number,
  room: RoomResult,
): RecoveryPreview['drill'] {
  const { seats = {}, destinations = 0, why: roomWhy } = room;
  const up = node.state === 'up';
  return { unseen: unseen(policy, node.host, evidence), up, zone: node.zone, nodes, seats, destinations, roomWhy };
}

const rowOf = ({ status, forcedDown, disabledReason }: NodeView) => ({ status, forcedDown, disabledReason });

const nothingFound = (input: PreviewInput, near: string[]): RecoveryPreview => ({
  node: input.node,
  found: false,
  near,
  evidence: [],
  gate: 'unknown node',
  mode: input.policy.mode,
  levels: [],
  power: [],
  instances: [],
  tells: [],
  unreachable: [],
});

/** Only to find out who would be told; it is never delivered. */
function noticeFor(input: PreviewInput, node: string, instances: Planned[]): Notice {
  const { workflowId, runId } = workflowInfo();
  return {
    stage: 'started',
    audience: 'both',
    cloud: input.cloud,
    node,
    key: `${runId}.preview`,
    observedAt: new Date().toISOString(),
    since: null,
    headline: 'preview',
    lines: [],
    question: null,
    tellNodeNames: input.policy.tellNodeNames,
    instances: instances.map(({ id, name, projectId, userId, loses, reason }) => ({
      ...{ id, name, projectId, userId, loses, reason },
      outcome: 'moving' as const,
      host: null,
      at: null,
    })),
    report: null,
    run: { workflowId, runId },
  };
}
