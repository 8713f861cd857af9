// What node's test runner says, one JSON line a test: its name, and the error that ended it.
import type { TestEvent } from 'node:test/reporters';

export interface Said {
  test: string;
  /** Null: it passed. */
  error: string | null;
}

const oneLine = (e: unknown): string => {
  const { name = '', code = '', message = '' } = (e ?? {}) as Record<string, string | undefined>;
  return `${name}${code ? ` [${code}]` : ''}: ${message}`.replace(/\s+/g, ' ').slice(0, 300);
};

export default async function* reporter(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const { type, data } of source) {
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    // What the patterns left out, and what only holds others.
    if (data.skip !== undefined || data.details.type === 'suite') continue;
    const failed = type === 'test:fail' ? (data.details as { error?: { cause?: unknown } }).error : null;
    const said: Said = { test: data.name, error: failed ? oneLine(failed.cause ?? failed) : null };
    yield `\n@said ${JSON.stringify(said)}\n`;
  }
}
