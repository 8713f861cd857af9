// One stuck BMC delays nobody else: twenty nodes are fenced at once through the real drivers, by turns with all devices well and with one
// that hangs. Each of the nineteen others is compared with itself.
import { MockActivityEnvironment } from '@temporalio/testing';
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createFencingActivities } from '../../../activities/fencing/activities.ts';
import type { FenceInput, FenceResult } from '../../../activities/fencing/contract.ts';
import { createFencing, fencingConfig } from '../../../activities/fencing/levels.ts';
import type { Compute } from '../../../activities/openstack/types.ts';
import { DEFAULT_TIMINGS, scaleTimings } from '../../../workflows/defaults.ts';
import type { NodeView } from '../../../workflows/domain.ts';
import { LOOPBACK_CERT } from '../notification/loopback-cert.ts';
import { PASSWORD } from './conformance.ts';
import { programMachine } from './program-machine.ts';
import { redfishBmc, SYSTEM } from './redfish-bmc.ts';

const NODES = Array.from({ length: 20 }, (_, i) => `compute-${i + 1}`);
const [HUNG = '', ...OTHERS] = NODES;
/** By turns, so that a busy machine burdens both; each node's best time is what it can do. */
const TURNS = 3;
/** The holds are short; a reading may take as long as ever, so that what hangs does so for longer than the others need. */
const { powerStatusMs, powerOffMs, novaReadMs } = DEFAULT_TIMINGS;
const timings = { ...scaleTimings(DEFAULT_TIMINGS, 0.2), powerStatusMs, powerOffMs, novaReadMs };

interface Machine {
  options: Record<string, unknown>;
  set(change: { power: 'on'; fault: string | null }): Promise<void>;
  stop(): Promise<void>;
}

async function redfish(ca: string): Promise<Machine> {
  const bmc = await redfishBmc('admin', PASSWORD);
  return {
    options: { url: bmc.url, system: SYSTEM, user: 'admin', password: { file: '/secrets/bmc' }, tls: { caFile: ca } },
    set: (change) => Promise.resolve(void Object.assign(bmc.state, change)),
    stop: () => bmc.close(),
  };
}

async function program(outlet: number): Promise<Machine> {
  const machine = await programMachine('outlet', (_identity, path) => ({
    program: path,
    status: { args: ['status', `${outlet}`], exit: { on: 0, off: 3 } },
    off: { args: ['off', `${outlet}`] },
    on: { args: ['on', `${outlet}`] },
  }));
  return {
    options: machine.options() as Record<string, unknown>,
    set: (change) => machine.set(change as Parameters<typeof machine.set>[0]),
    stop: machine.stop,
  };
}

const row = (host: string): NodeView => ({
  ...{ host, serviceId: host, zone: 'nova', status: 'enabled', state: 'down', forcedDown: false },
  ...{ disabledReason: null, updatedAt: 'T0', hostIp: null },
});

async function fenceAllOf(driver: string, machines: Map<string, Machine>) {
  const perNode = Object.fromEntries([...machines].map(([node, { options }]) => [node, options]));
  const devices = [{ driver, nodes: NODES, perNode }];
  const config = fencingConfig.parse({ levels: [{ name: 'bmc', devices }] });
  const fencing = await createFencing(config, { timings, secret: () => Promise.resolve(PASSWORD) });
  const compute = { service: (host: string) => Promise.resolve(row(host)) } as unknown as Compute;
  const { fenceLevel } = createFencingActivities({
    ...{ fencing, openstack: { compute }, tcpPorts: [], timings },
    runs: { mayFence: () => Promise.resolve({ ok: true, why: '' }), guardSaw: () => Promise.resolve('told') },
  });
  const fence = (node: string): { done: Promise<Fenced>; environment: MockActivityEnvironment } => {
    const environment = new MockActivityEnvironment();
    const began = performance.now();
    const input: FenceInput = {
      ...{ cloud: 'c', node, serviceId: node, hostIp: null, level: 'bmc', updatedAt: 'T0', silentMs: 60_000 },
      ...{ workflowId: `c/${node}`, runId: 'r', again: 0, timings },
    };
    const work: Promise<FenceResult> = environment.run(fenceLevel, input);
    return { environment, done: work.then((result) => ({ node, result, ms: performance.now() - began })) };
  };
  /** The others' fences, and the first one's: what came of it while they were at it, or `null` where it hung on; it is given up then. */
  const all = async (): Promise<{ others: Fenced[]; first: Fenced | null }> => {
    let first: Fenced | null = null;
    const one = fence(HUNG);
    const ended = one.done.then((fenced) => (first = fenced));
    const others = await Promise.all(OTHERS.map((node) => fence(node).done));
    const meanwhile = first;
    if (meanwhile === null) one.environment.cancel();
    await ended;
    return { others, first: meanwhile };
  };
  return { close: () => fencing.close(), all };
}

interface Fenced {
  node: string;
  ms: number;
  result: FenceResult;
}

async function compare(driver: string, make: (i: number) => Promise<Machine>): Promise<void> {
  const machines = new Map(await Promise.all(NODES.map(async (node, i) => [node, await make(i)] as const)));
  const { all, close } = await fenceAllOf(driver, machines);
  const best = { well: new Map<string, number>(), beside: new Map<string, number>() };
  try {
    for (let turn = 0; turn < 2 * TURNS; turn++) {
      const kind = turn % 2 === 0 ? 'well' : 'beside';
      const set = ([node, m]: [string, Machine]): Promise<void> =>
        m.set({ power: 'on', fault: kind === 'beside' && node === HUNG ? 'hangs' : null });
      await Promise.all([...machines].map(set));
      const { others, first } = await all();
      if (kind === 'beside') assert.equal(first, null, 'it hung for as long as the others were at it');
      for (const { node, ms, result } of others) {
        assert.equal(result.kind, 'proven', `${node}: ${JSON.stringify(result)}`);
        best[kind].set(node, Math.min(ms, best[kind].get(node) ?? Infinity));
      }
    }
  } finally {
    await close();
    await Promise.all([...machines.values()].map((m) => m.stop()));
  }
  for (const node of OTHERS) {
    const [well, beside] = [best.well.get(node)!, best.beside.get(node)!];
    assert.ok(
      beside <= Math.max(well * 1.05, well + 500),
      `${driver} ${node}: ${Math.round(beside)} ms beside a hung one, ${Math.round(well)} ms without`,
    );
  }
}

test('a Redfish BMC that hangs costs the nineteen fences beside it no half second', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'lifeboat-hung-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const ca = join(folder, 'ca.pem');
  await writeFile(ca, LOOPBACK_CERT);
  await compare('redfish', () => redfish(ca));
});

test('a program of a power device that hangs costs the nineteen fences beside it no half second', () =>
  compare('command', (i) => program(i)));
