import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { aNode, monitoringConformance, monitoringContext } from 'lifeboat/conformance';
import type { MonitoringDriver } from 'lifeboat/driver';
import share from '../src/index.ts';

monitoringConformance('share', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'share-'));
  const touch = async (host: string, secondsAgo: number): Promise<void> => {
    await writeFile(join(folder, host), '');
    const at = Date.now() / 1_000 - secondsAgo;
    await utimes(join(folder, host), at, at);
  };
  await touch('living', 1);
  await touch('dead', 600);
  // The promises also look at a long list of living nodes.
  for (let i = 0; i < 300; i++) await touch(`many-${i}`, 1);
  return {
    subject: {
      driver: share as MonitoringDriver,
      options: { folder },
      refused: [{}, { folder: 'alive' }, { folder, olderThan: 1 }],
      context: monitoringContext(),
      alive: { node: aNode({ host: 'living' }) },
      failed: { node: aNode({ host: 'dead' }) },
      unknown: [{ node: aNode({ host: 'never-seen' }) }, { node: aNode({ host: '../etc' }) }],
    },
    tearDown: () => rm(folder, { recursive: true }),
  };
});
