// A machine whose BMC Ironic speaks to: its power by Ironic's API. What Ironic tells is what its conductor saw last.
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { DeviceFault } from '../../workflows/domain.ts';
import { isOpenStackError } from '../openstack/errors.ts';
import type { Baremetal, BaremetalNode, CallOptions } from '../openstack/types.ts';
import type { CommandResult, FenceDevice, FencingContext, FencingDriver, PowerReading } from './driver.ts';
import { oneLine, shellWord, uuid } from './options.ts';

export const ironicOptions = z
  .strictObject({
    /** Name or id of Ironic's node. */
    node: z
      .string()
      .regex(/^[^\s/?#]+$/, 'is a name or an id')
      .optional(),
    /** Instead of `node`: id of the Nova instance that the compute node is deployed as. */
    instance: uuid.optional(),
    /** Compared before it is believed or switched. */
    uuid: uuid.optional(),
    name: z.string().min(1).optional(),
    /** Ironic of another cloud in clouds.yaml (an undercloud). */
    cloud: z.string().min(1).optional(),
  })
  .refine((o) => (o.node === undefined) !== (o.instance === undefined), {
    path: ['node'],
    message: 'give node (its name or id in Ironic) or instance, one of both',
  });
export type IronicOptions = z.output<typeof ironicOptions>;

type Target = 'power on' | 'power off';

class IronicError extends Error {
  readonly fault: DeviceFault;
  constructor(fault: DeviceFault, why: string) {
    super(why);
    this.fault = fault;
  }
}

/** A locked node is asked again: 409 says that nothing was done. */
const LOCKED_EVERY_MS = 1_000;
/** They take a command and reach no machine. */
const NO_POWER = new Set(['fake', 'noop', 'agent']);

class IronicDevice implements FenceDevice {
  readonly label: string;
  readonly #options: IronicOptions;
  readonly #context: FencingContext;

  constructor(options: IronicOptions, context: FencingContext) {
    this.label = `ironic ${options.node ?? `of ${options.instance}`}`;
    this.#options = options;
    this.#context = context;
  }

  status(signal: AbortSignal): Promise<PowerReading> {
    return this.#visit<PowerReading>(
      this.#context.timings.powerStatusMs,
      signal,
      async (ironic, call) => {
        const node = await this.#find(ironic, call());
        const { power, fault, why } = judge(node);
        // Of an id that the node was looked up by, nothing was learnt.
        const identityConfirmed = fault === undefined && power !== 'unknown' && this.#compared();
        return { power, ...(fault ? { fault } : {}), detail: `${this.label}: ${why}`, identityConfirmed };
      },
      (fault, detail) => ({ power: 'unknown', fault, detail, identityConfirmed: false }),
    );
  }

  off(signal: AbortSignal): Promise<CommandResult> {
    return this.#switch('power off', signal);
  }

  on(signal: AbortSignal): Promise<CommandResult> {
    return this.#switch('power on', signal);
  }

  confirmCommand(): string {
    const { node, instance, cloud } = this.#options;
    const which = node === undefined ? `--instance ${instance}` : shellWord(node);
    const where = cloud === undefined ? '' : `--os-cloud ${shellWord(cloud)} `;
    return `openstack ${where}baremetal node show ${which} -c power_state -c target_power_state -c maintenance`;
  }

  /** Read by one thing, compared by another. */
  #compared(): boolean {
    const { node, uuid: id, name } = this.#options;
    return (id !== undefined && id !== node) || (name !== undefined && name !== node);
  }

  #switch(target: Target, signal: AbortSignal): Promise<CommandResult> {
    return this.#visit<CommandResult>(
      this.#context.timings.powerOffMs,
      signal,
      async (ironic, call) => {
        const node = await this.#find(ironic, call());
        const why = whyUnusable(node);
        if (why) throw new IronicError('misconfigured', why);
        // Also to what is off as far as Ironic knows: the conductor looks first, and then knows.
        await this.#put(ironic, node, target, call);
        return { accepted: true, detail: `${this.label}: took the ${target}` };
      },
      (fault, detail) => ({ accepted: false, fault, detail }),
    );
  }

  async #put(ironic: Baremetal, node: BaremetalNode, target: Target, call: () => CallOptions): Promise<void> {
    for (;;) {
      const o = call();
      try {
        return await ironic.setPower(node.id, target, o);
      } catch (error) {
        if (!isOpenStackError(error) || error.kind !== 'conflict') throw error;
        if ((o.timeoutMs ?? 0) <= LOCKED_EVERY_MS) throw error;
        await sleep(LOCKED_EVERY_MS, undefined, { signal: o.signal });
      }
    }
  }

  async #find(ironic: Baremetal, o: CallOptions): Promise<BaremetalNode> {
    const { node: ident, instance, uuid: id, name } = this.#options;
    const node = ident === undefined ? await ironic.nodeOfInstance(instance!, o) : await ironic.node(ident, o);
    if (!node) throw new IronicError('misconfigured', `Ironic has no such node${instance ? ' for this instance' : ''}`);
    const told: [string, string | null, string | undefined][] = [
      ['id', node.id, id],
      ['name', node.name, name],
    ];
    for (const [what, saw, wanted] of told)
      if (wanted !== undefined && saw?.toLowerCase() !== wanted.toLowerCase())
        throw new IronicError(
          'mismatch',
          `another machine: its ${what} is ${oneLine(saw ?? 'not told')}, not ${wanted}`,
        );
    return node;
  }

  /** All within `limitMs`; whatever goes wrong becomes an answer. */
  async #visit<T>(
    limitMs: number,
    signal: AbortSignal,
    work: (ironic: Baremetal, call: () => CallOptions) => Promise<T>,
    fail: (fault: DeviceFault, detail: string) => T,
  ): Promise<T> {
    const until = performance.now() + limitMs;
    const call = (): CallOptions => ({ signal, timeoutMs: Math.max(1, until - performance.now()) });
    try {
      const { openstack } = this.#context;
      if (!openstack) throw new IronicError('misconfigured', 'this worker knows no cloud');
      const { baremetal } = await openstack(this.#options.cloud);
      return await work(baremetal, call);
    } catch (error) {
      const { fault, why } = explain(error, signal);
      return fail(fault, `${this.label}: ${why}`);
    }
  }
}

const whyUnusable = ({ maintenance, maintenanceReason: reason, powerInterface }: BaremetalNode): string | null => {
  if (maintenance)
    return `in maintenance, where Ironic does not read the power${reason ? ` (${oneLine(reason)})` : ''}`;
  if (powerInterface !== null && NO_POWER.has(powerInterface))
    return `its power interface is ${powerInterface}, which switches no machine`;
  return null;
};

function judge(node: BaremetalNode): { power: PowerReading['power']; fault?: DeviceFault; why: string } {
  const unusable = whyUnusable(node);
  if (unusable) return { power: 'unknown', fault: 'misconfigured', why: unusable };
  const going = node.target === null ? '' : `, on its way to ${oneLine(node.target)}`;
  const said = node.lastError ? ` (its last error: ${oneLine(node.lastError)})` : '';
  if (node.power === 'power on') return { power: 'on', why: `power on${going}${said}` };
  if (node.power === 'power off' && node.target === null) return { power: 'off', why: 'power off' };
  if (node.power === 'error' || node.power === null)
    return { power: 'unknown', fault: 'refused', why: `Ironic cannot tell its power${said}` };
  return { power: 'unknown', why: `${oneLine(node.power)}${going}${said}` };
}

const FAULTS: Readonly<Record<string, DeviceFault>> = {
  auth: 'auth',
  forbidden: 'privilege',
  unreachable: 'unreachable',
  timeout: 'timeout',
  notFound: 'misconfigured',
  tooOld: 'misconfigured',
  config: 'misconfigured',
};

function explain(error: unknown, signal: AbortSignal): { fault: DeviceFault; why: string } {
  if (error instanceof IronicError) return { fault: error.fault, why: error.message };
  if (signal.aborted) return { fault: 'timeout', why: 'cancelled' };
  if (!isOpenStackError(error)) return { fault: 'protocol', why: oneLine(String(error)) };
  if (error.kind === 'conflict') return { fault: 'refused', why: `busy: ${error.message}` };
  // An answer that is none of Ironic's.
  const nonsense = error.kind === 'server' && error.status < 500;
  return { fault: nonsense ? 'protocol' : (FAULTS[error.kind] ?? 'refused'), why: error.message };
}

export const ironic: FencingDriver<typeof ironicOptions> = {
  name: 'ironic',
  options: ironicOptions,
  create: (_node, options, context) => new IronicDevice(options, context),
  deviceKey: ({ node, instance, uuid: id, cloud }) => {
    // One machine may be named in three ways; each is its own.
    const ways = [node, id, instance && `instance ${instance}`].filter((way) => way !== undefined);
    return [...new Set(ways)].map((way) => `ironic ${cloud ?? ''} ${way.toLowerCase()}`.replace('  ', ' '));
  },
};
