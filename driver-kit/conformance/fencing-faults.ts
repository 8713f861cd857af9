// The ways in which fence devices are broken, and what a driver must call each.
import type { DeviceFault } from '../../workflows/domain.ts';

/** How a device, or the way to it, is broken: in words, and what its driver must call it. */
export const FAULTS = {
  unreachable: ['cannot be reached', ['unreachable']],
  wrongPassword: ['does not take the password', ['auth']],
  unknownUser: ['does not know the user', ['auth']],
  lacksPrivilege: ['denies the privilege', ['privilege']],
  refuses: ['refuses', ['refused']],
  cannotTell: ['cannot tell the state', ['refused']],
  speaksNonsense: ['speaks nonsense', ['protocol']],
  otherMachine: ['belongs to another machine', ['mismatch']],
  noSuchMachine: ['has no such machine', ['misconfigured']],
  noSuchSuite: ['knows no such cipher suite', ['misconfigured']],
  noForceOff: ['offers no immediate power off', ['misconfigured']],
  taskFails: ['takes it as a task that fails', ['refused']],
  /** The off has its effect all the same. */
  losesReply: ['loses the reply', ['timeout', 'unreachable']],
} as const satisfies Record<string, readonly [string, readonly DeviceFault[]]>;
/** `hangs`: never answers. `lies`: takes the off, says so, and the machine stays on. */
export type Fault = keyof typeof FAULTS | 'hangs' | 'lies';
