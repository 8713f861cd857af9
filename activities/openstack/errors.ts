// What can go wrong with a cloud, as one class. Its text goes to histories, mails and consoles: one line, no secret, no body.
import { redact } from './redact.ts';
import type { OpenStackFailure } from './types.ts';

export { redact } from './redact.ts';

const LONGEST = 300;

/** Reads `[GET] compute /os-services: 503 <message> (request req-…)`; of a configuration: `<what> <object>: <why> (<hint>)`. */
export class OpenStackError extends Error {
  override name = 'OpenStackError';
  readonly failure: OpenStackFailure;

  constructor(failure: OpenStackFailure) {
    const said = oneLine(failure.message);
    super(describe(failure, said));
    this.failure = { ...failure, message: clip(said, LONGEST) };
  }

  get service(): string {
    return this.failure.service;
  }
  get method(): string {
    return this.failure.method;
  }
  get path(): string {
    return this.failure.path;
  }
  get status(): number {
    return this.failure.status;
  }
  get requestId(): string | null {
    return this.failure.requestId;
  }
  get kind(): OpenStackFailure['kind'] {
    return this.failure.kind;
  }
  /** False: surely nothing reached the service, so a write had no effect. */
  get maybeSent(): boolean {
    return this.failure.maybeSent;
  }
}

export function isOpenStackError(e: unknown): e is OpenStackError {
  return e instanceof OpenStackError;
}

/** A mistake in clouds.yaml or OS_*, or an argument that Nova would refuse or ignore. Nothing was sent. */
export function configError(message: string): OpenStackError {
  return new OpenStackError({
    service: 'config',
    method: '',
    path: '',
    status: 0,
    message,
    requestId: null,
    kind: 'config',
    maybeSent: false,
  });
}

/** The same trouble, met before the call itself was sent. */
export function unsent(e: OpenStackError): OpenStackError {
  return e.maybeSent ? new OpenStackError({ ...e.failure, maybeSent: false }) : e;
}

/** The kind of an answer by its status code. */
export function kindOfStatus(status: number): OpenStackFailure['kind'] {
  if (status === 401) return 'auth';
  if (status === 403) return 'forbidden';
  if (status === 404) return 'notFound';
  if (status === 409) return 'conflict';
  if (status === 406) return 'tooOld';
  // 413 is how an old Nova says 429.
  if (status === 429 || status === 413) return 'rateLimited';
  if (status >= 500) return 'server';
  // Never followed: the token would go to wherever it points.
  if (status >= 300 && status < 400) return 'config';
  return status >= 400 ? 'badRequest' : 'server';
}

function describe(f: OpenStackFailure, said: string): string {
  if (f.method === '') return clip(said, LONGEST);
  const head = `[${f.method}] ${f.service} ${clip(f.path, 120)}: ${f.status === 0 ? '' : `${f.status} `}`;
  const tail = f.requestId ? ` (request ${clip(f.requestId, 60)})` : '';
  return head + clip(said, LONGEST - head.length - tail.length) + tail;
}

function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\s]+/gu, ' ').trim();
}

function clip(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}

/** Words that a service wrote into data (a fault, a reason), cleaned and shortened for people. */
export function quoted(text: string, length: number): string {
  return clip(oneLine(redact(text)), length);
}
