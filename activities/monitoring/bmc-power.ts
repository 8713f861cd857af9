// A node that its own power devices call off has failed, whatever else is known. They are read, never switched.
import { z } from 'zod';
import type { DeviceFault, NodeView } from '../../workflows/domain.ts';
import type {
  ChannelCheck,
  Look,
  MonitoringChannel,
  MonitoringContext,
  MonitoringDriver,
  PowerSight,
  Seen,
} from './driver.ts';
import { dated, eachNode } from './each-node.ts';
import { parallel, timeout } from './options.ts';
import { said } from './said.ts';

const options = z.strictObject({
  /** Fencing levels to read. Absent: all. */
  levels: z.array(z.string().min(1)).min(1).optional(),
  /** `suspects`: only nodes that Nova calls down, or whose row stands still. A BMC has few sessions, and fencing needs them. */
  ask: z.enum(['suspects', 'all']).default('suspects'),
  timeout: timeout('8s'),
  /** Nodes read side by side. */
  parallel: parallel(16),
});
type Options = z.output<typeof options>;

/** A device that could not be read is left alone for so long: BMCs lock accounts, and a slow one has to breathe for the fence. */
const REST_MS = 30_000;
const LONG_REST_MS = 10 * 60_000;
const LONG: readonly DeviceFault[] = ['auth', 'privilege', 'mismatch', 'misconfigured'];

class PowerChannel implements MonitoringChannel {
  readonly #options: Options;
  readonly #context: MonitoringContext;
  /** By node: until when its devices are not asked, and why. */
  readonly #resting = new Map<string, { until: number; why: string }>();
  readonly #asking = new Map<string, Promise<Seen>>();

  constructor(options: Options, context: MonitoringContext) {
    this.#options = options;
    this.#context = context;
  }

  async look(look: Look): ReturnType<MonitoringChannel['look']> {
    const settings = { parallel: this.#options.parallel, context: this.#context };
    return dated(look, await eachNode(look, settings, (node, signal) => this.#node(node, look, signal)));
  }

  async check(look: Look): Promise<ChannelCheck> {
    const first = look.nodes[0];
    if (!this.#context.readPower) return { verdict: 'fail', says: NO_DEVICES, todo: 'configure fencing.levels' };
    if (!first) return { verdict: 'warn', says: 'no node to read' };
    const seen = await this.#read(first, look.signal);
    const says = `${first.host}: ${seen.saw}`;
    return {
      verdict: this.#resting.size === 0 ? 'ok' : 'fail',
      says,
      todo: 'see the rows of fencing: the same devices',
    };
  }

  async #node(node: NodeView, look: Look, signal: AbortSignal): Promise<Seen> {
    const quiet = this.#options.ask === 'suspects' ? this.#whyNot(node, look) : null;
    if (quiet) return { verdict: 'unknown', saw: quiet };
    const resting = this.#resting.get(node.host);
    if (resting && performance.now() < resting.until)
      return { verdict: 'unknown', saw: `left alone for a while: ${resting.why}` };
    // Two looks at one time (the sweep's and a gate's) are one visit.
    const before = this.#asking.get(node.host);
    if (before) return before;
    const reading = this.#read(node, signal).finally(() => this.#asking.delete(node.host));
    this.#asking.set(node.host, reading);
    return reading;
  }

  /** Null: it is a suspect. */
  #whyNot({ host, state, forcedDown }: NodeView, { unmovedMs }: Look): string | null {
    // Whoever forced it down has judged it; from the proof on the guard reads its devices.
    if (forcedDown) return 'not read: it is forced down';
    const still = unmovedMs.get(host) ?? 0;
    return state === 'up' && still <= this.#context.timings.reportIntervalMs ? 'not read: it reports to Nova' : null;
  }

  async #read(node: NodeView, signal: AbortSignal): Promise<Seen> {
    if (!this.#context.readPower) return { verdict: 'unknown', saw: NO_DEVICES };
    const all = await this.#context.readPower(node.host, this.#options.timeout, signal);
    const { levels } = this.#options;
    const seen = judgePower(levels ? all.filter(({ level }) => levels.includes(level)) : all);
    // A look that was stopped says nothing of the device.
    const bad = signal.aborted ? undefined : all.find(({ power }) => power === 'unknown');
    if (bad) {
      const long = all.some(({ fault }) => fault !== undefined && LONG.includes(fault));
      const until = performance.now() + (long ? LONG_REST_MS : REST_MS);
      this.#resting.set(node.host, { until, why: said(this.#context, bad.detail) });
    } else this.#resting.delete(node.host);
    return { ...seen, saw: said(this.#context, seen.saw) };
  }
}

const NO_DEVICES = 'no fencing devices are configured';

/**
 * Failed: all devices of one level say off, and no device of any level says on. On is no evidence: a machine that hangs is on, too.
 */
export function judgePower(sights: readonly PowerSight[]): Seen {
  if (sights.length === 0) return { verdict: 'unknown', saw: 'no fencing device for it' };
  const saw = sights.map(({ level, power, detail }) => `${level}: ${power} (${detail})`).join('; ');
  const levels = [...new Set(sights.map(({ level }) => level))];
  const off = levels.some((name) => sights.every(({ level, power }) => level !== name || power === 'off'));
  const on = sights.some(({ power }) => power === 'on');
  return { verdict: off && !on ? 'failed' : 'unknown', saw };
}

export const bmcPower: MonitoringDriver<typeof options> = {
  name: 'bmc-power',
  options,
  create: (o, context) => new PowerChannel(o, context),
  says: () => ['failed', 'unknown'],
};
