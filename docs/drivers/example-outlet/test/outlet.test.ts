import { fencingConformance } from 'lifeboat/conformance';
import type { FencingDriver } from 'lifeboat/driver';
import outlet from '../src/index.ts';
import { strip } from './strip.ts';

const FAULTS = ['unreachable', 'wrongPassword', 'lacksPrivilege', 'noSuchMachine', 'refuses', 'otherMachine'] as const;

fencingConformance({
  driver: outlet as FencingDriver,
  faults: { status: [...FAULTS, 'speaksNonsense'], off: [...FAULTS, 'losesReply'] },
  refused: [{ url: 'strip-1' }, { outlet: 0 }, { token: 'written here' }, { serial: '' }],
  hasPassword: true,
  never: /reset|cycle|reboot/,
  start: strip,
});
