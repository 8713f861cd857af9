// Who is told what, and what never leaves a worker.
import { guardsOf, type Guard } from './guard.ts';

const RENDER = 'test/activities/notification/render.test.ts';
const ACTIVITIES = 'test/activities/notification/activities.test.ts';
const TELL = 'test/workflows/tell-people.test.ts';
const REDACT = 'test/workers/redact.test.ts';
const INTERCEPT = 'test/workers/interceptors.test.ts';
const CONFIG = 'test/workers/config.test.ts';
const CLIENT = 'test/activities/monitoring/client.test.ts';

export const PEOPLE: Guard[] = [
  ...guardsOf('activities/notification/models.ts', [
    [
      'a tenant reads of their own projects’ instances only',
      '(i) => recipient.projects.includes(i.projectId)',
      '(i) => i || recipient.projects.includes(i.projectId)',
      [RENDER, 'names every instance of their own projects and none of any other'],
    ],
    [
      'a tenant reads no name of a node',
      'node: notice.tellNodeNames ? notice.node : null,',
      'node: notice.node,',
      [RENDER, 'never names a node, in no part and in no header'],
    ],
  ]),
  ...guardsOf('activities/notification/render.ts', [
    [
      'nobody unaffected is told',
      'if (!admin && mayRead(notice, recipient).length === 0) return null;',
      '',
      [RENDER, 'is not made where nothing of theirs is concerned'],
    ],
    [
      'a repeat carries the same Message-ID',
      'JSON.stringify([key, recipientId])',
      'JSON.stringify([key, recipientId, Math.random()])',
      [ACTIVITIES, 'gives every repeat the same id'],
    ],
    [
      'a Message-ID tells no name of a node',
      "createHash('sha256')\n    .update(JSON.stringify([key, recipientId]))\n    .digest('hex')",
      'key',
      [RENDER, 'tells a reader nothing'],
    ],
  ]),
  ...guardsOf('activities/notification/recipients.ts', [
    [
      'who is disabled in Keystone is not told',
      'people: people.filter((p) => p.enabled)',
      'people',
      [ACTIVITIES, 'leaves out who is disabled, and names who has no usable address'],
    ],
  ]),
  ...guardsOf('workflows/tell-people.ts', [
    [
      'no other project’s instance stands in the history of a tenant’s message',
      '(i) => recipient.projects.includes(i.projectId)',
      '(i) => i || recipient.projects.includes(i.projectId)',
      [TELL, "gives a tenant's message no more than their own projects' instances"],
    ],
  ]),
  ...guardsOf('workers/interceptors.ts', [
    [
      'no secret in an error that reaches a history',
      'oneLine(redactor.redact(error instanceof Error ? error.message : String(error)))',
      'oneLine(error instanceof Error ? error.message : String(error))',
      [INTERCEPT, 'a plain error becomes one redacted line with its name as type, without stack and cause'],
    ],
    [
      'no stack in a history',
      "failure.stack = '';",
      '',
      [INTERCEPT, 'a plain error becomes one redacted line with its name as type, without stack and cause'],
    ],
  ]),
  ...guardsOf('activities/openstack/redact.ts', [
    [
      'a known secret is removed in every form',
      'expression ? text.replace(expression, GONE) : text',
      'text',
      [REDACT, 'removes a known secret: plain, JSON, URL-encoded, hex and base64'],
    ],
    [
      'what looks like a secret is removed',
      'clean = clean.replace(pattern, replacement);',
      'clean = clean.replace(pattern, pattern === PATTERNS[0]?.[0] ? replacement : `$&`);',
      [REDACT, 'removes what looks like a secret though nobody told it'],
    ],
  ]),
  ...guardsOf('activities/notification/activities.ts', [
    [
      'the words of an unknown error stay out of the history',
      ': `the channel failed: ${(error as Error)?.name',
      ': `the channel failed: ${(error as Error)?.message} ${(error as Error)?.name',
      [ACTIVITIES, 'keeps the words of an unknown error, which may hold a secret, out of the history'],
    ],
  ]),
  ...guardsOf('activities/monitoring/ask-admission.ts', [
    [
      'a worker of another cloud admits nothing',
      'if (cloud !== watch.input.cloud)',
      'if (false)',
      [CLIENT, 'admission of another cloud is refused: this worker would judge it by the wrong policy'],
    ],
  ]),
  ...guardsOf('workers/rule-checks.ts', [
    [
      'nobody acts automatically on the word of one channel',
      "if (mode === 'auto') judgeAuto",
      "if (mode === 'observe') judgeAuto",
      [CONFIG, 'nobody acts automatically on the word of one channel'],
    ],
  ]),
];
