// A story as a test: told, and compared with what was expected.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readExpected } from './command.ts';
import { writeLog } from './line.ts';
import { playStory, verdict } from './play.ts';
import type { StoryFile } from './story-file.ts';

/** They mostly wait: so many at once, in one process and on one Temporal. */
const AT_ONCE = 3;

/** `more`: further tests that mostly wait. */
export function tellAsTests(stories: readonly StoryFile[], more?: () => void): void {
  describe('golden stories', { concurrency: AT_ONCE }, () => {
    more?.();
    for (const story of stories)
      test(`${story.name}: ${story.title}`, async () => {
        const played = await playStory(story);
        const wrong = verdict(story, played, readExpected(story.name));
        assert.deepEqual(wrong, [], `it went like this:\n${writeLog(played.lines)}`);
      });
  });
}
