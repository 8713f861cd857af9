// Which microversion a call uses: the highest inside the range the call knows, so that a newer cloud changes nothing for us.
import { z } from 'zod';
import type { OpenStackError } from './errors.ts';
import { failed, json } from './exchange.ts';
import type { HttpAnswer } from './http.ts';
import { unlessAborted } from './limit.ts';

/** Both ends inclusive. `why`: what the lowest one brought, for the error. */
export interface VersionRange {
  from: string;
  to: string;
  why: string;
}

export interface Versions {
  /** Throws kind tooOld where the cloud's newest is older than `from` (or its oldest newer than `to`). Asked once, kept. */
  pick(endpoint: string, range: VersionRange, signal: AbortSignal): Promise<string>;
  /** The endpoint to which paths are added. Nova's and Ironic's may stand in a catalog without their /v2.1 and /v1. */
  base(endpoint: string): string;
  forget(): void;
}

type Get = (url: string) => Promise<HttpAnswer>;

const ONE = z.object({
  id: z.string(),
  version: z.string().optional(),
  max_version: z.string().optional(),
  min_version: z.string().optional(),
});
const DOCUMENT = z.union([z.object({ version: ONE }), z.object({ versions: z.array(ONE) })]);

export function createVersions(service: string, get: Get): Versions {
  const base = (endpoint: string): string => {
    if (service === 'compute' && !/\/v2(\.\d+)?(\/|$)/.test(endpoint)) return `${endpoint}/v2.1`;
    if (service === 'baremetal' && !/\/v1(\/|$)/.test(endpoint)) return `${endpoint}/v1`;
    if (service === 'image' && !/\/v2$/.test(endpoint)) return `${endpoint.replace(/\/v1$/, '')}/v2`;
    if (service === 'network' && !/\/v2\.0$/.test(endpoint)) return `${endpoint}/v2.0`;
    return endpoint;
  };
  let known: Promise<{ min: string; max: string }> | null = null;

  const ask = async (endpoint: string): Promise<{ min: string; max: string }> => {
    // A catalog may still append the project: `…/v2.1/<project>`.
    const root = base(endpoint).replace(/(\/v2(?:\.\d+)?)\/.*$/, '$1');
    const answer = await get(`${root}/`);
    const parsed = DOCUMENT.safeParse(json(answer, { service, method: 'GET', path: '/' }));
    const one = !parsed.success
      ? undefined
      : 'version' in parsed.data
        ? parsed.data.version
        : parsed.data.versions.at(-1);
    if (!one) {
      const message = `its version document is not one (is ${new URL(root).host} the ${service} service?)`;
      throw failed({ service, method: 'GET', path: '/' }, { kind: 'config', message, status: answer.status });
    }
    // A service without microversions leaves them empty (Nova's old /v2).
    return { min: one.min_version || '0.0', max: one.version || one.max_version || '0.0' };
  };

  return {
    base,
    forget: () => (known = null),
    pick: async (endpoint, range, signal) => {
      const asking = (known ??= ask(endpoint));
      // A failure is not kept.
      asking.catch(() => {
        if (known === asking) known = null;
      });
      const { min, max } = await unlessAborted(asking, signal);
      const version = older(max, range.to) ? max : range.to;
      if (!older(version, range.from) && !older(version, min)) return version;
      throw tooOld(service, range, min, max);
    },
  };
}

function tooOld(service: string, range: VersionRange, min: string, max: string): OpenStackError {
  const needs = range.from === range.to ? range.from : `${range.from} to ${range.to}`;
  return failed(
    { service, method: 'GET', path: '/' },
    {
      kind: 'tooOld',
      message: `microversion ${needs} is needed (${range.why}), this cloud has ${min} to ${max} (upgrade it)`,
      maybeSent: false,
    },
  );
}

function older(a: string, b: string): boolean {
  const [a1 = 0, a2 = 0] = a.split('.').map(Number);
  const [b1 = 0, b2 = 0] = b.split('.').map(Number);
  return a1 < b1 || (a1 === b1 && a2 < b2);
}
