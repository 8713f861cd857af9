// What must always hold (invariants.md), judged by the world's own log alone: never by what Lifeboat says of itself.
import { auditFences } from './audit-fences.ts';
import { History } from './audit-history.ts';
import { auditMails } from './audit-mails.ts';
import { auditOneLife } from './audit-one-life.ts';
import { auditCollateral, auditReturn } from './audit-collateral.ts';
import { auditAccounts, auditOneRecovery, auditWidth } from './audit-recovery.ts';
import type { Entry, EntryOf, WorldLog } from './log.ts';

export type Rule = 'S1' | 'S2' | 'S3' | 'S4' | 'S5' | 'S6' | 'S8' | 'S9';

export interface Finding {
  rule: Rule;
  /** Milliseconds since the world began. */
  at: number;
  what: string;
}

export interface AccountedRun {
  node: string;
  instances: { id: string; outcome: string; host: string | null; reason: string }[];
  /** World's ms at which this incident began; default: the first fence or mark of the node. */
  since?: number;
}

/** Milliseconds are real ones, as in the log. Without scaling they are Lifeboat's defaults. */
export interface AuditOptions {
  /** The service user: whose calls are judged. */
  user?: string;
  /** Two reads of off are at least this far apart. Default: 3 s × timeScale. */
  holdMs?: number;
  /** The last read before a POST is at most this old (the guard's interval and its takeover). Default: 11 s × timeScale + 2 s. */
  guardMs?: number;
  /**
   * A node that was switched on, or thawed, less than this before is not held against a request or an off: nobody can know at once
   * (invariant S1: an interval of the guard). Default: 0.
   */
  exposureMs?: number;
  /** Nodes that may be fenced although their operating system lives (cut off, or by a person's word). */
  mayFence?: string[];
  /** Nodes that a person reserved: they may be enabled for a recovery, and disabled again. */
  reserved?: string[];
  /** Nodes that may be disabled and live-migrated empty although they live. */
  mayDrain?: string[];
  maxOffsPerNode?: number;
  maxNodesFenced?: number;
  atOnce?: number;
  limits?: { perNode?: number; overall?: number; perDestination?: number };
  /** Addresses that may get everything. */
  admins?: string[];
  tellNodeNames?: boolean;
  /** What names the stage of a mail; a repeat of one (recipient, stage) has the same Message-ID. */
  stageOf?: (mail: EntryOf<'mail'>['mail']) => string;
  /** Ids of instances whose data may be lost (the policy says rebuild). */
  mayLose?: string[];
  runs?: AccountedRun[];
  /** The runs are over: no lock of ours may remain. */
  ended?: boolean;
}

export interface Judged {
  log: WorldLog | { entries: readonly Entry[] };
  settings?: { timeScale: number };
}

/** Every breach found, in the order of time. Empty: all that was asked holds. */
export function audit(world: Judged, options: AuditOptions = {}): Finding[] {
  const scale = world.settings?.timeScale ?? 1;
  const o = {
    ...options,
    user: options.user ?? 'lifeboat',
    holdMs: options.holdMs ?? 3_000 * scale,
    guardMs: options.guardMs ?? 11_000 * scale + 2_000,
    exposureMs: options.exposureMs ?? 0,
  };
  const history = new History(world.log.entries, o.user);
  const rules = [
    auditOneLife,
    auditOneRecovery,
    auditFences,
    auditMails,
    auditReturn,
    auditAccounts,
    auditCollateral,
    auditWidth,
  ];
  return rules.flatMap((rule) => rule(history, o)).sort((a, b) => a.at - b.at);
}

export type Terms = AuditOptions & { user: string; holdMs: number; guardMs: number; exposureMs: number };

/** For an assertion's message. */
export const tellFindings = (findings: Finding[]): string =>
  findings.map((f) => `${f.rule} at ${Math.round(f.at)} ms: ${f.what}`).join('\n');
