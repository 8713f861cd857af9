// test/golden/README.md, from the stories and the steps themselves: `npm run story -- --update --all` writes it.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FOLDER, readStory, storyNames, type StoryFile } from './story-file.ts';
import { STEPS } from './steps.ts';

const PAGE = join(FOLDER, 'README.md');

export const readReadme = (): string => readFileSync(PAGE, 'utf8');

export function writeReadme(): void {
  writeFileSync(PAGE, makeReadme(storyNames().map((name) => readStory(name))));
}

const cell = (text: string): string => text.replace(/\s+/g, ' ').trim().replaceAll('|', '\\|');

export function makeReadme(stories: readonly StoryFile[]): string {
  return [
    HEAD,
    '## Steps\n',
    'A step is one line under `steps`: its name, and what it takes. `cloud: NAME` beside it says in which data centre, where there are several.\n',
    ...steps(),
    '## Stories\n',
    `${stories.length} promises. Those with a * are told by \`npm test\`, all of them by \`npm run test:stories\`.\n`,
    '| story | promise |\n| --- | --- |',
    ...stories.map(
      (s) =>
        `| [${s.name}](${s.name}/expected.log)${s.inNpmTest ? ' *' : ''} | **${cell(s.title)}.** ${cell(s.promise)} |`,
    ),
    '',
  ].join('\n');
}

function steps(): string[] {
  const groups = [...new Set(Object.values(STEPS).map((kind) => kind.group))];
  return groups.flatMap((group) => [
    `**${group}**\n`,
    '| step | |\n| --- | --- |',
    ...Object.entries(STEPS)
      .filter(([, kind]) => kind.group === group)
      .map(([name, kind]) => `| \`${name}: ${cell(kind.example)}\` | ${cell(kind.means)} |`),
    '',
  ]);
}

const HEAD = `# Golden stories

One incident each: a simulated data centre, a whole Lifeboat, real Temporal. \`story.yaml\` says what happens; \`expected.log\` is
what the data centre saw of it, with the answers that people got.

\`\`\`sh
npm run story node-loses-power               # tells it; ends with 0 where it is as expected and no rule was broken
npm run story -- --list
npm run story node-loses-power -- --update   # writes expected.log anew (and this page); --all: of all stories
npm run test:stories                         # all of them
\`\`\`

This page is generated. How to write a story: [docs/development.md](../../docs/development.md#golden-stories).

## Reading a log

\`\`\`
+  41 s  bmc       compute-2 says Off
+  45 s  nova      compute-2 is disabled and forced down, by run 1
+  46 s  nova      web-1 is asked to leave compute-2
\`\`\`

Seconds are the data centre's, which runs twenty times faster than ours. \`event\`: what happens to it. \`person\`: what somebody does.
\`bmc\`, \`nova\`, \`mail\`: what its own log shows. \`lifeboat\`: what it answers people, and its reports. Reads that say nothing new and a
mail that comes twice under one Message-ID are told once. \`run 1\` is the first run that marked this node.

Compared is every line, as often as it stands there; and in its order what is causally ordered:

* what happens to one node: its power, its row in Nova, what is said of it, and all that events and people do;
* one instance, with what happens to its node; its locks among its own lines (which ones are locked ahead is chance);
* the mails to one person.

Instances of one wave, people of one stage and different nodes are not ordered among each other. Not compared are seconds, ids,
addresses, and where an instance ends (unless the story says \`compare: { destinations: true }\`). \`compare: { alike: [[a, b]] }\`: nobody can
tell a from b, so that any exchange of the names is the same story. After the last step everybody is told, and the audit of
[test/world](../world/README.md) judges the data centre's own log: a breach fails the story, whatever the log says.

## story.yaml

| key | |
| --- | --- |
| \`title\`, \`promise\` | what it is, and what must be true of it; they stand in the list below |
| \`inNpmTest\` | told by \`npm test\` too |
| \`dataCentre\` | \`nodes\`, \`instances\` (a number, or a list with name, host, project, flavor, vmState, disk, metadata), \`seed\`, \`projects\`, \`capacity\` by node, \`tokenSeconds\`, \`pageLimit\`, \`durations\` in seconds |
| \`lifeboat\` | sections of lifeboat.yaml, over those that fit the data centre; \`mode\` is auto |
| \`workers\` | sets of workers by name: \`{ eyes: { roles: [monitor], process: true } }\`; one set \`all\` where nothing is said |
| \`clouds\` | names of several data centres of this kind in one Temporal namespace |
| \`steps\` | what happens, and what is waited for |
| \`audit\` | what only the story knows: \`mayFence\`, \`maxOffsPerNode\`, \`maxNodesFenced\`, \`perNode\`, \`overall\`, \`perDestination\`, \`atOnce\`, \`guardSeconds\` |
| \`compare\` | \`alike\`, \`destinations\`, \`mailsInAnyOrder\` |
`;
