// The stories that `npm test` tells, and what makes a story a promise: that it can fail.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { shutTemporal } from '../stories/harness.ts';
import { connectAs } from '../world/caller.ts';
import { readExpected } from './command.ts';
import { compare } from './compare.ts';
import { readLine, readLog, writeLine, type Line } from './line.ts';
import { playStory, verdict, type Played } from './play.ts';
import { makeReadme, readReadme } from './readme.ts';
import { STEPS } from './steps.ts';
import { parseStory, readStory, storyNames, type StoryFile } from './story-file.ts';
import { tellAsTests } from './tell.ts';

after(shutTemporal);

const stories = storyNames().map((name) => readStory(name));
const asPlayed = (lines: Line[]): Played => ({ lines, findings: [], trouble: null });

test('every story has a log, and every line of it is one', () => {
  assert.ok(stories.length >= 20, `${stories.length} stories`);
  for (const { name } of stories) assert.ok(readExpected(name).length > 5, `${name}: expected.log`);
  for (const { name } of stories)
    for (const line of readExpected(name)) assert.deepEqual(readLine(writeLine(line)), line);
});

test('the README lists the stories as they are (npm run story -- --update --all writes it)', () => {
  assert.equal(readReadme(), makeReadme(stories));
});

test('a line too few, one too many and one that reads otherwise fail every story, wherever it stands', () => {
  for (const story of stories) {
    const lines = readExpected(story.name);
    assert.deepEqual(verdict(story, asPlayed(lines), lines), [], `${story.name} is as it is`);
    for (const [i, line] of lines.entries()) {
      const without = lines.filter((_, at) => at !== i);
      const changed = lines.with(i, { ...line, text: `${line.text} twice` });
      assert.notDeepEqual(verdict(story, asPlayed(changed), lines), [], `${story.name}: ${writeLine(line)}`);
      assert.notDeepEqual(verdict(story, asPlayed(lines), without), [], `${story.name}: without ${writeLine(line)}`);
      assert.notDeepEqual(verdict(story, asPlayed(without), lines), [], `${story.name}: without ${writeLine(line)}`);
    }
  }
});

const LOG = `
+   0 s  event     compute-2 crashes; its power is on
+  40 s  bmc       compute-2 says Off
+  44 s  nova      compute-2 is disabled and forced down, by run 1
+  45 s  nova      web-1 is locked
+  45 s  nova      web-1 is asked to leave compute-2
+  45 s  nova      web-2 is locked
+  46 s  nova      web-2 is asked to leave compute-2
+  50 s  nova      web-1 is on compute-3
+  50 s  nova      web-2 is on compute-4
+  51 s  nova      compute-2 is disabled and forced down, by run 1: recovered
+  52 s  mail      alice@acme.example: your 2 instances are back
+  52 s  mail      bob@acme.example: your 2 instances are back
`;

/** The log with its lines in another order; numbers are places in LOG. */
const inOrder = (order: number[]): string[] => {
  const lines = readLog(LOG);
  return compare(
    lines,
    order.map((i) => lines[i]!),
  );
};

test('what runs concurrently may come in any order, at any time, and end anywhere', () => {
  assert.deepEqual(inOrder([0, 1, 2, 5, 6, 3, 4, 8, 7, 9, 11, 10]), []);
  const later = readLog(LOG).map((line) => ({ ...line, seconds: line.seconds * 3 }));
  assert.deepEqual(compare(readLog(LOG), later), []);
  const elsewhere = readLog(LOG.replace('web-1 is on compute-3', 'web-1 is on compute-1'));
  assert.deepEqual(compare(readLog(LOG), elsewhere), []);
  assert.match(compare(readLog(LOG), elsewhere, { destinations: true })[0]!, /is missing.*web-1 is on compute-3/);
});

test('what is causally ordered may not: an evacuation before the mark, a mark before the off, a lock after the request', () => {
  assert.match(inOrder([0, 1, 4, 2, 3, 5, 6, 7, 8, 9, 10, 11]).join(), /in another order, of web-1 of compute-2/);
  assert.match(inOrder([0, 2, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11]).join(), /in another order, of compute-2/);
  assert.match(inOrder([0, 1, 2, 4, 3, 5, 6, 7, 8, 9, 10, 11]).join(), /in another order, of web-1, its locks too/);
  assert.match(inOrder([0, 1, 2, 3, 4, 5, 6, 7, 9, 8, 10, 11]).join(), /in another order, of web-2 of compute-2/);
});

test('names that nobody can tell apart may be exchanged, all over the log; others may not', () => {
  const exchanged = readLog(LOG.replace('web-1 is on compute-3', 'web-1: its evacuation ends as failed'));
  const other = readLog(LOG.replace('web-2 is on compute-4', 'web-2: its evacuation ends as failed'));
  assert.deepEqual(compare(exchanged, other, { alike: [['web-1', 'web-2']] }), []);
  assert.notDeepEqual(compare(exchanged, other), []);
  assert.notDeepEqual(compare(exchanged, readLog(LOG), { alike: [['web-1', 'web-2']] }), []);
});

const BREACH = `
title: Somebody evacuates what lives
promise: none
steps:
  - passes: 1
`;

async function breakARule(): Promise<void> {
  const story = parseStory('breach', BREACH, 'breach/story.yaml');
  const played = await playStory(story, {
    async before({ story: { world } }) {
      // As the service user, as if Lifeboat had done it: a lock on a node that nobody proved off.
      const api = await connectAs(world);
      const [id] = Object.keys(world.truth().instances);
      await api.act(id!, { lock: { locked_reason: 'lifeboat:0193f8a2-1111' } });
    },
  });
  assert.equal(played.trouble, null);
  const wrong = verdict(story, played, played.lines);
  assert.match(wrong.join('\n'), /the audit finds a breach of S8/);
}

const WRONG: [string, RegExp][] = [
  [
    'title: x\npromise: y\nsteps:\n  - krash: compute-2\n',
    /story\.yaml:4: steps\[0\]\.krash: there is no such step \(did you mean crash\?\)/,
  ],
  ['title: x\npromise: y\nsteps:\n  - crash: 7\n', /:4: steps\[0\]\.crash.*\(as: crash: compute-2\)/],
  ['title: x\npromise: y\nsteps:\n  - { crash: a, hang: b }\n', /:4: steps\[0\]: a step is one thing.*crash and hang/],
  [
    'title: x\npromise: y\nsteps:\n  - abort: { by: ann }\n',
    /:4: steps\[0\]\.abort.*node.*is missing, expected a node/,
  ],
  ['title: x\npromise: y\nsteps:\n  - crash: a\n    cloud: west\n', /:5: steps\[0\]\.cloud: expected one of clouds/],
  ['title: x\nsteps: []\n', /promise: is missing[^]*steps: /],
  ['title: x\npromise: y\nstep: []\n', /step: .*steps/],
  ['title: "x\n', /:\d+: not YAML/],
];

test('a story.yaml that cannot be used says where, what, and how to mend it', () => {
  for (const [text, why] of WRONG) assert.throws(() => parseStory('x', text, 'x/story.yaml'), why, text);
  assert.throws(() => readStory('node-loses-powr'), /did you mean node-loses-power\?/);
});

test('every step has an example that it accepts', () => {
  for (const [name, kind] of Object.entries(STEPS)) {
    const text = `title: x\npromise: y\nsteps:\n  - ${name}: ${kind.example}\n`;
    assert.doesNotThrow(() => parseStory('x', text, 'x/story.yaml'), name);
  }
});

tellAsTests(
  stories.filter((story: StoryFile) => story.inNpmTest),
  () => void test('a run that breaks a rule fails, though its log is what was expected', breakARule),
);
