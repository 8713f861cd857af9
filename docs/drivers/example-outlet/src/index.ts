// A power strip whose outlets are switched over HTTP: GET and PUT /outlets/7 {"state":"off"}, a token in the header.
import { z } from 'zod';
import type { CommandResult, DeviceFault, FenceDevice, FencingContext, FencingDriver } from 'lifeboat/driver';

const text = z.string().min(1);
/** `expected` and `example` are what an operator reads beside a wrong value. */
const secret = z
  .union([
    z.strictObject({ env: text }),
    z.strictObject({ file: text }),
    z.strictObject({ command: z.array(text).min(1) }),
  ])
  .meta({
    expected: 'a secret, as { env: NAME }, { file: path } or { command: [program, argument] }',
    example: '{ env: STRIP_TOKEN }',
  });
const options = z.strictObject({
  url: z
    .url({ protocol: /^https?$/ })
    .meta({ expected: 'the address of the strip', example: 'https://strip.example.org' }),
  outlet: z.int().min(1).meta({ expected: 'the number of an outlet, 1 or more', example: '7' }),
  token: secret,
  /** Compared before anything is believed or switched. */
  serial: z.string().min(1).optional(),
});
type Options = z.output<typeof options>;

const answer = z.object({ state: z.enum(['on', 'off']), serial: z.string().optional() });
type Answer = { ok: true; state: 'on' | 'off' } | { ok: false; fault: DeviceFault; why: string };

function outletDevice(o: Options, context: FencingContext): FenceDevice {
  const address = `${o.url.replace(/\/$/, '')}/outlets/${o.outlet}`;
  const label = `outlet ${o.outlet} of ${new URL(o.url).host}`;

  async function call(state: 'on' | 'off' | null, signal: AbortSignal): Promise<Answer> {
    try {
      const token = await context.secret(o.token).catch(() => '');
      if (!token) return { ok: false, fault: 'misconfigured', why: 'its token is missing or empty' };
      const response = await fetch(address, {
        method: state ? 'PUT' : 'GET',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        ...(state ? { body: JSON.stringify({ state }) } : {}),
        // A redirect would take the token to another machine.
        redirect: 'error',
        signal,
      });
      const faults: Record<number, DeviceFault> = { 401: 'auth', 403: 'privilege', 404: 'misconfigured' };
      if (!response.ok)
        return { ok: false, fault: faults[response.status] ?? 'refused', why: `HTTP ${response.status}` };
      const told = answer.safeParse(await response.json().catch(() => null));
      if (!told.success) return { ok: false, fault: 'protocol', why: 'its answer is not one of an outlet' };
      if (o.serial && told.data.serial !== o.serial)
        return { ok: false, fault: 'mismatch', why: `another strip: serial ${told.data.serial ?? 'unknown'}` };
      return { ok: true, state: told.data.state };
    } catch {
      // Never the error's own text: it may quote what was sent.
      return signal.aborted
        ? { ok: false, fault: 'timeout', why: 'no answer in time' }
        : { ok: false, fault: 'unreachable', why: 'no connection, or it broke' };
    }
  }

  async function put(state: 'on' | 'off', outer: AbortSignal): Promise<CommandResult> {
    const signal = AbortSignal.any([outer, AbortSignal.timeout(context.timings.powerOffMs)]);
    // Who is it? Only where a serial is configured; a wrong one switches nobody's machine off.
    const first: Answer = o.serial ? await call(null, signal) : { ok: true, state };
    const done = first.ok ? await call(state, signal) : first;
    if (done.ok) return { accepted: true, detail: `${label}: took ${state}` };
    return { accepted: false, fault: done.fault, detail: `${label}: ${done.why}` };
  }

  return {
    label,
    status: async (outer) => {
      const signal = AbortSignal.any([outer, AbortSignal.timeout(context.timings.powerStatusMs)]);
      const a = await call(null, signal);
      if (!a.ok) return { power: 'unknown', fault: a.fault, detail: `${label}: ${a.why}`, identityConfirmed: false };
      return { power: a.state, detail: `${label}: ${a.state}`, identityConfirmed: o.serial !== undefined };
    },
    off: (signal) => put('off', signal),
    on: (signal) => put('on', signal),
    confirmCommand: () => `curl -H "Authorization: Bearer $TOKEN" ${address}`,
  };
}

const outlet: FencingDriver<typeof options> = {
  name: 'outlet',
  page: 'https://git.example.org/lifeboat-driver-outlet#options',
  options,
  create: (_node, o, context) => outletDevice(o, context),
  deviceKey: (o) => `outlet ${o.url} ${o.outlet}`,
};
export default outlet;
