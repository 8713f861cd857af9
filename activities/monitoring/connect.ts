// One TCP connection attempt, and what it says of the machine at the other end.
import { createConnection } from 'node:net';
import { linked } from './linked.ts';

export type Answer =
  /** The address answered: connected, or refused (a kernel said no: the machine lives). */
  | { kind: 'answered'; saw: string }
  | { kind: 'silent'; saw: string }
  /** Our own side has no way there, or the attempt failed for a reason that says nothing of the machine. */
  | { kind: 'unknown'; saw: string };

const ANSWERS = new Set(['ECONNREFUSED', 'ECONNRESET']);
const SILENCES = new Set(['ETIMEDOUT']);

/**
 * Connects once and closes at once; sends nothing. Never rejects. EHOSTUNREACH may come from a router or from our own ARP:
 * it is not the silence of the node, so it is unknown.
 */
export function connectOnce(host: string, port: number, timeoutMs: number, signal: AbortSignal): Promise<Answer> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve({ kind: 'unknown', saw: 'stopped looking' });
    const socket = createConnection({ host, port, noDelay: true });
    const end = (answer: Answer): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
      // `error` keeps its listener: destroying a socket that is connecting may still report one.
      socket.destroy();
      resolve(answer);
    };
    const stop = (): void => end({ kind: 'unknown', saw: 'stopped looking' });
    const begun = performance.now();
    // A busy process sees its timers before the answers that arrived long ago: those are read first (setImmediate), and where we
    // were away for as long again, it is not known who was silent.
    const timer = setTimeout(() => {
      const away = performance.now() - begun > 2 * timeoutMs;
      setImmediate(() => end({ kind: away ? 'unknown' : 'silent', saw: away ? 'we were stopped' : `${port} silent` }));
    }, timeoutMs);
    signal.addEventListener('abort', stop, { once: true });
    socket.on('connect', () => end({ kind: 'answered', saw: `${port} open` }));
    socket.on('error', (error: NodeJS.ErrnoException) => end(read(error.code ?? error.message, port)));
  });
}

function read(code: string, port: number): Answer {
  if (ANSWERS.has(code)) return { kind: 'answered', saw: `${port} refused` };
  if (SILENCES.has(code)) return { kind: 'silent', saw: `${port} silent` };
  return { kind: 'unknown', saw: `${port} ${code}` };
}

/**
 * Tries several ports of one host. The first port gets a head start of a quarter of the time limit, so that a healthy host
 * costs one connection; then the others are tried beside it. One answer is an answer; all silent is silence; else unknown.
 * Ends within 1.25 × timeoutMs. Never rejects.
 */
export async function connectAny(
  host: string,
  ports: readonly number[],
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Answer> {
  const enough = linked(signal);
  let timer: NodeJS.Timeout | undefined;
  try {
    const [first, ...others] = ports;
    const all = [connectOnce(host, first!, timeoutMs, enough.signal)];
    const headStart = new Promise<null>((r) => (timer = setTimeout(r, timeoutMs / 4, null)));
    const early = await Promise.race([all[0]!, headStart]);
    if (early?.kind === 'answered') return early;
    all.push(...others.map((port) => connectOnce(host, port, timeoutMs, enough.signal)));

    // The first answer ends the other attempts.
    for (const attempt of all) void attempt.then((a) => a.kind === 'answered' && enough.abort());
    const answers = await Promise.all(all);
    const answered = answers.find((a) => a.kind === 'answered');
    if (answered) return answered;
    const saw = answers.map((a) => a.saw).join(', ');
    return { kind: answers.every((a) => a.kind === 'silent') ? 'silent' : 'unknown', saw };
  } finally {
    clearTimeout(timer);
    enough.end();
  }
}
