// Does what a tale says: to the data centre, or as a person who speaks to Lifeboat. A verb that is refused is no fault of anybody.
import type { WorkflowHandle } from '@temporalio/client';
import { ROLES } from '../../workflows/contract.ts';
import * as verbs from '../../workflows/verbs.ts';
import type { FaultEffect } from '../world/faults.ts';
import type { Story } from '../stories/harness.ts';
import type { Breakage, Deed } from './tale.ts';

export const ANN = { by: 'ann' };

/** Why it was refused, or `done`. */
export type Answer = string;

const escaped = (text: string): RegExp => new RegExp(text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));

function effectOf({ effect, arg = 0 }: Breakage): FaultEffect {
  if (effect === 'status') return { do: 'status', status: arg };
  if (effect === 'delay' || effect === 'slow-answer' || effect === 'drop-then-effect') return { do: effect, ms: arg };
  return { do: effect } as FaultEffect;
}

type Hand = (s: Story, deed: Deed & { node: string; instance: string }) => unknown;

const NODES: Partial<Record<Deed['do'], Hand>> = {
  powerLoss: ({ world }, d) => world.powerLoss(d.node, { withBmc: 'withBmc' in d && d.withBmc }),
  crash: ({ world }, { node }) => world.crash(node),
  hang: ({ world }, { node }) => world.hang(node),
  thaw: ({ world }, { node }) => world.thaw(node),
  agentDown: ({ world }, { node }) => world.agentDown(node),
  agentUp: ({ world }, { node }) => world.agentUp(node),
  powerOn: (s, { node }) => {
    // After a person's word there is nobody who reads the power: whoever switches it on then breaks it.
    if (!wasConfirmed(s, node)) return s.world.powerOn(node);
  },
  isolate: async ({ world }, { node }) => {
    await world.cut(node, 'network');
    await world.cut(node, 'bus');
  },
  mend: async ({ world }, { node }) => {
    await world.mend(node, 'network');
    if (!world.centre.brokerDown) await world.mend(node, 'bus');
  },
  bmc: ({ world }, d) => world.bmc(d.node, 'faults' in d ? d.faults : null),
  bmcDead: ({ world }, { node }) => world.bmcDead(node),
  bmcBack: ({ world }, { node }) => world.bmcBack(node),
  failSpawn: ({ world }, d) => world.failSpawn(d.node, 'how' in d ? d.how : null),
  slowSpawn: ({ world }, d) => world.spawnDelay(d.node, 'ms' in d ? d.ms : 0),
};

const CLOUD: Partial<Record<Deed['do'], Hand>> = {
  brokerDown: ({ world }) => world.brokerDown(),
  brokerUp: ({ world }) => world.brokerUp(),
  cellDown: ({ world }) => world.cellDown(world.centre.nodes.values().next().value!.cell),
  cellUp: ({ world }) => world.cellUp(world.centre.nodes.values().next().value!.cell),
  mailDown: ({ world }) => world.mailbox.down(),
  mailUp: ({ world }) => world.mailbox.up(),
  takeover: async (s) => {
    await s.addWorkers([...ROLES]);
    void s.workers.shutdown();
  },
  delete: ({ world }, { instance }) => world.deleteInstance(instance),
  loseCast: ({ world }, { instance }) => world.loseCast(instance),
  break: ({ world }, d) => {
    if (!('calls' in d)) return;
    const { service, method, path, body, times } = d.calls;
    world.fault(
      {
        service,
        times,
        ...(method && { method }),
        ...(path && { path: escaped(path) }),
        ...(body && { body: escaped(body) }),
      },
      effectOf(d.calls),
    );
  },
};

const said =
  (ask: (run: WorkflowHandle, s: Story, node: string) => Promise<unknown>): Hand =>
  (s, { node }) =>
    ask(s.run(node), s, node);

const PEOPLE: Partial<Record<Deed['do'], Hand>> = {
  pauseWatch: (s) => s.watchHandle().executeUpdate(verbs.pauseWatchUpdate, { args: [ANN] }),
  resumeWatch: (s) => s.watchHandle().executeUpdate(verbs.resumeWatchUpdate, { args: [ANN] }),
  maintain: (s, { node }) =>
    s.watchHandle().executeUpdate(verbs.maintainUpdate, { args: [{ ...ANN, node, until: '1h' }] }),
  endMaintenance: (s, { node }) =>
    s.watchHandle().executeUpdate(verbs.endMaintenanceUpdate, { args: [{ ...ANN, node }] }),
  start: (s, { node }) => s.start(node),
  pause: said((run) => run.executeUpdate(verbs.pauseUpdate, { args: [ANN] })),
  resume: said((run) => run.executeUpdate(verbs.resumeUpdate, { args: [ANN] })),
  abort: said((run) => run.executeUpdate(verbs.abortUpdate, { args: [ANN] })),
  cancel: said((run) => run.cancel()),
  approve: said((run) => run.executeUpdate(verbs.approveUpdate, { args: [ANN] })),
  retry: said((run) => run.executeUpdate(verbs.retryUpdate, { args: [ANN] })),
  skip: said((run) => run.executeUpdate(verbs.skipUpdate, { args: [ANN] })),
  confirmFenced: said(confirmOff),
};

const wasConfirmed = ({ world }: Story, node: string): boolean =>
  world.log.of('note').some((n) => n.what === 'operator-confirmed' && n.node === node);

/** Only a person who sees that it is off says so; and the log is told before Lifeboat hears it. */
export async function confirmOff(run: WorkflowHandle, { world }: Story, node: string): Promise<unknown> {
  if (world.truth().nodes[node]?.power !== 'off') return 'it is on';
  world.note('operator-confirmed', node);
  return run.executeUpdate(verbs.confirmFencedUpdate, { args: [{ ...ANN, node, reason: 'saw it' }] });
}

/** Verbs are said beside the tale: an answer may take as long as what runs. */
const WAITS_FOR_NOBODY = new Set<string>(Object.keys(PEOPLE));

export async function perform(s: Story, deed: Deed): Promise<Answer> {
  const hand = NODES[deed.do] ?? CLOUD[deed.do] ?? PEOPLE[deed.do];
  if (!hand) throw new Error(`perform ${deed.do}: nobody knows how`);
  const work = async (): Promise<Answer> => {
    try {
      await hand(s, deed as Parameters<Hand>[1]);
      return 'done';
    } catch (e) {
      const cause = (e as Error).cause;
      return `refused: ${cause instanceof Error ? cause.message : (e as Error).message}`;
    }
  };
  if (!WAITS_FOR_NOBODY.has(deed.do)) return work();
  void work();
  return 'said';
}

/** Faults end some day: from here on the data centre works again. What is dead stays dead. */
export async function heal(s: Story): Promise<void> {
  const { world } = s;
  world.centre.faults.clear();
  world.brokerUp();
  for (const cell of [...world.centre.downCells]) world.cellUp(cell);
  for (const { name } of world.nodes) {
    world.bmc(name, null);
    world.failSpawn(name, null);
    world.spawnDelay(name, 0);
    world.capacity(name, { vcpus: 64 });
    await world.bmcBack(name);
    await world.mend(name, 'network');
    await world.mend(name, 'bus');
    world.agentUp(name);
  }
  await world.mailbox.up();
}
