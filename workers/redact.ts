// What leaves a worker (errors into histories, log lines) goes through here first: no password, token or key in either (S10).
import { expressionOf, GONE, redactBy } from '../activities/openstack/redact.ts';

export interface Redactor {
  /** From now on this value is removed in every form that a library may write it in. Idempotent. */
  know(secret: string): void;
  /** The text without known secrets, URL credentials and strings that look like tokens. */
  redact(text: string): string;
  /** The same for every string of a value that can be written as JSON. Keys that name a secret lose their value. */
  redactValue(value: unknown): unknown;
}

const SECRET_KEY = /passw(or)?d|secret|token|api_?key|private_?key|credential/i;

export function createRedactor(): Redactor {
  const known = new Set<string>();
  let expression: RegExp | null = null;

  const redact = (text: string): string => {
    expression ??= expressionOf(known);
    return redactBy(expression, text);
  };
  const redactValue = (value: unknown): unknown => {
    if (typeof value === 'string') return redact(value);
    if (Array.isArray(value)) return value.map(redactValue);
    if (typeof value === 'bigint') return value.toString();
    if (value instanceof Error) return redact(`${value.name}: ${value.message}`);
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value).map(([key, inner]) => [
      key,
      SECRET_KEY.test(key) && typeof inner === 'string' ? GONE : redactValue(inner),
    ]);
    return Object.fromEntries(entries);
  };
  return {
    know(secret) {
      if (secret === '' || known.has(secret)) return;
      known.add(secret);
      expression = null;
    },
    redact,
    redactValue,
  };
}
