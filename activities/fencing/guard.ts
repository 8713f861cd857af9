// From the proof until the last instance is settled somebody looks (architecture.md, "The guard"). Every device and the
// witness have a loop of their own: a BMC or a Nova that hangs does not make the others blind.
import type { Clock } from '../monitoring/clock.ts';
import { linked } from '../monitoring/linked.ts';
import { readDevice } from './ask-device.ts';
import type { GuardInput, GuardResult } from './contract.ts';
import type { FenceDevice } from './driver.ts';
import { GuardMind } from './guard-mind.ts';
import type { GuardMemory } from './guard-mind.ts';
import type { GuardSight } from './run-line.ts';
import type { Look } from './witness.ts';

export interface GuardTools {
  /** Of the level that proved it; none for a proof by a person or by assumption: then there are witnesses only. */
  devices: readonly FenceDevice[];
  look: Look;
  /** Signals the run. */
  tell(sight: GuardSight): Promise<'told' | 'gone'>;
  clock: Clock;
  signal: AbortSignal;
  /** Some loop got somewhere. */
  progress(): void;
  /** Of the attempt before this one. */
  memory: GuardMemory | null;
  /** Called whenever there is something new to remember. */
  remember(memory: GuardMemory): void;
}

/** The run that the guard works for is closed: there is nothing to guard. */
export class RunGone extends Error {}

/** Returns only when the node is on or lives. Rejects when the signal fires, or with RunGone. Reads only. */
export async function guardByReading(input: GuardInput, tools: GuardTools): Promise<GuardResult> {
  const end = linked(tools.signal);
  const guarding = new Guarding(input, { ...tools, signal: end.signal });
  try {
    return await guarding.run();
  } finally {
    end.end();
  }
}

class Guarding {
  readonly #input: GuardInput;
  readonly #tools: GuardTools;
  readonly #mind: GuardMind;
  #told: GuardSight['seeing'] | null = null;
  #telling = false;
  #gone: (error: RunGone) => void = () => undefined;

  constructor(input: GuardInput, tools: GuardTools) {
    this.#input = input;
    this.#tools = tools;
    this.#mind = new GuardMind(input, tools.devices.length, tools.clock.now(), tools.memory);
  }

  run(): Promise<GuardResult> {
    const gone = new Promise<never>((_, reject) => (this.#gone = reject));
    const devices = this.#tools.devices.map((device, place) => this.#every(() => this.#readDevice(device, place)));
    const witness = this.#every(() => this.#look());
    // Blindness is also when nothing comes back: somebody has to look at the clock.
    const clock = this.#every(() => Promise.resolve(null));
    return Promise.race([gone, ...devices, witness, clock]);
  }

  async #every(step: () => Promise<GuardResult | null>): Promise<GuardResult> {
    const { clock, signal, remember } = this.#tools;
    for (;;) {
      const startedAt = clock.now();
      const trouble = await step();
      signal.throwIfAborted();
      if (trouble) return trouble;
      remember(this.#mind.memory(clock.now()));
      void this.#tell();
      await clock.sleep(Math.max(0, startedAt + this.#input.timings.guardEveryMs - clock.now()), signal);
    }
  }

  async #readDevice(device: FenceDevice, place: number): Promise<GuardResult | null> {
    const { clock, signal, progress } = this.#tools;
    const reading = await readDevice(device, this.#input.timings.powerStatusMs, clock, signal);
    progress();
    this.#mind.noteDevice(place, reading, clock.now());
    return reading.power === 'on' ? this.#trouble('on', reading.detail) : null;
  }

  async #look(): Promise<GuardResult | null> {
    const { clock, signal, look, progress } = this.#tools;
    const sign = await look(signal);
    progress();
    const alive = this.#mind.noteSign(sign, clock.now());
    return alive ? this.#trouble('alive', alive) : null;
  }

  #trouble(kind: GuardResult['kind'], saw: string): GuardResult {
    return { kind, saw, readAt: this.#tools.clock.iso(), marked: this.#mind.marked };
  }

  /** Says what changed, one message at a time; what could not be said is said at the next turn. */
  async #tell(): Promise<void> {
    const { clock } = this.#tools;
    const sight = this.#mind.seeing(clock.now());
    if (this.#telling || sight === null || sight.seeing === this.#told) return;
    this.#telling = true;
    try {
      const { epoch } = this.#input;
      const answer = await this.#tools.tell({ epoch, ...sight, readAt: clock.iso() });
      if (answer === 'gone') this.#gone(new RunGone('the run that it guarded is closed'));
      this.#told = sight.seeing;
    } catch {
      // The server is away for a moment. The node goes on being read; the run posts nothing without an answer anyway.
    } finally {
      this.#telling = false;
    }
  }
}
