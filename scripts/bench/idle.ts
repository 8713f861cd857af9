// A fleet in which nothing happens: what watching costs Temporal's history and Nova, also when its worker is killed.
import { SERVICE_USER } from '../../test/world/people.ts';
import { watchId } from '../../workflows/contract.ts';
import { CLOUD, type SetUp } from './set-up.ts';

const WINDOW_MS = 180_000;
const HOUR_MS = 3_600_000;

export interface Idle {
  eventsPerHour: number;
  callsPerSweep: number;
}

interface Sweeping {
  pid: number;
  /** Whole or not, since the watch began: the sweep counts them itself. */
  sweeps: number;
  nodes: number;
  history: number;
}

/** The watch as the server has it: its history, and the last heartbeat of its sweep. */
async function sweeping({ client }: SetUp): Promise<Sweeping | null> {
  const { raw, historyLength } = await client.workflow.getHandle(watchId(CLOUD)).describe();
  const sweep = raw.pendingActivities?.find((a) => a.activityType?.name === 'sweepFleet');
  const data = sweep?.heartbeatDetails?.payloads?.[0]?.data;
  if (!sweep || !data) return null;
  const { sweeps, lastWholeCount } = JSON.parse(Buffer.from(data).toString()) as Record<string, number>;
  const pid = Number.parseInt(sweep.lastWorkerIdentity ?? '', 10);
  return { pid, sweeps: sweeps ?? 0, nodes: lastWholeCount ?? 0, history: historyLength };
}

/** Windows of three minutes, in the middle of each of which the worker that sweeps is killed; the other one goes on. */
export async function watchIdle(s: SetUp, times: number): Promise<Idle[]> {
  s.say(`the watch learns ${s.world.nodes.length} nodes`);
  const whole = async (): Promise<boolean> => (await sweeping(s))?.nodes === s.world.nodes.length;
  await s.until('the fleet is swept', 120, whole, 500);
  await atRest(s);
  const seen: Idle[] = [];
  for (let i = 0; i < times; i++) {
    seen.push(await window(s));
    await s.addWorker();
    await atRest(s);
  }
  return seen;
}

/** A worker that starts brings the policy of its file, which costs a few events: none for half a minute. */
async function atRest(s: SetUp): Promise<void> {
  let [length, since] = [0, performance.now()];
  await s.until(
    'the watch rests',
    300,
    async () => {
      const { historyLength } = await s.client.workflow.getHandle(watchId(CLOUD)).describe();
      if (historyLength !== length) [length, since] = [historyLength, performance.now()];
      return performance.now() - since > 30_000;
    },
    500,
  );
}

async function window(s: SetUp): Promise<Idle> {
  s.say('watches for three minutes, with a takeover in the middle');
  const begun = performance.now();
  const before = await nextSweep(s, 0);
  const from = calls(s);
  await s.until('a minute and a half is over', 120, () => performance.now() - begun > WINDOW_MS / 2, 500);
  const middle = await nextSweep(s, 0);
  const callsPerSweep = (calls(s) - from) / (middle.sweeps - before.sweeps);
  await s.killWorker(middle.pid);
  s.say('the worker that sweeps was killed');
  const after = await nextSweep(s, middle.pid);
  s.say(`the other one goes on, with sweep ${after.sweeps} after ${middle.sweeps}`);
  await s.until('three minutes are over', 240, () => performance.now() - begun > WINDOW_MS, 500);
  const { history } = await nextSweep(s, 0);
  const eventsPerHour = ((history - before.history) * HOUR_MS) / (performance.now() - begun);
  return { eventsPerHour, callsPerSweep };
}

/** Right after one more sweep, by a worker that is not `without`: nothing is asked of Nova now. */
async function nextSweep(s: SetUp, without: number): Promise<Sweeping> {
  const first = await s.until('the watch sweeps', 60, () => sweeping(s));
  return s.until(
    'one more sweep',
    90,
    async () => {
      const now = await sweeping(s);
      return now && now.pid !== without && now.sweeps > first.sweeps ? now : null;
    },
    250,
  );
}

const calls = ({ world }: SetUp): number =>
  world.log.of('call').filter((c) => c.service === 'nova' && c.by === SERVICE_USER.name).length;
