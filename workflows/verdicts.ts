// What many channels say of one node, made into one verdict by the rule that it is judged by; and what else a group has of its own.
import type { FailedWhen, Mode, OnDegraded, Policy } from './defaults.ts';
import type { Evidence, Verdict } from './domain.ts';

/** `*` stands for any run of characters; anything else for itself. */
export function matches(patterns: readonly string[], name: string): boolean {
  return patterns.some((p) => {
    const re = p.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
    return new RegExp(`^${re.join('.*')}$`).test(name);
  });
}

/** The rule that a node is judged by. */
export const ruleOf = (policy: Pick<Policy, 'failedWhen' | 'groups'>, host: string): FailedWhen =>
  policy.groups?.find(({ nodes }) => matches(nodes, host))?.failedWhen ?? policy.failedWhen;

/** Its group's, where that has one of its own: so that a fleet can be taken into service group by group. */
export const modeOf = (policy: Pick<Policy, 'mode' | 'groups'>, host: string): Mode =>
  policy.groups?.find(({ nodes }) => matches(nodes, host))?.mode ?? policy.mode;

/** What is done about a node that is in trouble and lives. */
export const onDegraded = (policy: Pick<Policy, 'degraded' | 'groups'>, host: string): OnDegraded =>
  policy.groups?.find(({ nodes }) => matches(nodes, host))?.degraded ?? policy.degraded ?? 'tell';

/** In trouble or not: it runs. */
export const lives = (v: Verdict): boolean => v === 'alive' || v === 'degraded';

/**
 * A channel without evidence is unknown, and unknown is never failed; nor does it veto. Who calls it degraded says that it lives. What is
 * alive by the rule is degraded where any channel says so, also one that the rule does not name; failed stays failed.
 */
export function combine(rule: FailedWhen, evidence: readonly Pick<Evidence, 'channel' | 'verdict'>[]): Verdict {
  const of = 'all' in rule ? rule.all : 'any' in rule ? rule.any : rule.of;
  const need = 'all' in rule ? of.length : 'any' in rule ? 1 : rule.atLeast;
  const verdictOf = (c: string): Verdict => evidence.find((e) => e.channel === c)?.verdict ?? 'unknown';
  const alive = evidence.some((e) => e.verdict === 'degraded') ? 'degraded' : 'alive';
  if (rule.veto?.some((c) => lives(verdictOf(c)))) return alive;
  const verdicts = of.map(verdictOf);
  const failed = verdicts.filter((v) => v === 'failed').length;
  const unknown = verdicts.filter((v) => v === 'unknown').length;
  if (need > 0 && failed >= need) return 'failed';
  return failed + unknown < need ? alive : 'unknown';
}
