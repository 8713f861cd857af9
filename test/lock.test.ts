// `npm ci` refuses a lock that lacks a package of another platform: then nobody can install, and CI fails before the first test.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

interface Locked {
  version?: string;
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

const lock = JSON.parse(readFileSync(join(import.meta.dirname, '../package-lock.json'), 'utf8')) as {
  packages: Record<string, Locked>;
};

/** Where Node would find it: beside the asking package, or in a folder above. */
function found(from: string, name: string): Locked | undefined {
  for (let at = from; ; at = at.slice(0, Math.max(0, at.lastIndexOf('/node_modules/')))) {
    const here = lock.packages[`${at === '' ? '' : `${at}/`}node_modules/${name}`];
    if (here || at === '') return here;
  }
}

test('the lock names every package that another needs, also those of other platforms', () => {
  const missing = Object.entries(lock.packages).flatMap(([from, p]) =>
    Object.keys({ ...p.dependencies, ...p.optionalDependencies })
      .filter((name) => found(from, name)?.version === undefined)
      .map((name) => `${from || 'lifeboat'} needs ${name}`),
  );
  assert.deepEqual(missing, []);
});
