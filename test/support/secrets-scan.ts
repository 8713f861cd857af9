// Looks for secrets in a text in whatever way it may be written. It decodes the text, where the product (activities/openstack/redact.ts)
// encodes the secret: one mistake cannot hide in both.

export interface Secret {
  name: string;
  value: string;
}

export interface Leak {
  secret: string;
  /** Where the text came from. */
  where: string;
  /** How it was written: `base64`, `percent of base64`, `plain`. */
  as: string;
  near: string;
}

/** Half a secret is one, too: what was cut off in its middle is found by its rest. Below this length a part means nothing. */
const SHORTEST_PART = 8;
/** A token in base64 in a URL is two deep. */
const DEPTH = 2;

const DECODERS: Record<string, (text: string) => string> = {
  escapes: (text) =>
    text
      .replace(/\\u([0-9a-fA-F]{4})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
      .replace(/\\+(["'/\\ ])/g, '$1'),
  percent: (text) => text.replace(/(?:%[0-9a-fA-F]{2})+/g, (run) => bytes(run.replaceAll('%', ''), 'hex')),
  form: (text) =>
    text.replaceAll('+', ' ').replace(/(?:%[0-9a-fA-F]{2})+/g, (run) => bytes(run.replaceAll('%', ''), 'hex')),
  html: (text) =>
    text.replace(/&(?:#(\d+)|#x([0-9a-f]+)|(\w+));/gi, (all, decimal?: string, hex?: string, name?: string) =>
      name
        ? (ENTITIES[name.toLowerCase()] ?? all)
        : String.fromCodePoint(decimal ? Number(decimal) : parseInt(hex!, 16)),
    ),
  hex: (text) => shifted(text, /[0-9a-fA-F]{16,}/g, 2, 'hex'),
  base64: (text) => shifted(text, /[A-Za-z0-9+/_-]{11,}/g, 4, 'base64'),
};

const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' };

const bytes = (text: string, encoding: 'hex' | 'base64'): string => Buffer.from(text, encoding).toString('utf8');

/** Every run, begun at each of its first characters: what stands before it may be glued to it. */
function shifted(text: string, runs: RegExp, width: number, encoding: 'hex' | 'base64'): string {
  const found = text.match(runs) ?? [];
  return Array.from({ length: width }, (_, skip) =>
    found.map((run) => bytes(run.slice(skip), encoding)).join('\n'),
  ).join('\n');
}

/** Every place where one of the secrets, or half of one, stands in the text. */
export function findSecrets(text: string, where: string, secrets: readonly Secret[]): Leak[] {
  const leaks: Leak[] = [];
  const look = (now: string, as: string, depth: number): void => {
    for (const { name, value } of secrets) {
      const part = partsOf(value).find((p) => now.includes(p));
      if (part === undefined) continue;
      const at = now.indexOf(part);
      leaks.push({ secret: name, where, as, near: now.slice(Math.max(0, at - 60), at + part.length + 20) });
    }
    if (depth === 0) return;
    for (const [decoder, decode] of Object.entries(DECODERS)) {
      const next = decode(now);
      if (next !== now && next !== '') look(next, as === 'plain' ? decoder : `${decoder} of ${as}`, depth - 1);
    }
  };
  look(text, 'plain', DEPTH);
  return leaks.filter((leak, i) => leaks.findIndex((l) => l.secret === leak.secret) === i);
}

/** The whole of it stands in its halves. */
function partsOf(value: string): string[] {
  const middle = Math.floor(value.length / 2);
  const halves = [value.slice(0, middle), value.slice(middle)];
  return halves.every((half) => half.length >= SHORTEST_PART) ? halves : [value];
}

export const tellLeaks = (leaks: readonly Leak[]): string =>
  leaks.map((l) => `${l.secret} in ${l.where}, as ${l.as}: …${l.near.replace(/\s+/g, ' ')}…`).join('\n');
