// What holds a recovery back before anything is touched: the gates, the sight of the fleet, the admission.
import { guardsOf, type Guard } from './guard.ts';

const MORE_GATES = 'test/workflows/gates.test.ts';
const OWN_SIGHT =
  'without a scheduler, a conductor or a reference address nothing is fenced, by hand, by force or by override either';
const POLICY = 'test/workflows/policy.test.ts';
const GATES_TEST = 'test/workflows/gates.property.test.ts';
const WATCH = 'test/workflows/watch-fleet.test.ts';
const EXCEPTIONS = 'test/workflows/exceptions.test.ts';
const JUDGE = 'test/activities/monitoring/judge.test.ts';
const TCP = 'test/activities/monitoring/tcp.test.ts';
const NOVA = 'test/activities/monitoring/nova-service.test.ts';
const SWEEP = 'test/activities/monitoring/sweep-fleet.test.ts';

const FORCE = 'force passes limits, never proof, mode, pause or exclusion';
const OVERRIDE = 'an override needs a reason, lets a storm through that is none, and is over by itself';
const MAINTAIN = 'a node under maintenance is not recovered, whatever its spelling; when its time is over, it is';
const LIST = 'a list that is empty, shrunk, in part unknown or double is not whole';

const gates = guardsOf('workflows/gates.ts', [
  [
    'an orphan is one by its marker',
    'given.orphan && given.mark?.outcome === null',
    'given.orphan',
    [GATES_TEST, 'an orphan whose marker is gone is judged like any other'],
  ],
  ['never fences a node that carries Lifeboat', 'if (matches(policy.carries, host))', 'if (false)', [POLICY, FORCE]],
  [
    'never fences a node that the configuration excludes',
    'if (matches(policy.exclude, host))',
    'if (false)',
    [POLICY, FORCE],
  ],
  ['never acts in mode observe', "if (modeOf(policy, host) === 'observe')", 'if (false)', [POLICY, FORCE]],
  [
    'leaves alone what a person disabled or forced down',
    "(node.status === 'disabled' || node.forcedDown)",
    'node.forcedDown === null',
    [POLICY, 'a person holds a node: only a person starts it'],
  ],
  [
    'leaves alone what a person aborted',
    'if (stoodDown !== null && !byHand)',
    'if (false)',
    [POLICY, 'a person holds a node: only a person starts it'],
  ],
  ['fences nothing during a pause', 'if (paused) return wait(', 'if (paused && false) return wait(', [POLICY, FORCE]],
  [
    'fences no node under maintenance',
    'if (maintenance && !byHand)',
    'if (maintenance && false)',
    [POLICY, 'a node under maintenance waits, and a person may still recover it by name'],
  ],
  ['judges nobody by a list that is not whole', 'if (!sight.whole)', 'if (false)', [POLICY, FORCE]],
  ['only watches a fleet of one', 'if (sight.nodes <= 1)', 'if (false)', [POLICY, FORCE]],
  [
    'looks for a while after its start',
    '!byHand && upMs < policy.timings.graceMs',
    'false',
    [POLICY, 'just after the start it looks first'],
  ],
  [
    'never takes unknown for failed at the gates',
    "if (orphan || verdict === 'failed') return null;",
    "if (orphan || verdict !== 'alive') return null;",
    [GATES_TEST, 'unknown: its reason alone is enough, and is the one that is told'],
  ],
  [
    'never fences a node that lives, whoever asks',
    "if (orphan || verdict === 'failed') return null;",
    "if (orphan || verdict !== 'unknown') return null;",
    [POLICY, FORCE],
  ],
  [
    'does not fence an orphan of ours that lives',
    'if (orphan && ',
    'if (orphan && false && ',
    [GATES_TEST, 'an orphan of ours that lives waits for a person'],
  ],
  [
    'takes many failures for a fault of what they share',
    'if (down > allowed)',
    'if (false)',
    [POLICY, 'nodes that are off by us count for the share, and none counts twice'],
  ],
  [
    'counts nodes that are silent on the network',
    '...(sight.silent ?? [])',
    '...[]',
    [
      POLICY,
      'nodes that are silent on the network count for the share, though all channels together do not call them failed',
    ],
  ],
  [
    'counts nodes that are off by us',
    '...sight.ours, node.host',
    'node.host',
    [POLICY, 'nodes that are off by us count for the share, and none counts twice'],
  ],
  ['limits the recoveries of an hour', '(grantsLastHour >= perHour', '(false', [POLICY, FORCE]],
  ['limits the recoveries at once', 'if (othersOpen >= policy.limits.atOnce)', 'if (false)', [POLICY, FORCE]],
  [
    'waits a while after a storm',
    'if (cooling)',
    'if (false)',
    [POLICY, 'what comes back again and again, and what fails right after a storm, waits; by hand it does not'],
  ],
  [
    'leaves a node that flaps to a person',
    'if (flaps < most)',
    'if (true)',
    [POLICY, 'what comes back again and again, and what fails right after a storm, waits; by hand it does not'],
  ],
  [
    'an override of the limits never passes atOnce',
    'if (held && !asked) return held;',
    'if ((held && !asked) || g.override) return held;',
    [POLICY, 'an override passes the share and the hour, never evidence, atOnce or what a person forbade'],
  ],
  ['fences nothing while Nova itself is in trouble', 'if (sight.control)', 'if (false)', [MORE_GATES, OWN_SIGHT]],
  [
    'fences nothing while our own network is in trouble',
    'if (sight.references)',
    'if (false)',
    [MORE_GATES, OWN_SIGHT],
  ],
  [
    'takes reports that do not arrive for a fault of the way',
    'if (stale > allowed)',
    'if (false)',
    [MORE_GATES, 'where the reports of many do not arrive, one that also does not answer is no dead node yet'],
  ],
  [
    'holds a cliff',
    'if (lost <= allowed) return null;',
    'return null;',
    [MORE_GATES, 'a cliff holds; as many as may be recovered at once are none, however small the fleet'],
  ],
  [
    'holds the nodes of a failure domain that lost too many',
    'if (!over) return null;',
    'if (over || !over) return null;',
    [MORE_GATES, 'a failure domain that lost too many holds its own nodes, and no others'],
  ],
  [
    'never asks instead of waiting for a place',
    'if (held && !asked) return held;',
    'if (held) return asked ?? held;',
    [MORE_GATES, 'a limit that asks lets a person decide; evidence, sight and atOnce never ask'],
  ],
]);

const verdicts = guardsOf('workflows/verdicts.ts', [
  [
    'a channel that knows nothing is no evidence',
    'if (need > 0 && failed >= need)',
    'if (need > 0 && failed + unknown >= need)',
    [POLICY, 'unknown never makes failed: to know less never turns a verdict into failed'],
  ],
  [
    'a veto forbids failed',
    'if (rule.veto?.some(',
    'if ([].some(',
    [POLICY, 'a veto only takes away: failed is what the rule calls failed and no veto channel calls alive'],
  ],
]);

const sight = [
  ...guardsOf('activities/monitoring/judge.ts', [
    ['does not believe an empty list', 'if (nodes.length === 0)', 'if (false)', [JUDGE, LIST]],
    [
      'does not believe a list that shrank',
      'if (nodes.length < WHOLE_SHARE * lastWholeCount)',
      'if (false)',
      [JUDGE, LIST],
    ],
    ['does not believe a list with a cell that is silent', 'if (unknown.length > 0)', 'if (false)', [JUDGE, LIST]],
    ['does not believe a list that names two nodes alike', 'return twice ?', 'return twice && false ?', [JUDGE, LIST]],
    [
      'counts a gap between two looks as nothing',
      'before.torn || gap || elapsedMs === null;',
      'before.torn || gap;',
      [JUDGE, 'a gap never grows an age, and teaches no habit'],
    ],
    [
      'learns no habit from an interval in which the sweep changed hands',
      'const vague = gap || elapsedMs',
      'const vague = elapsedMs',
      [
        JUDGE,
        'a node that reports seldom is not taken for a regular one because the sweep changed hands between its reports',
      ],
    ],
    [
      'counts no sample whose verdict is unknown',
      "heard.verdict === 'failed' ? ages.failed + 1",
      "heard.verdict !== 'alive' ? ages.failed + 1",
      [JUDGE, 'unknown neither grows nor resets a count'],
    ],
  ]),
  ...guardsOf('activities/monitoring/findings.ts', [
    [
      'needs several samples in a row',
      "verdict === 'failed' && ages.failed >= samples",
      "verdict === 'failed'",
      [SWEEP, 'finds a dead node once it has stood still for the stale time, with its evidence'],
    ],
    [
      'reports no node that a person holds',
      'if (heldByPerson(node)) {',
      'if (heldByPerson(node) && false) {',
      [SWEEP, 'tells our own marked nodes apart from those of a person'],
    ],
  ]),
  ...guardsOf('activities/monitoring/connect.ts', [
    [
      'takes a refused connection for life',
      "new Set(['ECONNREFUSED', 'ECONNRESET'])",
      "new Set(['ECONNRESET'])",
      [TCP, 'an open port and a refused port are both a sign of life'],
    ],
  ]),
  ...guardsOf('activities/monitoring/nova-service.ts', [
    [
      'never takes a silent cell for dead nodes',
      "if (row.state === 'unknown')",
      'if (false)',
      [NOVA, 'an unknown state is never a failure, whatever else the row says'],
    ],
    [
      'takes no forced_down for evidence',
      'if (!row.forcedDown)',
      'if (true)',
      [NOVA, 'forced down is no evidence of a failure, and two moves since are a sign of life'],
    ],
  ]),
  ...guardsOf('activities/monitoring/silence.ts', [
    [
      'takes the silence of all for the silence of its own network',
      "verdict: lost ? 'unknown' : VERDICT[a.kind]",
      'verdict: VERDICT[a.kind]',
      [TCP, 'silence of all is the silence of our own network: unknown'],
    ],
  ]),
];

const admission = [
  ...guardsOf('workflows/watch/handlers.ts', [
    [
      'counts a grant from the moment that it is given',
      'if (open) open.grantedAt = at;',
      '',
      [WATCH, 'admissions are serial: the third of three that ask at once waits for the limit'],
    ],
    [
      'judges an admission by a look that is whole',
      'if (!look.sight.whole)',
      'if (false)',
      [WATCH, 'a list that is not whole makes everybody wait, and nobody is called gone'],
    ],
    [
      'does not recover a node that was rebuilt meanwhile',
      'if (q.serviceId && seen.node.serviceId !== q.serviceId)',
      'if (false)',
      [WATCH, 'a node that was rebuilt meanwhile is denied: another machine has its name'],
    ],
    [
      'remembers that a person stopped a run',
      'if (r.standDown)',
      'if (false)',
      [WATCH, 'a run that was aborted untouched is not started again until the node was seen alive'],
    ],
    [
      'a pause reaches the runs that are open',
      "await tellOpen(w, 'pause', by, reason ?? '')",
      "''",
      [WATCH, 'a pause needs a name, holds new admissions and reaches open runs; resume ends it'],
    ],
  ]),
  ...guardsOf('workflows/watch/exceptions.ts', [
    ['an override is over in time', 'w.override = null;', '', [EXCEPTIONS, OVERRIDE]],
    ['an override says how it is known', 'if (!x.reason?.trim())', 'if (false)', [EXCEPTIONS, OVERRIDE]],
    [
      'no exception lasts longer than it may',
      'if (Date.parse(end) - Date.now() > mostMs)',
      'if (false)',
      [EXCEPTIONS, OVERRIDE],
    ],
    [
      'maintenance is of a node that exists, as Nova spells it',
      'if (seen.found) return seen.found.host;',
      'return typed;',
      [EXCEPTIONS, MAINTAIN],
    ],
    [
      'maintenance is over in time',
      'await sleep(Math.max(1, Date.parse(until) - Date.now()), { summary: `the maintenance',
      "await sleep('30d', { summary: `the maintenance",
      [EXCEPTIONS, MAINTAIN],
    ],
  ]),
  ...guardsOf('workflows/refuse.ts', [
    [
      'every verb says who',
      "typeof x.by !== 'string' || x.by.trim() === ''",
      "typeof x.by === 'number'",
      [WATCH, 'a pause needs a name, holds new admissions and reaches open runs; resume ends it'],
    ],
  ]),
];

export const GATES: Guard[] = [...gates, ...verdicts, ...sight, ...admission];
