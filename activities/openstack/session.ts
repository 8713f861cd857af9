// Who we are towards a cloud: the token with its catalog, renewed before it ends and shared by all callers. It is never logged.
import { z } from 'zod';
import { identityBase, type CloudConfig } from './cloud-config.ts';
import { OpenStackError, unsent } from './errors.ts';
import { exchange, failed, json } from './exchange.ts';
import type { Transport } from './http.ts';
import { createLimiter, timeLimit, unlessAborted, type Limiter } from './limit.ts';
import { retrying, type Time } from './retry.ts';

export interface Token {
  value: string;
  userId: string;
  userName: string;
  roles: string[];
  projectId: string | null;
  catalog: z.output<typeof tokenBody>['token']['catalog'];
  /** On the monotonic clock. */
  renewAt: number;
}

export interface Session {
  /** A token that is good for a while. Concurrent callers share one request. */
  token(signal?: AbortSignal): Promise<Token>;
  /** `old` was refused: a newer one, made at most once for all who hold `old`. */
  renew(old: Token, signal?: AbortSignal): Promise<Token>;
  /** The URL of a service in our region and interface, no slash at its end. Throws kind config, naming what there is. */
  endpoint(type: string, token: Token): string;
  secrets(): string[];
}

const tokenBody = z.object({
  token: z.object({
    expires_at: z.string(),
    issued_at: z.string(),
    user: z.object({ id: z.string(), name: z.string() }),
    roles: z.array(z.object({ name: z.string() })).default([]),
    project: z.object({ id: z.string() }).optional(),
    catalog: z
      .array(
        z.object({
          type: z.string(),
          endpoints: z.array(
            z.object({
              interface: z.string(),
              url: z.string(),
              region: z.string().nullish(),
              region_id: z.string().nullish(),
            }),
          ),
        }),
      )
      .default([]),
  }),
});

const WHERE = { service: 'identity', method: 'POST', path: '/auth/tokens' };
const LOGIN_MS = 15_000;
/** Keystone locks accounts: what it refused is not asked again so soon. */
const REFUSED_MS = 30_000;
const EARLY_MS = 5 * 60_000;

export function createSession(config: CloudConfig, transport: Transport, time: Time): Session {
  const queue = createLimiter(1);
  let current: Token | null = null;
  let pending: Promise<Token> | null = null;
  let refused: { error: OpenStackError; until: number } | null = null;
  const used: string[] = [];

  const login = async (): Promise<Token> => {
    if (refused && time.now() < refused.until) throw refused.error;
    try {
      const token = await retrying(time, time.now() + LOGIN_MS, undefined, () =>
        authenticate(config, transport, queue, time),
      );
      current = token;
      // The one before may still stand in an answer that is on its way.
      used.unshift(token.value);
      used.length = Math.min(used.length, 3);
      return token;
    } catch (e) {
      if (e instanceof OpenStackError && e.kind === 'auth') refused = { error: e, until: time.now() + REFUSED_MS };
      // A login changes nothing: for the call that needed it, nothing was sent.
      throw e instanceof OpenStackError ? unsent(e) : e;
    }
  };
  const shared = (signal?: AbortSignal): Promise<Token> => {
    if (!pending) {
      pending = login().finally(() => (pending = null));
      // Whoever asked may have left meanwhile.
      pending.catch(() => {});
    }
    return unlessAborted(pending, signal);
  };

  return {
    token: async (signal) => (current && time.now() < current.renewAt ? current : shared(signal)),
    renew: async (old, signal) => (current && current !== old ? current : shared(signal)),
    endpoint: (type, token) => endpointOf(config, type, token),
    secrets: () => [...config.secrets(), ...used],
  };
}

async function authenticate(config: CloudConfig, transport: Transport, queue: Limiter, time: Time): Promise<Token> {
  const limit = timeLimit(LOGIN_MS);
  try {
    const answer = await exchange(
      {
        ...WHERE,
        url: `${config.identityUrl}/auth/tokens`,
        headers: {},
        body: config.authBody(),
        signal: limit.signal,
        timeoutMs: LOGIN_MS,
        secrets: config.secrets(),
      },
      transport,
      queue,
    );
    const value = answer.header('x-subject-token');
    const parsed = tokenBody.safeParse(json(answer, WHERE));
    if (!value || !parsed.success) {
      const message = `an answer without a token (is ${config.identityUrl} a Keystone v3?)`;
      throw failed(WHERE, { kind: 'server', message, status: answer.status });
    }
    return toToken(value, parsed.data.token, time.now());
  } catch (e) {
    throw explained(e, config);
  } finally {
    limit.release();
  }
}

function explained(e: unknown, config: CloudConfig): unknown {
  if (!(e instanceof OpenStackError) || e.kind !== 'auth') return e;
  const message = `${e.failure.message} (check user, password, project and domains of cloud ${config.name} in ${config.source})`;
  return new OpenStackError({ ...e.failure, message });
}

function toToken(value: string, t: z.output<typeof tokenBody>['token'], now: number): Token {
  // Both moments are Keystone's: a wrong clock of ours does not matter.
  const life = Date.parse(t.expires_at) - Date.parse(t.issued_at);
  const lifeMs = Number.isFinite(life) ? Math.max(0, life) : 0;
  return {
    value,
    userId: t.user.id,
    userName: t.user.name,
    roles: t.roles.map((r) => r.name),
    projectId: t.project?.id ?? null,
    catalog: t.catalog,
    renewAt: now + lifeMs - Math.min(EARLY_MS, lifeMs / 10),
  };
}

function endpointOf(config: CloudConfig, type: string, token: Token): string {
  const override = config.overrides[type.replaceAll('-', '_')];
  if (override) return tidy(type, override);
  const all = token.catalog.filter((s) => s.type === type).flatMap((s) => s.endpoints);
  const regionOf = (e: (typeof all)[number]) => e.region_id ?? e.region ?? '';
  const here = all.filter((e) => e.interface === config.interface && (!config.region || regionOf(e) === config.region));
  const regions = [...new Set(here.map(regionOf))];
  const first = here[0];
  if (first && regions.length === 1) return tidy(type, first.url);
  // Keystone answered us already, so its address is known even where the catalog hides it.
  if (type === 'identity') return config.identityUrl;
  const wanted = `${config.interface} interface${config.region ? ` in region ${config.region}` : ''}`;
  const known = all.map((e) => `${e.interface} in ${regionOf(e)}`);
  const types = token.catalog.map((s) => s.type);
  const why = first
    ? `several regions have one: ${regions.join(', ')} (set region_name)`
    : all.length > 0
      ? `the catalog has none for the ${wanted} (it has ${[...new Set(known)].join(', ')}; set region_name or interface)`
      : `not in the catalog (it has ${types.join(', ') || 'nothing'}; is a project in the scope of cloud ${config.name}?)`;
  throw failed({ service: type, method: 'GET', path: '/' }, { kind: 'config', message: why, maybeSent: false });
}

function tidy(type: string, url: string): string {
  if (!URL.canParse(url)) {
    throw failed(
      { service: type, method: 'GET', path: '/' },
      { kind: 'config', message: 'its URL in the catalog is no URL', maybeSent: false },
    );
  }
  const u = new URL(url);
  if (type === 'identity') return identityBase(url);
  return `${u.origin}${u.pathname.replace(/\/+$/, '')}`;
}
