// A fleet on a clock that the tests turn: nodes that report like nova-compute, a Nova that lists them, a network that answers.
import { DEFAULT_POLICY } from '../../../workflows/defaults.ts';
import type { Policy } from '../../../workflows/defaults.ts';
import type { InstanceView, NodeView, Verdict } from '../../../workflows/domain.ts';
import type { Clock } from '../../../activities/monitoring/clock.ts';
import type { SweepInput } from '../../../activities/monitoring/contract.ts';
import { novaService } from '../../../activities/monitoring/nova-service.ts';
import type { NamedChannel } from '../../../activities/monitoring/sweep.ts';
import type { OpenStack } from '../../../activities/openstack/types.ts';
import { contextOf } from './context.ts';

export const POLICY: Policy = { ...DEFAULT_POLICY, mode: 'auto' };
export const T = POLICY.timings;
const REPORT_MS = 10_000;
const SERVICE_DOWN_MS = 60_000;

/** Time passes only while somebody sleeps. */
export class FakeClock implements Clock {
  time = 1_000_000;
  /** Called whenever time has passed. */
  onTime: (now: number) => void = () => {};

  now(): number {
    return this.time;
  }

  iso(): string {
    return new Date(Date.UTC(2026, 0, 1) + this.time).toISOString();
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    signal?.throwIfAborted();
    this.time += ms;
    this.onTime(this.time);
    signal?.throwIfAborted();
  }
}

export interface FakeNode {
  host: string;
  /** Fixes what the row says; absent keys are lived. */
  row: Partial<NodeView>;
  diedAt: number | null;
  reportMs: number;
  /** What tcp sees; `auto`: whether it lives. */
  net: Verdict | 'auto';
  instances: number;
}

export class FakeFleet {
  readonly clock = new FakeClock();
  readonly nodes = new Map<string, FakeNode>();
  calls = 0;
  instanceCalls: string[] = [];
  /** Nova's own services, by binary. */
  controllers: () => Record<string, 'up' | 'down'> = () => ({ 'nova-scheduler': 'up', 'nova-conductor': 'up' });
  aggregates: Record<string, string[]> = {};
  /** Changes or refuses the list. */
  list: (rows: NodeView[]) => NodeView[] = (rows) => rows;

  constructor(count: number) {
    for (let i = 1; i <= count; i++) this.add(`compute-${i}`);
  }

  add(host: string): FakeNode {
    const node: FakeNode = { host, row: {}, diedAt: null, reportMs: REPORT_MS, net: 'auto', instances: 2 };
    this.nodes.set(host, node);
    return node;
  }

  node(host: string): FakeNode {
    const node = this.nodes.get(host);
    if (!node) throw new Error(`no node ${host}`);
    return node;
  }

  kill(host: string): void {
    this.node(host).diedAt = this.clock.time;
  }

  rows(): NodeView[] {
    return [...this.nodes.values()].map((n, i) => {
      const until = Math.min(this.clock.time, n.diedAt ?? Infinity);
      const phase = (i * 1_700) % n.reportMs;
      const report = until - ((until - phase) % n.reportMs);
      const silent = this.clock.time - report > Math.max(SERVICE_DOWN_MS, 2.5 * n.reportMs);
      return {
        host: n.host,
        serviceId: `0000-${n.host}`,
        zone: 'nova',
        status: 'enabled' as const,
        state: silent || n.row.forcedDown ? ('down' as const) : ('up' as const),
        forcedDown: false,
        disabledReason: null,
        updatedAt: new Date(report).toISOString(),
        hostIp: '192.0.2.1',
        ...n.row,
      };
    });
  }

  get openstack(): OpenStack {
    const services = (): Promise<NodeView[]> => {
      this.calls += 1;
      return Promise.resolve().then(() => this.list(this.rows()));
    };
    const instances = (host: string): Promise<InstanceView[]> => {
      this.instanceCalls.push(host);
      return Promise.resolve(Array.from({ length: this.node(host).instances }) as InstanceView[]);
    };
    // The monitoring room asks nothing else of a cloud.
    return {
      identityUrl: 'http://keystone',
      region: 'RegionOne',
      compute: {
        services,
        instances,
        controllers: () => Promise.resolve().then(() => this.controllers()),
        aggregates: () => Promise.resolve(this.aggregates),
      },
    } as unknown as OpenStack;
  }

  verdictOf(host: string): Verdict {
    const { net, diedAt } = this.node(host);
    if (net !== 'auto') return net;
    return diedAt !== null && diedAt <= this.clock.time ? 'failed' : 'alive';
  }

  /** nova-service as it is, and a network as the test wants it. */
  get channels(): NamedChannel[] {
    const nova = novaService.create({ staleness: true }, contextOf({ openstack: this.openstack, timings: T }));
    const net: NamedChannel['channel'] = {
      direct: true,
      look: ({ nodes }) =>
        Promise.resolve(
          new Map(
            nodes.map((n) => [n.host, { verdict: this.verdictOf(n.host), saw: 'as told', readAt: this.clock.iso() }]),
          ),
        ),
    };
    return [
      { name: 'nova-service', channel: nova },
      { name: 'tcp', channel: net },
    ];
  }
}

export const inputOf = (over: Partial<SweepInput> = {}): SweepInput => ({
  policy: POLICY,
  policyHash: 'hash',
  cloud: 'test',
  open: [],
  known: [],
  wakeInMs: null,
  ...over,
});
