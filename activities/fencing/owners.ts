// Whose device is it? And how a fault of the configuration is written.

export interface ConfigIssue {
  path: (string | number)[];
  message: string;
}

/** `fencing.levels[0].devices[1].options.host: why` */
export const writeIssue = ({ path, message }: ConfigIssue): string => {
  const written = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${part}`)).join('');
  return `fencing${written}: ${message}`;
};

/** Which node each device belongs to. A device of two nodes is refused for both: nobody knows whose it is. */
export class Owners {
  readonly #owners = new Map<string, Map<string, (string | number)[]>>();

  add(keys: readonly string[], node: string, path: (string | number)[]): void {
    for (const key of keys) {
      const nodes = this.#owners.get(key) ?? new Map<string, (string | number)[]>();
      this.#owners.set(key, nodes.set(node, nodes.get(node) ?? path));
    }
  }

  /** Why the device of these keys may not be used; null: each has one owner. */
  conflict(keys: readonly string[]): string | null {
    return keys.map((key) => this.#conflict(key)).find((why) => why !== null) ?? null;
  }

  #conflict(key: string): string | null {
    const nodes = [...(this.#owners.get(key) ?? [])];
    if (nodes.length < 2) return null;
    const places = nodes.map(([node, path]) => `${node} (${writeIssue({ path, message: '' }).slice(0, -2)})`);
    return `the device ${key} is configured for several nodes: ${places.join(', ')}; each needs its own`;
  }

  conflicts(): (ConfigIssue & { key: string })[] {
    return [...this.#owners].flatMap(([key, nodes]) => {
      const message = this.#conflict(key);
      const second = [...nodes.values()][1];
      return message && second ? [{ key, path: second, message }] : [];
    });
  }
}
