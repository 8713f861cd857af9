// What makes a proof a proof, who may be switched off, and how the proof is guarded.
import { guardsOf, type Guard } from './guard.ts';

const LEVEL = 'test/activities/fencing/fence-level.test.ts';
const GUARD = 'test/activities/fencing/guard.test.ts';
const ACTIVITIES = 'test/activities/fencing/activities.test.ts';
const LEVELS = 'test/activities/fencing/levels.test.ts';
const REDFISH = 'test/activities/fencing/redfish.test.ts';
const IRONIC = 'test/activities/fencing/ironic.test.ts';
const LINE = 'test/activities/fencing/run-line.test.ts';

const SILENT = 'found off by a device of unknown identity, the node must have been silent for longer';

export const FENCE: Guard[] = [
  ...guardsOf('activities/fencing/attempt.ts', [
    [
      'one device that is unknown is not off: all of a level must read off',
      "readings.every(({ power }) => power === 'off')",
      "readings.some(({ power }) => power === 'off')",
      [LEVEL, 'never proves with one of two devices unknown'],
    ],
    [
      'does not go on with a node that was registered anew',
      'if (!sign.anotherService) return null;',
      'if (sign) return null;',
      [LEVEL, 'sends nothing to a node that was registered anew'],
    ],
    [
      'tries a wrong password once',
      "new Set(['auth', 'privilege', 'mismatch', 'misconfigured'])",
      "new Set(['privilege', 'mismatch', 'misconfigured'])",
      [LEVEL, 'tries a wrong password once'],
    ],
  ]),
  ...guardsOf('activities/fencing/kdump.ts', [
    [
      'a message that is none of fence_kdump_send delays nothing',
      'if (saysDumping(message))',
      'if (message)',
      [ACTIVITIES, 'hears a node by its own addresses only, and only what is a message'],
    ],
  ]),
  ...guardsOf('activities/fencing/fence-level.ts', [
    [
      'a level without devices proves nothing',
      'if (tools.devices.length === 0)',
      'if (false)',
      [LEVEL, 'never takes a level without devices for off'],
    ],
    [
      'what anybody may say of a dump delays a fence once',
      '!input.afterDump && ',
      '',
      [LEVEL, 'does not wait for a dump that was waited for'],
    ],
    [
      'a node that came back while its instances are moved is switched off at once, dump or not',
      'input.again === 0 && !input.afterDump',
      '!input.afterDump',
      [LEVEL, 'does not wait for a dump of a node that came back while its instances are moved'],
    ],
    [
      'a node that lives at the last look is not touched',
      'if (lives) return',
      'if (lives && false) return',
      [LEVEL, 'touches nothing when the node answers at the last look'],
    ],
    [
      'without a last look nothing is sent',
      'if (sign.updatedAt === undefined)',
      'if (false)',
      [LEVEL, 'sends nothing when the last look finds Nova unreadable'],
    ],
    [
      'the run has the last word before an off',
      'return may.ok ? null',
      'return may ? null',
      [LEVEL, 'sends nothing when the run says no'],
    ],
    [
      'a device that is off already gets no off',
      "readings[i]!.power === 'off'",
      'false',
      [LEVEL, 'sends off only to the device that is not off yet'],
    ],
  ]),
  ...guardsOf('activities/fencing/fence-level.ts', [
    [
      'a further off needs the run’s marker on the row',
      "if (sign.updatedAt !== undefined) return { kind: 'markGone'",
      "if (sign.updatedAt !== undefined && false) return { kind: 'markGone'",
      [LEVEL, 'a further off is sent only while the marker of the run stands: a node that was given back is left on'],
    ],
  ]),
  ...guardsOf('activities/fencing/hold-off.ts', [
    [
      'off is read, not believed of a reply',
      'if (!allOff(readings)) return',
      'if (!allOff(readings) && !attempt.commands.some((c) => c?.accepted)) return',
      [LEVEL, 'does not believe a device that takes the off and stays on'],
    ],
    [
      'off is held over two reads',
      'hold.offSince + powerHoldMs',
      'hold.offSince',
      [LEVEL, 'proves a node off with one command and two reads of off, the hold apart'],
    ],
    [
      'a node that goes on again is not off',
      "'it was off and went on again'",
      "''",
      [LEVEL, 'is not fooled by a node that goes on again within the hold'],
    ],
    [
      'an address that answers is no dead node',
      "if (sign.tcp === 'answers') return",
      "if (sign.tcp === 'answers' && false) return",
      [LEVEL, 'speaks of a contradiction when the device says off and the node answers'],
    ],
    [
      'a row that cannot be read is no silence',
      'if (sign.updatedAt === undefined) return',
      'if (sign.updatedAt === undefined && false) return',
      [LEVEL, 'does not prove while Nova cannot be read'],
    ],
    [
      'a row that moves is no dead node',
      'if (silence.rowMs(now) <= reportIntervalMs)',
      'if (false)',
      [LEVEL, 'speaks of a contradiction when the device goes off and the node goes on reporting'],
    ],
    [
      'found off by a device of unknown identity, the node must be silent',
      'if (silence.ms(now) < silentBeforeFoundOffMs)',
      'if (false)',
      [LEVEL, SILENT],
    ],
    [
      'found off by a device of unknown identity, silence must be seen',
      "if (sign.tcp === 'unknown')",
      'if (false)',
      [LEVEL, SILENT],
    ],
  ]),
  ...guardsOf('activities/fencing/redfish.ts', [
    [
      'switches off only the machine that the inventory means',
      'if (wanted !== undefined && normal(saw) !== normal(wanted))',
      'if (false)',
      [REDFISH, 'redfish does not say that an off was taken when the device belongs to another machine'],
    ],
    [
      'only the exact word is off',
      "if (power === 'Off')",
      "if (power !== 'On')",
      [REDFISH, 'redfish does not take PowerState "PoweringOff" for off'],
    ],
  ]),
  ...guardsOf('activities/fencing/ironic.ts', [
    [
      'believes no power that Ironic does not read now',
      'if (maintenance)',
      'if (maintenance && false)',
      [
        IRONIC,
        'ironic neither believes nor switches a node in maintenance: what it says of the power may be of last week',
      ],
    ],
    [
      'a node on its way is not off',
      "node.power === 'power off' && node.target === null",
      "node.power === 'power off'",
      [IRONIC, 'ironic does not take {"target_power_state":"power on"} for off'],
    ],
  ]),
  ...guardsOf('activities/fencing/run-line.ts', [
    [
      'a run that does not answer says no',
      'return { ok: false, why: `the run does not answer',
      'return { ok: true, why: `the run does not answer',
      [LINE, 'a run that does not answer in time says no'],
    ],
  ]),
  ...guardsOf('activities/fencing/owners.ts', [
    [
      'one device of two nodes switches off neither',
      'if (nodes.length < 2) return null;',
      'if (nodes.length < 9) return null;',
      [LEVELS, 'refuses a second node with the device of another for both, as soon as both are known'],
    ],
  ]),
  ...guardsOf('activities/fencing/guard-mind.ts', [
    [
      'the guard sees life on the network',
      "if (sign.tcp === 'answers') return sign.saw;",
      '',
      [GUARD, 'comes back as soon as the node answers on the network'],
    ],
    [
      'the guard sees a node that reports again',
      'if (this.#movedAt !== null && now - this.#movedAt >=',
      'if (this.#movedAt === -1 && now - this.#movedAt >=',
      [GUARD, 'takes one move of the row for an edit, and a second one a report interval later for life'],
    ],
    [
      'the guard does not say off before all devices read off',
      'Math.min(...this.#devices.map((seen) => seen.offs))',
      'Math.max(...this.#devices.map((seen) => seen.offs))',
      [GUARD, 'does not say off before all devices read off'],
    ],
    [
      'the guard says when it is blind',
      'if (this.#unseenMs(now) >= this.#input.timings.guardBlindMs)',
      'if (false)',
      [GUARD, 'says that it is blind after a minute without a read, and that it sees again after two'],
    ],
    [
      'after blindness one read of off is not enough',
      'this.#blind ? OFFS_AFTER_BLINDNESS : 1',
      '1',
      [GUARD, 'says that it is blind after a minute without a read, and that it sees again after two'],
    ],
    [
      'silence that nobody can see is not said',
      '!sign || sign.updatedAt === undefined ||',
      '!sign ||',
      [GUARD, 'has witnesses only for a proof by a person, and is never blind then'],
    ],
  ]),
  ...guardsOf('activities/fencing/guard.ts', [
    [
      'the guard comes back when the node is on',
      "return reading.power === 'on' ?",
      "return reading.power === 'on' && false ?",
      [GUARD, 'comes back at the first read of on'],
    ],
    [
      'the guard says it again when it was not heard',
      'this.#told = sight.seeing;\n    } catch {',
      '} catch {\n      this.#told = sight.seeing;',
      [GUARD, 'says it again when the server did not take it'],
    ],
  ]),
];
