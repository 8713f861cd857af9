// `npm run story NAME`: one incident, as the data centre saw it. test/golden/README.md.
import { storyCommand } from '../test/golden/command.ts';

process.exit(await storyCommand(process.argv.slice(2)));
