// The drivers of somebody else that a configuration names: loaded where they can be, so that their options are judged like ours.
import { evacuationKind } from '../activities/evacuation/index.ts';
import { fencingKind } from '../activities/fencing/index.ts';
import { loadModule, type AnyDriver } from '../activities/load-driver.ts';
import { monitoringKind } from '../activities/monitoring/index.ts';
import { notificationKind } from '../activities/notification/index.ts';
import { optionProblems, strangersIn } from './config-checks.ts';
import { pathText, type Problem, type Source } from './config-errors.ts';

const KINDS = {
  monitoring: monitoringKind,
  fencing: fencingKind,
  evacuation: evacuationKind,
  notification: notificationKind,
};
type KindName = keyof typeof KINDS;
/** Who loads it in the end, and stops where it cannot. */
const NEEDED_BY: Record<KindName, string> = {
  monitoring: 'monitor',
  fencing: 'fencing',
  evacuation: 'evacuation',
  notification: 'notification',
};

/**
 * What is wrong with their options. One that cannot be loaded here is a warning: it may stand on the workers of its role alone, and
 * stops those where it does not.
 */
export async function judgeStrangers(
  raw: unknown,
  source: Source,
): Promise<{ problems: Problem[]; warnings: string[] }> {
  const others: Partial<Record<KindName, Record<string, AnyDriver>>> = {};
  const warnings = new Set<string>();
  for (const { kind, name, path } of strangersIn(raw)) {
    try {
      const driver = await loadModule(name, pathText(path), KINDS[kind], source.file);
      others[kind] = { ...others[kind], [name]: { page: name, ...driver } };
    } catch (error) {
      warnings.add(`${(error as Error).message}; the workers of the role ${NEEDED_BY[kind]} need it`);
    }
  }
  // Those of ours were judged before.
  const { problems } = optionProblems(raw, source, others);
  return { problems, warnings: [...warnings] };
}
