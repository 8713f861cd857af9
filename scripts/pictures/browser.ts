// A headless Chromium, spoken to by its DevTools protocol: opens pages, clicks, takes pictures.
import { spawn } from 'node:child_process';
import { access, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'undici';

export interface Page {
  open(url: string): Promise<void>;
  /** Resolves when the script's value is truthy; rejects with what was waited for. */
  until(what: string, script: string, limitMs?: number): Promise<void>;
  run(script: string): Promise<unknown>;
  size(width: number, height: number): Promise<void>;
  /** Of the first that the selector names and that is shown, as bytes of a PNG. */
  picture(what: string): Promise<Buffer>;
}

export interface Browser {
  page: Page;
  close(): Promise<void>;
}

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'chrome'];
const STARTS_WITHIN_MS = 60_000;
const ANSWERS_WITHIN_MS = 60_000;

async function findChromium(): Promise<string> {
  const given = process.env.CHROMIUM;
  const paths = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  const all = given ? [given] : NAMES.flatMap((name) => paths.map((path) => join(path, name)));
  for (const path of all)
    if (
      await access(path).then(
        () => true,
        () => false,
      )
    )
      return path;
  throw new Error(
    `Chromium: not found at ${given ? `$CHROMIUM (${given})` : 'PATH'} (apt-get install chromium, or set CHROMIUM)`,
  );
}

/** Starts one with a profile of its own, which goes with it. Rejects with its last words where it does not start. */
export async function openBrowser(): Promise<Browser> {
  const program = await findChromium();
  const profile = await mkdtemp(join(tmpdir(), 'lifeboat-chromium-'));
  const options = ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--hide-scrollbars'];
  const child = spawn(program, [...options, '--remote-debugging-port=0', `--user-data-dir=${profile}`, 'about:blank'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const close = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    let said = '';
    const address = await Promise.race([
      new Promise<string>((resolve) => {
        child.stderr.on('data', (chunk: Buffer) => {
          said += chunk.toString();
          const found = /DevTools listening on (ws:\S+)/.exec(said);
          if (found) resolve(found[1]!);
        });
      }),
      ended.then(() => Promise.reject(new Error(`${program} has ended: ${said.trim().split('\n').at(-1)}`))),
      sleep(STARTS_WITHIN_MS, null, { ref: false }).then(() => Promise.reject(new Error(`${program} does not start`))),
    ]);
    return { page: await openPage(address), close };
  } catch (error) {
    await close();
    throw error;
  }
}

interface Rect {
  x: number;
  y: number;
  width: number;
  height: number;
}

interface Answer {
  id?: number;
  result?: Record<string, unknown>;
  error?: { message: string };
}

async function openPage(address: string): Promise<Page> {
  const socket = new WebSocket(address);
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener('open', () => resolve());
    socket.addEventListener('error', () => reject(new Error(`${address}: no DevTools`)));
  });
  const waiting = new Map<number, (answer: Answer) => void>();
  socket.addEventListener('message', ({ data }) => {
    const answer = JSON.parse(String(data)) as Answer;
    if (answer.id !== undefined) waiting.get(answer.id)?.(answer);
  });
  let count = 0;
  const session: { sessionId?: string } = {};
  const call = async (method: string, params: object = {}): Promise<Record<string, unknown>> => {
    const id = (count += 1);
    const answered = new Promise<Answer>((resolve) => waiting.set(id, resolve));
    socket.send(JSON.stringify({ id, method, params, ...session }));
    const late = sleep(ANSWERS_WITHIN_MS, { error: { message: 'no answer' } }, { ref: false });
    const { result, error } = (await Promise.race([answered, late])) as Answer;
    waiting.delete(id);
    if (error) throw new Error(`Chromium, ${method}: ${error.message}`);
    return result ?? {};
  };
  const { targetId } = await call('Target.createTarget', { url: 'about:blank' });
  Object.assign(session, await call('Target.attachToTarget', { targetId, flatten: true }));
  await call('Page.enable');
  return pageBy(call);
}

function pageBy(call: (method: string, params?: object) => Promise<Record<string, unknown>>): Page {
  const run = async (script: string): Promise<unknown> => {
    const params = { expression: script, awaitPromise: true, returnByValue: true };
    const { result, exceptionDetails } = await call('Runtime.evaluate', params);
    if (exceptionDetails) throw new Error(`page: ${script}: ${JSON.stringify(exceptionDetails).slice(0, 300)}`);
    return (result as { value?: unknown }).value;
  };
  const until: Page['until'] = async (what, script, limitMs = 60_000) => {
    const deadline = performance.now() + limitMs;
    while (!(await run(script).catch(() => false))) {
      if (performance.now() > deadline) throw new Error(`page: not within ${limitMs / 1_000} s: ${what}`);
      await sleep(200);
    }
  };
  return {
    run,
    until,
    open: async (url) => void (await call('Page.navigate', { url })),
    size: async (width, height) =>
      void (await call('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: false })),
    async picture(what) {
      const first = `[...document.querySelectorAll(${JSON.stringify(what)})].find((e) => e.getBoundingClientRect().width > 0)`;
      await until(`${what} is shown`, `!!${first}`);
      await run(`${first}.scrollIntoView({ block: 'center' })`);
      // What is drawn grows and moves for a moment.
      await run('new Promise((done) => setTimeout(done, 2000))');
      const rect = (await run(
        `(({ x, y, width, height }) => ({ x, y, width, height }))(${first}.getBoundingClientRect())`,
      )) as Rect;
      const clip = { ...rect, scale: 1 };
      const { data } = await call('Page.captureScreenshot', { format: 'png', clip, captureBeyondViewport: true });
      return Buffer.from(String(data), 'base64');
    },
  };
}
