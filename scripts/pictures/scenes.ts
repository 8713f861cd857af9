// What is photographed, and how the data centre gets there: two incidents, each answered by a person.
import { nodeWorkflowId } from '../../workflows/contract.ts';
import type { RunState } from '../../workflows/contract.ts';
import { abortUpdate, approveUpdate, stateQuery } from '../../workflows/verbs.ts';
import { VICTIMS } from '../demo/data-centre.ts';
import { CLOUD } from '../demo/lifeboat.ts';
import { patience } from '../demo/scenes.ts';
import type { Stage } from '../demo/stage.ts';
import type { Page } from './browser.ts';

type Take = (name: string, png: Buffer) => Promise<void>;

/** The details stand in the right half of the page. */
const WIDTH = 1_700;
const NARROW = 1_180;
const [FIRST, SECOND] = VICTIMS;
const by = 'ann';
const DETAILS = '#user-metadata-current-details';
const UPDATE = '#update-confirmation-modal';

export async function takeAll(stage: Stage, page: Page, take: Take): Promise<void> {
  const { world, lifeboat } = stage;
  const run = (node: string) => lifeboat.client.workflow.getHandle(nodeWorkflowId(CLOUD, node));
  const reaches = (node: string, what: string, is: (state: RunState) => boolean): Promise<unknown> =>
    stage.until(what, patience(stage, 300), async () => is(await run(node).query(stateQuery)));
  const shoot = async (name: string, what: string): Promise<void> => take(name, await page.picture(what));

  await page.size(WIDTH, 1_100);
  for (const { name } of world.nodes) world.holdSpawns(name);
  await world.powerLoss(FIRST, { withBmc: false });
  await reaches(FIRST, 'a person is asked', (s) => s.phase === 'approval');
  await openDetails(stage, page, FIRST, 'looks dead');
  await shoot('approval', DETAILS);
  await openUpdate(page);
  await shoot('update', UPDATE);

  await run(FIRST).executeUpdate(approveUpdate, { args: [{ by }] });
  await reaches(FIRST, 'instances move', (s) => s.instances.filter((i) => i.outcome === 'moving').length > 2);
  await openDetails(stage, page, FIRST, 'moving');
  await shoot('evacuating', DETAILS);
  // The timeline is drawn for the width that it finds.
  await page.size(NARROW, 1_080);
  await openPage(stage, page, FIRST, 'timeline', 'evacuate');
  await shoot('timeline', 'body');
  await page.size(WIDTH, 1_100);

  world.bmc(SECOND, { saysOkStaysOn: true });
  await world.crash(SECOND);
  await reaches(SECOND, 'a person is asked', (s) => s.phase === 'approval');
  await run(SECOND).executeUpdate(approveUpdate, { args: [{ by }] });
  await reaches(SECOND, 'it is blocked', (s) => s.phase === 'blocked');
  await openDetails(stage, page, SECOND, 'could not be proven off');
  await shoot('blocked', DETAILS);
  await openList(stage, page);
  await page.size(NARROW, 620);
  await shoot('list', 'body');
  await page.size(WIDTH, 1_100);

  await run(FIRST).executeUpdate(abortUpdate, { args: [{ by, reason: 'the storage is in trouble' }] });
  await openDetails(stage, page, FIRST, 'watched to its end');
  await shoot('aborting', DETAILS);
  for (const { name } of world.nodes) world.letSpawn(name);
  await reaches(FIRST, 'it has ended', (s) => s.report !== null);
  await openDetails(stage, page, FIRST, 'closed');
  await shoot('closed', DETAILS);
}

const has = (text: string): string => `document.body.innerText.includes(${JSON.stringify(text)})`;
/** The page has each button twice: for wide windows and for narrow ones. */
const shown = (selector: string, text: string): string =>
  `[...document.querySelectorAll(${JSON.stringify(selector)})].find((e) => e.innerText?.trim() === ${JSON.stringify(text)} && e.offsetParent)`;

async function openPage(stage: Stage, page: Page, node: string, tab: string, text: string): Promise<void> {
  const { lifeboat } = stage;
  const { runId } = await lifeboat.client.workflow.getHandle(nodeWorkflowId(CLOUD, node)).describe();
  const path = ['namespaces', lifeboat.client.options.namespace, 'workflows', nodeWorkflowId(CLOUD, node), runId, tab];
  await page.open(`${lifeboat.ui}/${path.map(encodeURIComponent).join('/')}`);
  await page.until(`${tab} of ${node}`, has(text));
}

/** The details are drawn in a frame of their own, whose address holds their text. */
async function openDetails(stage: Stage, page: Page, node: string, text: string): Promise<void> {
  await openPage(stage, page, node, 'user-metadata', 'Current Details');
  const source = `decodeURIComponent(document.querySelector('${DETAILS}')?.src ?? '')`;
  await page.until(`the details of ${node}: ${text}`, `${source}.includes(${JSON.stringify(text)})`);
}

async function openList({ lifeboat }: Stage, page: Page): Promise<void> {
  await page.open(`${lifeboat.ui}/namespaces/${lifeboat.client.options.namespace}/workflows`);
  await page.until('the list shows both', `${has(FIRST)} && ${has(SECOND)}`);
}

/** The dialog in which a person answers. */
async function openUpdate(page: Page): Promise<void> {
  await page.run(`${shown('button', 'More Actions')}.click()`);
  await page.until('the menu', `!!${shown('[role=menuitem]', 'Send an Update')}`);
  await page.run(`${shown('[role=menuitem]', 'Send an Update')}.click()`);
  await page.until('the dialog', `!!document.querySelector('${UPDATE}[open]')`);
}
