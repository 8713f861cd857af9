// The direction of the house: scripts → workers → activities; everybody may use the workflows' contract; nobody imports upwards.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, normalize, relative } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '..');

interface Import {
  from: string;
  /** A path in this repository, or a package. */
  to: string;
  local: boolean;
  /** Vanishes at run time. `import { type X }` does not: with verbatimModuleSyntax the module is still loaded. */
  typeOnly: boolean;
}

export function importsIn(file: string, source: string): Import[] {
  const code = source.replace(/^\s*\/\/.*$/gm, '').replace(/\/\*[\s\S]*?\*\//g, '');
  const statements = /^(?:import|export)\s+(type\s+)?(?:[^'"`;]*?\sfrom\s+)?'([^']+)'/gm;
  const dynamic = /\bimport\(\s*'([^']+)'\s*\)/g;
  const found = [
    ...[...code.matchAll(statements)].map((m) => ({ name: m[2]!, typeOnly: m[1] !== undefined })),
    ...[...code.matchAll(dynamic)].map((m) => ({ name: m[1]!, typeOnly: false })),
  ];
  return found.map(({ name, typeOnly }) => {
    const local = name.startsWith('.');
    return { from: file, to: local ? normalize(join(dirname(file), name)) : name, local, typeOnly };
  });
}

const SHARED = [
  'contract',
  'marker',
  'notice',
  'policy',
  'domain',
  'defaults',
  'verbs',
  'drill/judge',
  'drill/findings',
].map((name) => `workflows/${name}.ts`);
/** What one room may use of another at run time: the client's errors, and how a sign of life is read. */
const ROOMS_SHARE = [
  'openstack/errors.ts',
  'monitoring/connect.ts',
  'monitoring/linked.ts',
  'monitoring/beating.ts',
  'monitoring/clock.ts',
  'monitoring/duration.ts',
  'fencing/run-program.ts',
  'load-driver.ts',
].map((f) => `activities/${f}`);

/** Why an import is wrong; null: it is right. */
export function judge({ from, to, local, typeOnly }: Import): string | null {
  const [layer, room] = from.split('/') as [string, string];
  if (layer === 'test') return null;
  if (!local) return judgePackage(to, layer);
  const [target, targetRoom] = to.split('/') as [string, string];
  switch (layer) {
    case 'workflows':
      if (target === 'workflows') return null;
      return target === 'activities' && typeOnly ? null : 'workflows import activities as types, and nothing above';
    case 'activities':
      if (target === 'workflows') return SHARED.includes(to) ? null : `of the workflows only ${SHARED.join(', ')}`;
      if (target !== 'activities') return 'activities import nothing above them';
      return targetRoom === room || typeOnly || ROOMS_SHARE.includes(to) ? null : 'rooms do not use each other';
    case 'workers':
      if (target === 'workflows') return SHARED.includes(to) ? null : `of the workflows only ${SHARED.join(', ')}`;
      return target === 'workers' || target === 'activities' ? null : 'workers import nothing above them';
    case 'scripts':
      if (from === 'scripts/story.ts' && to.startsWith('test/golden/')) return null;
      if (target === 'test')
        return /^scripts\/(demo|bench)[./-]/.test(from) && to.startsWith('test/world/')
          ? null
          : 'only the demo and the bench use test/world';
      if (target === 'workflows' && !typeOnly)
        return SHARED.includes(to) ? null : `of the workflows only ${SHARED.join(', ')}`;
      return null;
    case 'driver-kit':
      if (target === 'workflows') return SHARED.includes(to) ? null : `of the workflows only ${SHARED.join(', ')}`;
      return target === 'driver-kit' || target === 'activities' ? null : 'the drivers of others see activities alone';
    default:
      return `${layer} is no room of this house`;
  }
}

const DEPENDENCIES = Object.keys(
  (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { dependencies: object }).dependencies,
);

function judgePackage(name: string, layer: string): string | null {
  if (layer === 'workflows') {
    const allowed = ['@temporalio/workflow', '@temporalio/common'].includes(name);
    return allowed ? null : 'workflows are deterministic: only @temporalio/workflow and @temporalio/common';
  }
  if (name.startsWith('node:') || builtinModules.includes(name)) return null;
  const bare = name
    .split('/')
    .slice(0, name.startsWith('@') ? 2 : 1)
    .join('/');
  return DEPENDENCIES.includes(bare) ? null : `${bare} is not in dependencies`;
}

function allImports(): Import[] {
  return ['workflows', 'activities', 'workers', 'driver-kit', 'scripts', 'test'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
      .map((entry) => relative(root, join(entry.parentPath, entry.name)))
      .flatMap((file) => importsIn(file, readFileSync(join(root, file), 'utf8'))),
  );
}

test('nobody imports upwards, and rooms do not use each other', () => {
  const imports = allImports();
  assert.ok(imports.length > 100, 'the walk sees the imports');
  const wrong = imports.flatMap((i) => {
    const why = judge(i);
    return why ? [`${i.from} → ${i.to}${i.typeOnly ? ' (type)' : ''}: ${why}`] : [];
  });
  assert.deepEqual(wrong, []);
});

test('the policy and its parts import types and each other only: they stay pure', () => {
  const pure = ['policy', 'verdicts', 'gates', 'domains', 'selection'].map((name) => `workflows/${name}.ts`);
  const wrong = allImports().filter((i) => pure.includes(i.from) && !i.typeOnly && !pure.includes(i.to));
  assert.deepEqual(wrong, []);
});

test('a wrong import of every kind is found', () => {
  const cases: [string, string][] = [
    ['workflows/a.ts', `import { x } from '../activities/fencing/levels.ts';`],
    ['workflows/a.ts', `import { type X } from '../activities/fencing/contract.ts';`],
    ['workflows/a.ts', `import { readFile } from 'node:fs/promises';`],
    ['workflows/a.ts', `import { z } from 'zod';`],
    ['activities/fencing/a.ts', `import { y } from '../../workers/config.ts';`],
    ['activities/fencing/a.ts', `import {\n  y,\n} from '../monitoring/sweep.ts';`],
    ['activities/fencing/a.ts', `export * from '../../workflows/recover-node.ts';`],
    ['activities/fencing/a.ts', `const x = await import('../../scripts/demo.ts');`],
    ['activities/fencing/a.ts', `import left from 'left-pad';`],
    ['workers/a.ts', `import '../scripts/demo.ts';`],
    ['driver-kit/a.ts', `import { parseConfig } from '../workers/config.ts';`],
    ['activities/fencing/a.ts', `import { rowOf } from '../../driver-kit/conformance/index.ts';`],
    ['scripts/status.ts', `import { world } from '../test/world/centre.ts';`],
  ];
  for (const [file, source] of cases) {
    const [found] = importsIn(file, source);
    assert.ok(found && judge(found), `${file}: ${source}`);
  }
});
