// Stand-ins for the watch and for a run, as small as can be: they answer the updates, nothing else.
import { condition, setHandler, workflowInfo } from '@temporalio/workflow';
import type { AdmissionRequest, Admission, By, WatchInput } from '../../../workflows/contract.ts';
import { admitUpdate, pauseUpdate, resumeUpdate } from '../../../workflows/verbs.ts';

export async function watchFleet(input: WatchInput): Promise<void> {
  let asked = 0;
  setHandler(admitUpdate, async (request: AdmissionRequest): Promise<Admission> => {
    asked += 1;
    await condition(() => false, 200);
    return { kind: 'wait', gate: 'test', why: `${request.node} asked as ${asked} of ${input.cloud}`, againInMs: 1 };
  });
  await condition(() => false);
}

export async function recoverNode(answers: 'answers' | 'refuses' | 'hangs'): Promise<void> {
  const say = async (verb: string, { by }: By): Promise<string> => {
    if (answers === 'hangs') await condition(() => false);
    return `${verb} by ${by} in ${workflowInfo().workflowId}`;
  };
  const validator = (_: By): void => {
    if (answers === 'refuses') throw new Error('it is aborting already');
  };
  setHandler(pauseUpdate, (by: By) => say('paused', by), { validator });
  setHandler(resumeUpdate, (by: By) => say('resumed', by), { validator });
  await condition(() => false);
}
