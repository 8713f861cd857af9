// Activities that can be replaced while their Worker runs: a call that began goes on with what it began with, the next one gets the
// new. What an activity holds (devices, channels) is closed when the last call that uses it has ended.

type Activity = (...args: never[]) => unknown;

interface Generation {
  activities: Readonly<Record<string, Activity>>;
  running: number;
  /** Resolves `idle`; set once it was replaced. */
  ended: (() => void) | null;
}

export class LiveActivities {
  #now: Generation;
  /** What the Worker is given. */
  readonly delegates: Record<string, Activity>;

  constructor(activities: object) {
    this.#now = generation(activities);
    this.delegates = Object.fromEntries(
      Object.keys(activities).map((name) => [name, (...args: never[]) => this.#call(name, args)]),
    );
  }

  /** From now on calls go to these; resolves when the last call of the ones before has ended. */
  replace(activities: object): Promise<void> {
    const before = this.#now;
    this.#now = generation(activities);
    if (before.running === 0) return Promise.resolve();
    return new Promise((resolve) => {
      before.ended = resolve;
    });
  }

  async #call(name: string, args: never[]): Promise<unknown> {
    const mine = this.#now;
    mine.running += 1;
    try {
      return await mine.activities[name]!(...args);
    } finally {
      mine.running -= 1;
      if (mine.running === 0) mine.ended?.();
    }
  }
}

const generation = (activities: object): Generation => ({
  activities: activities as Generation['activities'],
  running: 0,
  ended: null,
});
