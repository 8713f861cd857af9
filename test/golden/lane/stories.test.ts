// `npm run test:stories`: the golden stories that `npm test` leaves out.
import { after } from 'node:test';
import { shutTemporal } from '../../stories/harness.ts';
import { readStory, storyNames } from '../story-file.ts';
import { tellAsTests } from '../tell.ts';

after(shutTemporal);

tellAsTests(
  storyNames()
    .map((name) => readStory(name))
    .filter((story) => !story.inNpmTest),
);
