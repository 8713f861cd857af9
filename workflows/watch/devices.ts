// Power devices that would not serve a fence. The admins are told of each once when it breaks and once when it is well, in one message
// a round, however many they are. What a probe finds is no evidence: no gate and no verdict looks at it.
import { setHandler } from '@temporalio/workflow';
import { adviceFor, deviceName, DEVICES_ALARM, namesOf, type BrokenDevice, type DeviceReport } from '../contract.ts';
import { devicesProbedSignal } from '../verbs.ts';
import { alarm, alarmGoesOn, endAlarm, notice } from './alarms.ts';
import { showWatch, type Watch } from './state.ts';

export function installDevices(w: Watch): void {
  setHandler(devicesProbedSignal, (report) => probed(w, report));
}

async function probed(w: Watch, report: DeviceReport | null): Promise<void> {
  if (report) return changed(w, report);
  w.devices = null;
  showWatch(w);
  await endAlarm(w, DEVICES_ALARM, 'the power devices are not probed any more');
}

async function changed(w: Watch, { readAt, counts, bare, broken, well, gone }: DeviceReport): Promise<void> {
  const known = new Map((w.devices?.broken ?? []).map((device) => [deviceName(device), device]));
  const fresh = broken.filter((device) => !known.has(deviceName(device)));
  const mended = well.flatMap((name) => known.get(name) ?? []);
  for (const device of broken) {
    const name = deviceName(device);
    known.set(name, { ...device, since: known.get(name)?.since ?? readAt, askedAt: readAt });
  }
  for (const name of [...well, ...gone]) known.delete(name);
  w.devices = { readAt, counts, bare, broken: [...known.values()] };
  showWatch(w);
  if (fresh.length > 0) await tellBroken(w, fresh);
  const left = known.size;
  const were = count(mended.length, 'is well again', 'are well again');
  if (left === 0)
    await endAlarm(w, DEVICES_ALARM, mended.length > 0 ? `${were}: ${namesOf(mended)}` : 'no device is broken now');
  else if (mended.length > 0)
    await notice(w, `${DEVICES_ALARM}-mended`, `${were}: ${namesOf(mended)}. Broken still: ${left}`);
}

async function tellBroken(w: Watch, fresh: readonly BrokenDevice[]): Promise<void> {
  const what = count(fresh.length, 'would not serve a fence', 'would not serve a fence');
  const headline = `${what}: ${namesOf(fresh)}. Nothing was switched; a recovery would need the next level, or a person`;
  const lines = [...adviceFor(fresh), 'npm run check reads them all again, and says what it sees'];
  if (w.alarms.has(DEVICES_ALARM)) await alarmGoesOn(w, DEVICES_ALARM, headline, lines);
  else await alarm(w, DEVICES_ALARM, headline, lines);
}

const count = (n: number, one: string, many: string): string =>
  n === 1 ? `1 power device ${one}` : `${n} power devices ${many}`;
