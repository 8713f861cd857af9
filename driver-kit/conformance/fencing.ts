// What every fencing driver promises. A driver's own test brings a machine behind its device; this asks the questions.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FenceDevice, FencingContext, FencingDriver } from '../../activities/fencing/driver.ts';
import { DEFAULT_TIMINGS } from '../../workflows/defaults.ts';
import type { DeviceFault, PowerState } from '../../workflows/domain.ts';
import { FAULTS } from './fencing-faults.ts';
import type { Fault } from './fencing-faults.ts';

/** One machine with its device. */
export interface Machine {
  /** Options for the driver; with an identity when `identity` is asked for. */
  options(identity?: boolean): Record<string, unknown>;
  context: Partial<FencingContext>;
  set(state: { power?: 'on' | 'off'; fault?: Fault | null }): Promise<void>;
  /** The truth, not what the device says. */
  power(): Promise<PowerState>;
  /** What reached the device: commands, in the driver's own words. */
  commands(): Promise<string[]>;
  stop(): Promise<void>;
}

export interface FencingSubject {
  driver: FencingDriver;
  /** What this kind of device can be made to do, for the status and for the off. */
  faults: { status: (keyof typeof FAULTS)[]; off: (keyof typeof FAULTS)[] };
  /** Options that it must refuse, each for another reason. */
  refused: Record<string, unknown>[];
  hasPassword: boolean;
  /** False: nothing that this kind of device tells can be compared. */
  identity?: false;
  /** Words of commands that would start the machine again or ask its system nicely. */
  never: RegExp;
  start(): Promise<Machine>;
}

export const PASSWORD = 'sEcret-7!';
/** A device that hangs is waited for; any other has time, also on a busy machine. */
const PATIENT = { ...DEFAULT_TIMINGS, powerStatusMs: 20_000, powerOffMs: 20_000 };
const SHORT = { ...DEFAULT_TIMINGS, powerStatusMs: 400, powerOffMs: 400 };
export const contextOf = (machine: Pick<Machine, 'context'>, secret = PASSWORD): FencingContext => ({
  timings: PATIENT,
  secret: () => Promise.resolve(secret),
  ...machine.context,
});

export function fencingConformance(subject: FencingSubject): void {
  const { driver } = subject;
  const promise = (
    text: string,
    act: (machine: Machine, device: FenceDevice) => Promise<void>,
    identity = false,
  ): void => {
    test(`${driver.name} ${text}`, async () => {
      const machine = await subject.start();
      try {
        await act(machine, deviceOf(driver, machine, identity));
      } finally {
        await machine.stop();
      }
    });
  };
  promisesOfOptions(subject);
  promisesOfPower(subject, promise);
  promisesOfFaults(subject, promise);
  if (subject.hasPassword) promisesOfSecrets(subject);
}

type Promise_ = (
  text: string,
  act: (machine: Machine, device: FenceDevice) => Promise<void>,
  identity?: boolean,
) => void;

const going = (): AbortSignal => new AbortController().signal;

function deviceOf(
  driver: FencingDriver,
  machine: Machine,
  identity: boolean,
  context: Partial<FencingContext> = {},
): FenceDevice {
  const options = driver.options.parse(machine.options(identity));
  return driver.create('compute-1', options, { ...contextOf(machine), ...context });
}

function promisesOfOptions({ driver, refused, start }: FencingSubject): void {
  test(`${driver.name} refuses options that it does not know or that make no sense`, async () => {
    const machine = await start();
    await machine.stop();
    const good = machine.options(true);
    assert.ok(driver.options.safeParse(good).success);
    for (const wrong of [{ nobodyKnowsThis: 1 }, ...refused])
      assert.equal(driver.options.safeParse({ ...good, ...wrong }).success, false, JSON.stringify(wrong));
  });

  test(`${driver.name} tells two machines' devices apart, and knows one device again`, async () => {
    const [one, two] = [await start(), await start()];
    await Promise.all([one.stop(), two.stop()]);
    const keys = (machine: Machine, identity: boolean) =>
      [driver.deviceKey(driver.options.parse(machine.options(identity)))].flat();
    assert.ok(keys(one, false).some((key) => keys(one, true).includes(key)));
    assert.ok(!keys(one, false).some((key) => keys(two, false).includes(key)));
  });
}

function promisesOfPower({ never, identity }: FencingSubject, promise: Promise_): void {
  promise('reads on and off, and changes nothing by reading', async (machine, device) => {
    const before = await device.status(going());
    assert.equal(before.power, 'on', before.detail);
    await machine.set({ power: 'off' });
    const reading = await device.status(going());
    assert.deepEqual(
      [reading.power, reading.fault, reading.identityConfirmed],
      ['off', undefined, false],
      reading.detail,
    );
    assert.equal(await machine.power(), 'off');
  });

  promise('switches off with one command, never a reset, a cycle or a graceful shutdown', async (machine, device) => {
    const { accepted, fault, detail } = await device.off(going());
    assert.deepEqual([accepted, fault], [true, undefined], detail);
    assert.equal((await device.status(going())).power, 'off');
    assert.equal(await machine.power(), 'off');
    assert.deepEqual(
      (await machine.commands()).filter((command) => never.test(command)),
      [],
    );
  });

  promise('leaves off what is off already', async (machine, device) => {
    await machine.set({ power: 'off' });
    assert.equal((await device.off(going())).accepted, true);
    assert.equal(await machine.power(), 'off');
  });

  promise('switches on, also twice', async (machine, device) => {
    await machine.set({ power: 'off' });
    assert.equal((await device.on(going())).accepted, true);
    assert.equal((await device.on(going())).accepted, true);
    assert.equal(await machine.power(), 'on');
  });

  if (identity === false) return;
  promise(
    'says that the identity is confirmed when it was compared',
    async (machine, device) => {
      await machine.set({ power: 'off' });
      const { power, identityConfirmed, detail } = await device.status(going());
      assert.deepEqual([power, identityConfirmed], ['off', true], detail);
    },
    true,
  );
}

function promisesOfFaults({ driver, faults, start }: FencingSubject, promise: Promise_): void {
  test(`${driver.name} ends within its time limits, and never says off, when the device hangs`, async () => {
    const machine = await start();
    const device = deviceOf(driver, machine, false, { timings: SHORT });
    await machine.set({ power: 'off', fault: 'hangs' });
    const [reading, command] = [await device.status(going()), await device.off(going())];
    await machine.stop();
    const saw = [reading.power, reading.fault, command.accepted, command.fault];
    assert.deepEqual(saw, ['unknown', 'timeout', false, 'timeout']);
  });

  for (const fault of faults.status)
    promise(
      `calls it ${FAULTS[fault][1].join(' or ')}, never off, when the device ${FAULTS[fault][0]}`,
      async (machine, device) => {
        await machine.set({ power: 'off', fault });
        const reading = await device.status(going());
        assert.equal(reading.power, 'unknown', reading.detail);
        assert.ok(includes(FAULTS[fault][1], reading.fault), `${reading.fault}: ${reading.detail}`);
        assert.equal(reading.identityConfirmed, false);
      },
      fault === 'otherMachine',
    );

  for (const fault of faults.off)
    promise(
      `does not say that an off was taken when the device ${FAULTS[fault][0]}`,
      async (machine, device) => {
        await machine.set({ power: 'on', fault });
        const command = await device.off(going());
        assert.equal(command.accepted, false, command.detail);
        assert.ok(includes(FAULTS[fault][1], command.fault), `${command.fault}: ${command.detail}`);
        await machine.set({ fault: null });
        const truth = fault === 'losesReply' ? 'off' : 'on';
        assert.equal(await machine.power(), truth);
        const reading = await device.status(going());
        assert.equal(reading.power, truth, `the status read tells what became of it: ${reading.detail}`);
      },
      fault === 'otherMachine',
    );

  promise('reads on after an off that the device only said it took', async (machine, device) => {
    await machine.set({ fault: 'lies' });
    assert.equal((await device.off(going())).accepted, true);
    assert.deepEqual([(await device.status(going())).power, await machine.power()], ['on', 'on']);
  });

  promise('ends at once when it is cancelled', async (machine, device) => {
    await machine.set({ fault: 'hangs' });
    const stop = new AbortController();
    const reading = device.status(stop.signal);
    stop.abort();
    assert.equal((await reading).power, 'unknown');
  });
}

function promisesOfSecrets({ driver, start, faults }: FencingSubject): void {
  test(`${driver.name} touches nothing when its password is missing or empty`, async () => {
    for (const secret of [
      () => Promise.resolve(''),
      () => Promise.reject(new Error('Cannot read secret $X: not set')),
    ]) {
      const machine = await start();
      const device = deviceOf(driver, machine, false, { secret });
      const [reading, command] = [await device.status(going()), await device.off(going())];
      const [seen, power] = [await machine.commands(), await machine.power()];
      await machine.stop();
      assert.deepEqual([reading.power, reading.fault, command.fault], ['unknown', 'misconfigured', 'misconfigured']);
      assert.deepEqual([seen, power], [[], 'on']);
    }
  });

  test(`${driver.name} never shows its password`, async () => {
    const machine = await start();
    const device = deviceOf(driver, machine, false);
    const shown = [device.label, device.confirmCommand(), String((await device.status(going())).detail)];
    for (const fault of faults.off) {
      await machine.set({ fault });
      shown.push((await device.off(going())).detail, (await device.status(going())).detail);
    }
    shown.push(...(await machine.commands()));
    await machine.stop();
    assert.deepEqual(
      shown.filter((text) => text.includes(PASSWORD)),
      [],
    );
  });
}

const includes = (some: readonly DeviceFault[], one: DeviceFault | undefined): boolean => some.some((f) => f === one);
