// Redfish (DSP0266): PowerState and ComputerSystem.Reset of one named system.
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { CommandResult, FenceDevice, FencingContext, FencingDriver, PowerReading } from './driver.ts';
import { argument, resolveSecret, secretSource, shellWord, uuid } from './options.ts';
import { RedfishError, RedfishSession } from './redfish-session.ts';
import type { Json, Reply, Trust } from './redfish-session.ts';
import { messageOf, pollTask, resetTarget } from './redfish-reset.ts';

export const redfishOptions = z
  .strictObject({
    /** `https://bmc-7` of the BMC; nothing behind the port. */
    url: z
      .url({ protocol: /^https?$/ })
      .refine((url) => /^https?:\/\/[^/@?#]+\/?$/.test(url), 'holds more than scheme, host and port')
      .meta({ expected: 'the address of a BMC', example: "'https://{node}-bmc.example.org'" }),
    /** The whole path, written out: "the first system" of a chassis may be a neighbour. */
    system: z
      .string()
      .regex(/^\/redfish\/v1\/Systems\/[^/?#\s]+$/, 'is a path like /redfish/v1/Systems/1, as the BMC lists it'),
    user: argument,
    password: secretSource,
    /** `insecure` trusts any certificate, and is needed for http. */
    tls: z
      .union([
        z.enum(['system', 'insecure']),
        z.strictObject({ caFile: z.string().min(1) }),
        z.strictObject({
          sha256: z.string().regex(/^([0-9a-f]{2}:?){31}[0-9a-f]{2}$/i, 'is 32 bytes in hexadecimal'),
        }),
      ])
      .default('system'),
    /** Compared with what the system tells before it is believed or switched. */
    uuid: uuid.optional(),
    serial: z.string().min(1).optional(),
  })
  .refine((o) => o.url.startsWith('https:') || o.tls === 'insecure', {
    path: ['url'],
    message: 'http sends the password in the clear (write tls: insecure where that is meant)',
  });
export type RedfishOptions = z.output<typeof redfishOptions>;

interface System {
  body: Json;
  etag: string | null;
  power: unknown;
}

class RedfishDevice implements FenceDevice {
  readonly label: string;
  readonly #options: RedfishOptions;
  readonly #context: FencingContext;

  constructor(options: RedfishOptions, context: FencingContext) {
    this.label = `redfish ${new URL(options.url).host}${options.system.replace('/redfish/v1', '')}`;
    this.#options = options;
    this.#context = context;
  }

  async status(signal: AbortSignal): Promise<PowerReading> {
    const { uuid: id, serial } = this.#options;
    const identityConfirmed = id !== undefined || serial !== undefined;
    return this.#visit<PowerReading>(
      this.#context.timings.powerStatusMs,
      signal,
      async (session) => {
        const { power } = await this.#read(session);
        if (power === 'On') return { power: 'on', detail: `${this.label}: On`, identityConfirmed };
        if (power === 'Off') return { power: 'off', detail: `${this.label}: Off`, identityConfirmed };
        const detail = `${this.label}: PowerState ${session.quote(String(JSON.stringify(power)))}`;
        return { power: 'unknown', detail, identityConfirmed: false };
      },
      (fault, detail) => ({ power: 'unknown', fault, detail, identityConfirmed: false }),
    );
  }

  off(signal: AbortSignal): Promise<CommandResult> {
    return this.#reset('ForceOff', 'Off', signal);
  }

  on(signal: AbortSignal): Promise<CommandResult> {
    return this.#reset('On', 'On', signal);
  }

  confirmCommand(): string {
    const { url, system, user, tls } = this.#options;
    const trust =
      tls === 'system' ? '' : typeof tls === 'object' && 'caFile' in tls ? `--cacert ${shellWord(tls.caFile)} ` : '-k ';
    // curl asks for the password.
    return `curl -s ${trust}-u ${shellWord(user)} ${shellWord(new URL(system, url).href)} | grep -o '"PowerState"[^,]*'`;
  }

  #reset(type: 'ForceOff' | 'On', wanted: 'Off' | 'On', signal: AbortSignal): Promise<CommandResult> {
    return this.#visit<CommandResult>(
      this.#context.timings.powerOffMs,
      signal,
      async (session, abort) => {
        const system = await this.#read(session);
        if (system.power === wanted) return { accepted: true, detail: `${this.label}: is ${wanted} already` };
        const target = await resetTarget(session, this.#options.system, system.body, type);
        const post = (ifMatch?: string): Promise<Reply> =>
          session.request('POST', target, { ResetType: type }, ifMatch);
        let reply = await post();
        if (reply.status === 412) reply = await post(system.etag ?? '*');
        if (reply.status === 202 && reply.location) reply = await pollTask(session, reply.location, abort);
        return this.#judge(session, reply, type, wanted);
      },
      (fault, detail) => ({ accepted: false, fault, detail }),
    );
  }

  async #judge(session: RedfishSession, reply: Reply, type: string, wanted: string): Promise<CommandResult> {
    if (reply.status >= 200 && reply.status < 300) return { accepted: true, detail: `${this.label}: took the ${type}` };
    // 400 and 409 are also said to what is off already.
    if (reply.status === 400 || reply.status === 409) {
      const { power } = await this.#read(session);
      if (power === wanted) return { accepted: true, detail: `${this.label}: is ${wanted} already` };
    }
    throw new RedfishError('refused', `${type}: ${reply.status} ${session.quote(messageOf(reply.body))}`.trimEnd());
  }

  /** Reads the system and makes sure that it is the one that is meant. */
  async #read(session: RedfishSession): Promise<System> {
    const { system, uuid: id, serial } = this.#options;
    const { status, body, etag } = await session.request('GET', system);
    if (status === 404) throw new RedfishError('misconfigured', `it has no ${system}`);
    if (status !== 200)
      throw new RedfishError('refused', `GET ${system}: ${status} ${session.quote(messageOf(body))}`.trimEnd());
    if (!body || !('PowerState' in body)) throw new RedfishError('protocol', `GET ${system}: 200 without a PowerState`);
    const told: [string, unknown, string | undefined][] = [
      ['path', body['@odata.id'] ?? system, system],
      ['UUID', body['UUID'], id],
      ['serial number', body['SerialNumber'], serial],
    ];
    for (const [what, saw, wanted] of told)
      if (wanted !== undefined && normal(saw) !== normal(wanted))
        throw new RedfishError(
          'mismatch',
          `another machine: its ${what} is ${session.quote(String(saw))}, not ${wanted}`,
        );
    return { body, etag, power: body['PowerState'] };
  }

  /** Opens, works, closes; all within `limitMs`, of which a fifth (at most 1 s) is kept for the logout. */
  async #visit<T>(
    limitMs: number,
    signal: AbortSignal,
    work: (session: RedfishSession, abort: AbortSignal) => Promise<T>,
    fail: (fault: RedfishError['fault'], detail: string) => T,
  ): Promise<T> {
    const closing = Math.min(1_000, limitMs / 5);
    // A plain controller: undici refuses a signal whose listeners are unlimited, as a caller's may be.
    const limit = new AbortController();
    const stop = (): void => limit.abort();
    const timer = setTimeout(stop, limitMs - closing);
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    let session: RedfishSession | null = null;
    try {
      const { url, user, password } = this.#options;
      const secret = await resolveSecret(this.#context, password);
      if ('missing' in secret) return fail('misconfigured', `${this.label}: ${secret.missing}`);
      const trust = await this.#trust();
      session = await RedfishSession.open({ origin: url, user, password: secret.value, trust, signal: limit.signal });
      return await work(session, limit.signal);
    } catch (error) {
      if (!(error instanceof RedfishError)) throw error;
      return fail(error.fault, `${this.label}: ${error.message}`);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
      await session?.close(closing);
    }
  }

  async #trust(): Promise<Trust> {
    const { tls } = this.#options;
    if (typeof tls === 'string' || 'sha256' in tls) return tls;
    try {
      return { ca: await readFile(tls.caFile, 'utf8') };
    } catch {
      throw new RedfishError('misconfigured', `its CA file ${tls.caFile} cannot be read`);
    }
  }
}

const normal = (value: unknown): string => String(value).trim().replace(/\/$/, '').toLowerCase();

export const redfish: FencingDriver<typeof redfishOptions> = {
  name: 'redfish',
  options: redfishOptions,
  create: (_node, options, context) => new RedfishDevice(options, context),
  deviceKey: (options) => `redfish ${new URL(options.url).host.toLowerCase()} ${options.system}`,
};
