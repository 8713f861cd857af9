// A handful of the crashes; `npm run test:crash` tells all of them.
import { test } from 'node:test';
import { tellCrash } from '../crash/crash-story.ts';

test('a worker killed as Nova took an evacuation: another one goes on, and asks for none twice', async () => {
  await tellCrash({ type: 'evacuateInstance', moment: 'after' }, 'kill -9 of the worker');
});

test('the server killed as Nova took an evacuation: it comes back, and nothing is asked for twice', async () => {
  await tellCrash({ type: 'evacuateInstance', moment: 'after' }, 'kill -9 of the server');
});
