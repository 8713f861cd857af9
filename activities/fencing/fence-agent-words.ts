// What a run of a fence agent says: exit codes and words of fence-agents 4.12.1 (fencing.py) and of what its agents call.
import type { DeviceFault } from '../../workflows/domain.ts';
import { oneLine } from './options.ts';
import type { ProgramRun } from './run-program.ts';

/** `power` is what a status told; of a switch, what was asked for. */
export type Answer = { ok: true; power: 'on' | 'off'; why: string } | { ok: false; fault: DeviceFault; why: string };

// In the order in which they decide. Every failure is exit code 1: only words tell. What none of them knows is `refused`.
const FAILURES: readonly [RegExp, DeviceFault][] = [
  [/The user does not have the correct privileges/, 'privilege'],
  [/\b403\b|not authorized|Insufficient privilege/i, 'privilege'],
  // Also said of a device that did not answer the login; a login that is tried again locks accounts.
  [/Unable to connect\/login to fencing device/, 'auth'],
  [
    /\b401\b|authentication fail|unauthori[sz]ed|permission denied|invalid credentials|incorrect (login|password)/i,
    'auth',
  ],
  [/Timed out waiting to power (ON|OFF)/, 'timeout'],
  [
    /connection refused|no route to host|network is unreachable|name or service not known|could not resolve/i,
    'unreachable',
  ],
  [/SSLError|CERTIFICATE_VERIFY_FAILED/, 'misconfigured'],
  [/Max retries exceeded|NewConnectionError|Couldn't connect|Connection lost|Connection timed out/i, 'unreachable'],
  [/Unable to obtain correct plug status|HMC version/, 'refused'],
  [
    /You have to|Unrecognised action|Parse error|Can not find VM UUID|is required|Failed: .*(missing|not supported)/i,
    'misconfigured',
  ],
  [
    /command was not found|was not executable|Cannot run command|Unable to run|No such file or directory/i,
    'misconfigured',
  ],
  [/^Traceback \(most recent call last\)/m, 'protocol'],
];

/**
 * A status is believed only where exit code and words agree (0 and `Status: ON`, 2 and `Status: OFF`): 2 is also what a shell or
 * a Python that could not even start ends with.
 */
export function readAgent(action: 'status' | 'on' | 'off', run: ProgramRun, secrets: readonly string[]): Answer {
  const fail = (fault: DeviceFault, why: string): Answer => ({ ok: false, fault, why });
  if (run.end === 'missing') return fail('misconfigured', 'the agent cannot be started');
  if (run.end === 'timeout') return fail('timeout', 'the agent was killed at the time limit');
  if (run.end === 'cancelled') return fail('timeout', 'cancelled');
  if (action === 'status') {
    const word = /^Status: (ON|OFF)\s*$/m.exec(run.stdout)?.[1];
    if (run.code === 0 && word === 'ON') return { ok: true, power: 'on', why: 'on' };
    if (run.code === 2 && word === 'OFF') return { ok: true, power: 'off', why: 'off' };
    if (run.code === 0 || run.code === 2)
      return fail('protocol', `ended with ${run.code} and said "${oneLine(run.stdout, ...secrets)}"`);
  } else if (run.code === 0) {
    if (/^<|<html/i.test(run.stdout)) return fail('protocol', `said "${oneLine(run.stdout, ...secrets)}"`);
    return { ok: true, power: action, why: /Already/.test(run.stdout) ? `is ${action} already` : `took the ${action}` };
  }
  const words = (run.stderr || run.stdout).replaceAll(STAMP, '');
  const said = oneLine(tellingLine(words), ...secrets) || 'no word';
  for (const [pattern, fault] of FAILURES) if (pattern.test(words)) return fail(fault, said);
  return fail('refused', `ended with ${run.code ?? 'a signal'}: ${said}`);
}

/** Its milliseconds would pass for a status code of HTTP. */
const STAMP = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+ /gm;

/** The line that says why, without the words in front of it. */
function tellingLine(text: string): string {
  const lines = text.split('\n').map((line) => line.trim());
  const telling = lines.filter((line) => line !== '' && !line.includes("Please use '-h'"));
  const error = telling.find((line) => /\bERROR: (?!$)/.test(line)) ?? telling.at(-1) ?? '';
  return error.replace(/^.*?\bERROR: /, '').replace(/^Failed: /, '');
}
