// The order of a recovery, what people say to it, and the way back of a node.
import { guardsOf, type Guard } from './guard.ts';

const RUN = 'test/workflows/recover-node.test.ts';
const SAFETY = 'test/workflows/run-safety.test.ts';
const HOLDS = 'test/workflows/holds-back.test.ts';
const READMIT = 'test/workflows/readmit-node.test.ts';
const MARKER = 'test/workflows/marker.test.ts';

const CONFIRM = 'a node that no level can prove off waits for a person, and goes on when one confirms it by name';
const ORDER = 'fences, then marks, then guards, then evacuates, then unlocks and writes the outcome';
const EACH = 'each of these says no on its own, to an off and to an evacuation';
const APPROVE = 'mode confirm prepares, waits for approve, reads the evidence again, then acts';
const BLIND = 'a blind guard stops new evacuations until it sees again';

export const RUNS: Guard[] = [
  ...guardsOf('workflows/recover-node.ts', [
    [
      'a role without a worker is found before anything is touched',
      'if (missing.length === 0) return',
      'if (missing) return',
      [RUN, 'no worker for a role: blocked before anything is touched'],
    ],
  ]),
  ...guardsOf('workflows/recovery/resolve.ts', [
    [
      'the workflow id is the node: another spelling makes no second recovery',
      'if (right !== run.workflowId) await join(run, type, right);',
      '',
      [RUN, 'another spelling joins the recovery of the exact host'],
    ],
  ]),
  ...guardsOf('workflows/recovery/mark.ts', [
    ['fences before anything is evacuated', 'await fence(run, 0);', '', [RUN, ORDER]],
    [
      'tells Nova that the node is off, after the proof',
      'const moved = await markOff(run, 0);',
      'const moved = null as string | null;',
      [RUN, ORDER],
    ],
    [
      'a row that moved since the evidence is not marked',
      'if (moved === null) return;',
      'if (moved === null || run) return;',
      [RUN, 'a row that moved between proof and mark is not marked: evidence and power are read once more'],
    ],
  ]),
  ...guardsOf('workflows/recovery/admission.ts', [
    [
      'evidence grows old',
      'if (age > granted(run).policy.timings.evidenceMaxAgeMs)',
      'if (false)',
      [SAFETY, 'evidence that grew old while the recovery was prepared is read again before the first off'],
    ],
    [
      'mode confirm waits for a person',
      'for (let every = t.judgeAgainMs; !run.approved;',
      'for (let every = t.judgeAgainMs; false;',
      [RUN, APPROVE],
    ],
    [
      'after an approval the evidence is read again',
      "settle(run, 'approval');\n  await admit(run);",
      "settle(run, 'approval');",
      [SAFETY, 'after an approval the evidence is read again, however young it is'],
    ],
    [
      'a refusal of the watch ends the run',
      "if (answer.kind === 'denied') throw",
      "if (answer.kind === 'denied' && false) throw",
      [SAFETY, 'what the watch denies is not touched'],
    ],
  ]),
  ...guardsOf('workflows/recovery/run.ts', [
    ['after an abort nothing begins', 'if (run.stop) return', 'if (run.stop && false) return', [HOLDS, EACH]],
    ['during a pause nothing begins', 'if (run.paused) return', 'if (run.paused && false) return', [HOLDS, EACH]],
    [
      'what the configuration forbids meanwhile does not begin',
      'if (run.forbidden) return run.forbidden;',
      '',
      [HOLDS, EACH],
    ],
    ['refused credentials halt everything', 'holdsBack(run) ?? run.halted', 'holdsBack(run)', [HOLDS, EACH]],
    [
      'without a proof nothing is evacuated',
      'if (!run.proof) return',
      'if (run.proof === undefined) return',
      [HOLDS, EACH],
    ],
    [
      'without the guard’s sight nothing is evacuated',
      "if (run.guard.seeing !== 'off')",
      'if (false)',
      [RUN, 'posts nothing before the guard has read once'],
    ],
  ]),
  ...guardsOf('workflows/recovery/fence.ts', [
    [
      'a level that says off of a node that lives proves nothing',
      'return run.confirmed;\n}',
      "return run.confirmed ?? { kind: 'power', level: 'x', devices: [], readAt: '', witness: '' };\n}",
      [RUN, 'a contradiction is never a proof'],
    ],
    [
      'a last look that sees it alive ends the run',
      "if (r.kind === 'alive' && again === 0)",
      'if (false)',
      [RUN, 'a last look that sees it alive closes as a false alarm and touches nothing'],
    ],
    [
      'a fence that broke proves nothing, and may have been sent',
      "return { kind: 'unproven', offSent: !neverBegan",
      "return { kind: 'proven', proof: { kind: 'power', level: 'x', devices: [], readAt: '', witness: '' }, seconds: 0, offSent: !neverBegan",
      [SAFETY, 'a fence whose activity breaks proves nothing, and a person is asked'],
    ],
  ]),
  ...guardsOf('workflows/recovery/guard.ts', [
    [
      'a node that came back is fenced again',
      '(await fence(run, again)) ??',
      'null ??',
      [SAFETY, 'a node that came back has no proof until it is fenced again'],
    ],
    [
      'a node that came back is not proven off any more',
      'run.proof = null;\n',
      '',
      [SAFETY, 'a node that came back has no proof until it is fenced again'],
    ],
  ]),
  ...guardsOf('workflows/recovery/answers.ts', [
    [
      'a pause and an abort forbid the off',
      'const held = again ? null : holdsBack(run);',
      'const held = null;',
      [
        SAFETY,
        'an off is allowed only while its level is tried, not in a pause, and not after a person confirmed the node off',
      ],
    ],
    [
      'an off is allowed to the level that is tried, to no other',
      'if (run.fencingLevel !== level)',
      'if (false)',
      [
        SAFETY,
        'an off is allowed only while its level is tried, not in a pause, and not after a person confirmed the node off',
      ],
    ],
    [
      'a permission is for what the run moves',
      'return run.moving.has(instance) ?',
      'return run.moving ?',
      [SAFETY, 'a permission is for what the run moves now, and for nothing else'],
    ],
    ['a late word of an older guard is ignored', 'if (s.epoch !== run.epoch) return;', '', [RUN, BLIND]],
    ['a word about the fence names the node', 'if (x.node !== run.node.host)', 'if (false)', [RUN, CONFIRM]],
    [
      'a word about the fence is taken only while it is asked for',
      "if (run.fencingLevel === null && !run.dump?.waiting && !run.questions.has('fence'))",
      'if (false)',
      [SAFETY, 'approve and confirmFenced are refused where nothing waits for them'],
    ],
    [
      'an approval is taken only while it is asked for',
      "if (run.step !== 'approval' && !run.approved)",
      'if (false)',
      [SAFETY, 'approve and confirmFenced are refused where nothing waits for them'],
    ],
    [
      'an instance in limbo is tried again only with its record named',
      'if (stuck.length > 0)',
      'if (false)',
      [RUN, 'an instance in limbo is tried again only by a person who names the record'],
    ],
    ['every verb to a run says who', 'checkWho(verb, x);', '', [RUN, CONFIRM]],
  ]),
  ...guardsOf('workflows/recovery/evacuate-all.ts', [
    [
      'no more are in flight than the run’s share',
      'while (lanes.ready.length > 0 && run.moving.size < run.width)',
      'while (lanes.ready.length > 0)',
      [SAFETY, 'no more are in flight than the share that the watch gave'],
    ],
    [
      'a person is asked after so many tries',
      'if (r.retryable && p.tries < granted(run).policy.evacuation.tries)',
      'if (r.retryable)',
      [SAFETY, 'an instance that fails again and again is left to a person after the tries of the policy'],
    ],
    [
      'an evacuation that could not be followed is not sent again',
      'p.held = `its evacuation could not be followed',
      'p.notBefore = 0; `its evacuation could not be followed',
      [SAFETY, 'an evacuation that could not be followed is not sent again before a person looked'],
    ],
    [
      'credentials that are refused halt the run',
      'run.halted = `Nova refused',
      '`Nova refused',
      [SAFETY, 'refused credentials stop everything until a person says retry'],
    ],
  ]),
  ...guardsOf('workflows/recovery/close.ts', [
    [
      'every instance of the snapshot stands in the account',
      'if (!run.accounts.has(plan.id)) left(plan, reason);',
      'if (false) left(plan, reason);',
      [SAFETY, 'an abort before anything moved still accounts for every instance'],
    ],
  ]),
  ...guardsOf('workflows/readmit-node.ts', [
    [
      'a node whose recovery is open is not brought back',
      'if (ours.outcome === null)',
      'if (false)',
      [READMIT, 'a node whose recovery is open is refused, and nothing is touched'],
    ],
    [
      'a node that a person disabled is not brought back',
      'if (!ours)',
      'if (!ours) return found;\n  if (!ours)',
      [READMIT, 'a node that a person disabled is refused: it is theirs to enable'],
    ],
    [
      'a node with an open record is not brought back',
      'if (limbo.length > 0)',
      'if (false)',
      [READMIT, 'a node with an open evacuation record is refused: its return would destroy the guest'],
    ],
  ]),
  ...guardsOf('workflows/readmission/come-up.ts', [
    [
      'a node that goes down again is not enabled',
      "if (row.state !== 'up')",
      'if (false)',
      [READMIT, 'a node that goes down again while it is watched stays disabled'],
    ],
  ]),
  ...guardsOf('workflows/marker.ts', [
    [
      'only readmission arms a node again',
      "[RETURNING, DRAINING, DRAINED].includes(ours.outcome ?? '')",
      'ours.outcome !== undefined',
      [
        MARKER,
        'only readmission arms a node again, only once forced_down is lifted, and never what a person had disabled',
      ],
    ],
  ]),
];
