// A person who comes back when everything works again, and answers what is asked until nothing is open any more.
import type { WorkflowHandle } from '@temporalio/client';
import type { RunState, WatchState } from '../../workflows/contract.ts';
import * as verbs from '../../workflows/verbs.ts';
import type { RunHandle, Story } from '../stories/harness.ts';
import { ANN } from './deeds.ts';

/** A node of which everybody agrees that nothing runs there. */
export function deadNodes({ world }: Story): string[] {
  return Object.entries(world.truth().nodes).flatMap(([name, n]) => (n.power === 'off' || n.os !== 'up' ? [name] : []));
}

/** Dead, and not yet accounted for: its row does not carry an outcome of a recovery. */
export function unhandled(s: Story): string[] {
  const { nodes } = s.world.truth();
  return deadNodes(s).filter((name) => !/^lifeboat:[^:]+:[A-Za-z]+/.test(nodes[name]?.reason ?? ''));
}

const refused = (): undefined => undefined;

/** Nobody asks a person twice within this time (real ms). */
const PATIENCE_MS = 700;

export class Operator {
  readonly #s: Story;
  /** What was said last to whom, and when. */
  readonly #said = new Map<string, number>();
  readonly #retried = new Map<string, number>();
  /** Runs in which an instance was given up. */
  readonly gaveUp = new Set<string>();

  constructor(s: Story) {
    this.#s = s;
  }

  /** Looks once at everything that is open. True: nothing is, and every dead node is accounted for. */
  async round(): Promise<boolean> {
    const watch = await this.#s.watch();
    await this.#tidyWatch(watch);
    let open = 0;
    for (const { name } of this.#s.world.nodes) {
      // Not asked of the server where the watch knows of none and its row carries no open marker.
      if (!watch.open.some((o) => o.node === name) && !this.#mayBeOpen(name)) continue;
      const run = await this.#openRun(name);
      if (!run) continue;
      open += 1;
      const state = await run.query(verbs.stateQuery).catch(refused);
      if (state) await this.#answer(run, name, state);
    }
    if (open > 0) return false;
    const left = unhandled(this.#s);
    for (const node of left)
      if (watch.standDowns.includes(node)) await this.#once(`start ${node}`, () => this.#s.start(node));
    return left.length === 0;
  }

  /** What a person put aside is taken up again; and many dead nodes are said to be really dead. */
  async #tidyWatch(watch: WatchState): Promise<void> {
    const handle = this.#s.watchHandle();
    if (watch.paused) await handle.executeUpdate(verbs.resumeWatchUpdate, { args: [ANN] });
    for (const node of Object.keys(watch.maintenance))
      await handle.executeUpdate(verbs.endMaintenanceUpdate, { args: [{ ...ANN, node }] });
    const held = Object.values(watch.held);
    if (watch.override || !held.some((why) => /^(share|perHour|coolDown|flapping|cliff|domain|allStale)/.test(why)))
      return;
    await this.#once('override', () =>
      handle.executeUpdate(verbs.overrideUpdate, {
        args: [{ ...ANN, until: '1h', reason: 'I looked: they are dead' }],
      }),
    );
  }

  #mayBeOpen(node: string): boolean {
    const row = this.#s.world.truth().nodes[node];
    return row?.os !== 'up' || row.power === 'off' || row.disabled;
  }

  async #openRun(node: string): Promise<RunHandle | null> {
    const run = this.#s.run(node);
    const found = await run.describe().catch(() => null);
    return found?.status.name === 'RUNNING' ? run : null;
  }

  async #once(key: string, say: () => Promise<unknown>): Promise<void> {
    const last = this.#said.get(key) ?? -Infinity;
    if (performance.now() - last < PATIENCE_MS) return;
    this.#said.set(key, performance.now());
    // Something else may have happened meanwhile: it is looked at again.
    await say().catch(refused);
  }

  async #answer(run: RunHandle, node: string, state: RunState): Promise<void> {
    const at = (verb: string): string => `${verb} ${node}`;
    if (state.paused) return this.#once(at('resume'), () => run.executeUpdate(verbs.resumeUpdate, { args: [ANN] }));
    const q = state.question;
    if (!q) {
      // It waits for the watch: a place, or its turn. It asks again by itself.
      return;
    }
    if (q.answers.some((a) => a.verb === 'approve'))
      return this.#once(at('approve'), () => run.executeUpdate(verbs.approveUpdate, { args: [ANN] }));
    if (/need a decision/.test(q.what)) return this.#instances(run, node, state);
    return this.#once(at('retry'), () => run.executeUpdate(verbs.retryUpdate, { args: [ANN] }));
  }

  /** Tried once more where Nova is certainly not working on it, with its record named; given up the second time. */
  async #instances(run: WorkflowHandle, node: string, state: RunState): Promise<void> {
    const { world } = this.#s;
    for (const i of state.instances.filter((x) => x.outcome === 'pending' && x.reason !== '')) {
      const tries = this.#retried.get(i.id) ?? 0;
      const record = Number(/record (\d+)/.exec(i.reason)?.[1] ?? NaN);
      const known = world.truth().records.find((r) => r.id === record && r.type === 'evacuation');
      // `accepted` after everything works again: the message was lost. On its way it may still arrive.
      const limbo = known !== undefined && known.status === 'accepted';
      await this.#once(`instance ${i.id}`, async () => {
        if (tries >= 2 || (known && !limbo && known.status === 'pre-migrating')) {
          this.gaveUp.add(node);
          return run.executeUpdate(verbs.skipUpdate, { args: [{ ...ANN, instance: i.id }] });
        }
        this.#retried.set(i.id, tries + 1);
        if (limbo) world.note('operator-retry', undefined, i.id);
        const named = Number.isFinite(record) ? { record } : {};
        return run.executeUpdate(verbs.retryUpdate, { args: [{ ...ANN, instance: i.id, ...named }] });
      });
    }
  }
}
