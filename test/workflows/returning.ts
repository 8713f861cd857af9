// A node that is brought back: as Nova and its BMC show it while readmission works on it.
import { aNode, type Fakes, type Story } from './harness.ts';

const RUN = '0198a0b1-aaaa-7000-8000-000000000001';
/** A node as a recovery left it. */
export const off = aNode({ status: 'disabled', forcedDown: true, disabledReason: `lifeboat:${RUN}:recovered` });

/** The node as Nova has it, moved by what is done to it; its nova-compute reports with every look once it is on. */
export function returning(row: typeof off): (s: Pick<Story, 'calls'>) => Partial<Fakes> {
  let [on, reports] = [false, 0];
  return ({ calls }) => ({
    resolveNode: async (name) => (name.toLowerCase() === row.host ? { found: row } : { found: null, near: [row.host] }),
    readPower: async () => [
      { level: 'bmc', label: 'ipmi', power: on ? ('on' as const) : ('off' as const), detail: '' },
    ],
    powerOn: async () => {
      calls.push('power on');
      on = true;
      return { ok: true, detail: 'on' };
    },
    readService: async () => {
      if (on) row = { ...row, updatedAt: `2026-01-01T00:00:${String(++reports % 60).padStart(2, '0')}Z` };
      return { ...row, state: on && !row.forcedDown ? 'up' : 'down' };
    },
    unforce: async () => {
      calls.push('unforce');
      row = { ...row, forcedDown: false };
      return { ok: true, why: '' };
    },
    enable: async () => {
      calls.push('enable');
      return (row = { ...row, status: 'enabled', disabledReason: null });
    },
  });
}
