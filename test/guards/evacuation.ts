// What may be asked of Nova, once, and what is left as it is.
import { guardsOf, type Guard } from './guard.ts';

const ONE = 'test/activities/evacuation/evacuate-instance.test.ts';
const ONCE = 'test/activities/evacuation/evacuate-once.test.ts';
const LIMBO = 'test/activities/evacuation/evacuate-limbo.test.ts';
const MARKS = 'test/activities/evacuation/marks-and-locks.test.ts';
const ROOM = 'test/activities/evacuation/room.test.ts';
const ASK = 'test/activities/evacuation/permission.test.ts';
const SNAPSHOT = 'test/activities/evacuation/snapshot.test.ts';
const TABLE = 'test/workflows/policy.test.ts';

const ROW = "nothing is sent when the node's row is not as we left it";
const SETTLED = 'a done record counts only once the host has changed and Nova let go of the instance';
const REFUSED = 'refuses a node that was rebuilt, and one that a person disabled after the snapshot';

const table = guardsOf('workflows/policy.ts', [
  [
    'never evacuates what is being deleted',
    "if (i.taskState === 'deleting' || i.taskState === 'soft-deleting' || /delete/.test(i.vmState))",
    'if (false)',
    [TABLE, 'what is being deleted is never evacuated, whatever else is true of it'],
  ],
  [
    'adopts an evacuation that is on its way',
    'if (c.openEvacuation)',
    'if (c.openEvacuation === undefined)',
    [TABLE, 'an evacuation that is on its way is adopted, a migration is held'],
  ],
  [
    'holds what was migrating',
    'if (c.openMigration || /^',
    'if (/^not/.test(i.name) && /^',
    [TABLE, 'an evacuation that is on its way is adopted, a migration is held'],
  ],
  [
    'keeps a disk on the dead node, whose data an evacuation would lose',
    "if (!local) return { decision: 'evacuate'",
    "if (true) return { decision: 'evacuate'",
    [TABLE, 'a disk on the dead node is never rebuilt without a word, and whoever loses data is told'],
  ],
  [
    'resets a state by policy alone',
    "if (resettable && e.states[resettable] === 'keep')",
    'if (false)',
    [TABLE, 'what Nova accepts is evacuated, what it refuses is kept'],
  ],
  [
    'moves only what its owner chose, with opt-in',
    "if (chosen(i, c.facts ?? {}, e) === 'no')",
    'if (false)',
    [TABLE, 'with opt-in only those whose owners said so are moved'],
  ],
  [
    'leaves nobody behind for what it could not read',
    "if (chosen(i, c.facts ?? {}, e) === 'no')",
    "if (chosen(i, c.facts ?? {}, e) !== 'yes')",
    [TABLE, 'what is not known leaves nobody behind: to know less never keeps what is moved, and it is said'],
  ],
  [
    'leaves alone what a rule names, and only that',
    "left?.fit === 'yes' ?",
    'left ?',
    [TABLE, 'what is not known leaves nobody behind: to know less never keeps what is moved, and it is said'],
  ],
]);

const selection = guardsOf('workflows/selection.ts', [
  [
    'takes no instance of a tenant for an amphora',
    "return rule === null ? 'no' : fitOf(rule, i, f);",
    "return rule === null ? 'no' : 'yes';",
    [
      SNAPSHOT,
      'an amphora is left to Octavia: its name alone makes none, and where its project cannot be read it is moved',
    ],
  ],
  [
    'counts an entry only where all of it fits',
    'return found.length > 0 ? all(found.map((p) => p.fit))',
    'return found.length > 0 ? any(found.map((p) => p.fit))',
    [TABLE, 'all that an entry names must fit, any entry counts, and case does not'],
  ],
]);

const sending = [
  ...guardsOf('activities/evacuation/evacuate-instance.ts', [
    [
      'a second attempt looks for a whole horizon before it sends',
      'if (left > 0) {',
      'if (false) {',
      [ONCE, 'a second attempt sends only after a whole horizon in which nothing was seen'],
    ],
    [
      'a request whose reply was lost is never sent again by the attempt',
      "if (a.post.is === 'lost') return lost(a, a.post.why);",
      '',
      [ONCE, 'a POST whose reply was lost is not sent again by the attempt, though the next one would be taken'],
    ],
    [
      'what an earlier attempt looked counts up to half of the horizon',
      'carried.quietMs <= timings.horizonMs / 2',
      'carried.quietMs >= 0',
      [ONCE, 'time that an earlier attempt only looked counts, but never more than half of the horizon'],
    ],
  ]),
  ...guardsOf('activities/evacuation/records.ts', [
    [
      'an instance that Nova rebuilds already is not asked for again (task_state)',
      "if (view.taskState === 'rebuilding' && !wasRebuilding",
      "if (view.taskState === 'never' && !wasRebuilding",
      [ONCE, 'a rebuilding task state that the snapshot did not have is ours, before any record shows'],
    ],
    [
      'two open records of one instance stop it',
      'if (open.length > 1)',
      'if (open.length > 9)',
      [LIMBO, 'two open records for one instance stop it'],
    ],
    [
      'an instance that somebody moved is left where it is',
      'if (elsewhere !== null) {',
      'if (elsewhere !== null && done) {',
      [ONE, 'an instance that somebody moved is gone, not recovered'],
    ],
    [
      'done is not yet recovered: its host says so',
      "if (done && done.id > ours.past) return { is: 'arriving', record: done };",
      "if (done && done.id > ours.past) return { is: 'arrived', record: done, host: done.destCompute ?? '', ours: true };",
      [ONE, 'a done record is no arrival while Nova shows the old host'],
    ],
  ]),
  ...guardsOf('activities/evacuation/follow.ts', [
    [
      'recovered is said once Nova let go of it',
      'if (view.taskState === null && (!ours || isAs(view, stopped)))',
      'if (!ours || isAs(view, stopped))',
      [ONE, SETTLED],
    ],
    [
      'an instance comes back in the power state that it had',
      '(!ours || isAs(view, stopped))',
      'true',
      [ONE, 'a stopped instance that Nova left running is stopped again before it counts as recovered'],
    ],
    [
      'ERROR with a done record is no recovery',
      "if (view.vmState === 'error')",
      'if (false)',
      [ONE, 'ERROR with a done record is a failure with its fault'],
    ],
  ]),
  ...guardsOf('activities/evacuation/permit.ts', [
    [
      'a request needs the run’s yes',
      'if (!said.ok) return',
      'if (false) return',
      [ONCE, 'nothing is sent unless the run says yes right before it'],
    ],
    [
      'a look before a request is young',
      'lookAge < permissionMs / 2',
      'lookAge >= 0',
      [ONCE, 'a permission that ran out is asked for again, and with it the look'],
    ],
    [
      'the row of the node carries this run’s marker',
      'if (ours === null || ours.outcome !== null || ours.run !== readMarker(marker)?.run)',
      'if (false)',
      [ONCE, ROW],
    ],
    [
      'the node is still disabled and forced down',
      "if (row.status !== 'disabled' || !row.forcedDown)",
      'if (false)',
      [ONCE, ROW],
    ],
    [
      'the row of the node has not moved since',
      'if (row.updatedAt === updatedAt) return null;',
      'if (row) return null;',
      [ONCE, ROW],
    ],
    [
      'the service of the node is the one that was fenced',
      'if (row.serviceId !== serviceId)',
      'if (false)',
      [ONCE, ROW],
    ],
    ['the cell of the node answers', "if (row.state === 'unknown')", 'if (false)', [ONCE, ROW]],
    [
      'an instance that changed is sorted again',
      "if (sortNow(a, view, fresh.sight).decision !== 'evacuate')",
      'if (false)',
      [ONCE, 'an instance that changed after the first look is sorted again before the POST'],
    ],
  ]),
  ...guardsOf('activities/evacuation/permission.ts', [
    [
      'an attempt that was given up sends nothing',
      'if (current.attempt !== q.attempt)',
      'if (false)',
      [ASK, 'the current attempt is told what the run says; an attempt that was given up is told no'],
    ],
  ]),
  ...guardsOf('activities/evacuation/send.ts', [
    [
      'what had to queue until the permission ran out is not sent',
      'if (stale) throw new Error(',
      'if (stale && false) throw new Error(',
      [ONCE, 'a request that had to queue until the permission ran out is not sent'],
    ],
    [
      'somebody else’s lock is left as it is',
      'if (isLockedByOthers(view) ||',
      'if (',
      [ONE, "somebody else's lock is left as it is; a lock of an earlier run becomes ours"],
    ],
    [
      'a node that Nova calls up is not evacuated',
      'if (/still in use|ComputeServiceInUse/i.test(failure.message))',
      'if (false)',
      [ONE, 'a refusal is told as what it is: the node is up, the credentials, a conflict, gone'],
    ],
    [
      'without room nothing is locked or sent',
      "if (full !== 'seated') return full;",
      '',
      [ROOM, 'without room nothing is locked or sent'],
    ],
  ]),
];

const rows = [
  ...guardsOf('activities/evacuation/room.ts', [
    [
      'the dead node is no room, whatever Placement says',
      'n.host !== node && n.state',
      'n.state',
      [ROOM, 'the dead node is no room, whatever Placement and its row say'],
    ],
    [
      'a node that is disabled, down or forced down is no room',
      "n.state === 'up' && n.status === 'enabled' && !n.forcedDown",
      'n.host',
      [ROOM, 'the dead node, disabled, down and forced-down nodes are no room, whatever Placement says'],
    ],
  ]),
  ...guardsOf('activities/evacuation/locks.ts', [
    [
      'only the run’s own locks are lifted',
      'if (before === null || !isOurs(before))',
      'if (before === null)',
      [MARKS, "lifts the run's locks only, by what Nova says, and names those it could not"],
    ],
  ]),
  ...guardsOf('activities/evacuation/marks.ts', [
    ['a node that was rebuilt is not marked', 'if (row.serviceId !== serviceId)', 'if (false)', [MARKS, REFUSED]],
    [
      'a node that a person disabled meanwhile is not marked',
      "if (row.status === 'disabled' && found === null && !known)",
      'if (false)',
      [MARKS, REFUSED],
    ],
    [
      'an outcome is written over the run’s own marker only',
      'if (wanted?.outcome && found?.run !== wanted.run) return row;',
      '',
      [MARKS, "an outcome is written over the same run's marker only"],
    ],
    [
      'only what we disabled is enabled',
      'if (ours === null) throw byPerson(row);',
      '',
      [
        MARKS,
        'readmission unforces, answers the refusal, and enables only what we disabled; a second call changes nothing',
      ],
    ],
    [
      'what a person had disabled is given back to them so',
      'if (ours.was !== null) return',
      'if (ours?.was === undefined) return',
      [MARKS, 'what a person had disabled before its recovery is given back as they left it, never enabled'],
    ],
    [
      'what was written is read back',
      'if (!isAs(after, change)) throw',
      'if (!after) throw',
      [MARKS, 'a PUT whose reply was lost is settled by reading'],
    ],
  ]),
];

export const EVACUATION: Guard[] = [...table, ...selection, ...sending, ...rows];
