// Whether a node may be rehearsed on: set aside by a person, with nobody's instances on it but those that were named, and nothing else
// going on. Pure.
import type { RecoveryPreview } from '../../workflows/contract.ts';
import { many, obstaclesOf, ofPreview } from '../../workflows/drill/judge.ts';
import type { Fleet } from '../cli/fleet.ts';

/** The word that a person writes into the reason of the disable: a node that is disabled for something else is not ours to break. */
const WORD = /\brehearsal\b/i;
const NAMED = 5;

/**
 * Why not, all of it; empty: it may. `projects`: ids of those whose instances may be moved. `broken`: it was made to fail already, and
 * its power device may have lost its power with it.
 */
export function whyNot(
  p: RecoveryPreview,
  fleet: Pick<Fleet, 'watch' | 'open' | 'cloud'>,
  projects: readonly string[],
  broken = false,
): string[] {
  return [...notAside(p), ...others(p, projects), ...(broken ? [] : hopeless(p)), ...elsewhere(p, fleet)];
}

function notAside({ node, row }: RecoveryPreview): string[] {
  const how = `openstack compute service set --disable --disable-reason 'rehearsal' ${node} nova-compute`;
  if (!row) return ['the workers are of an older release: they do not tell how the node is disabled'];
  if (row.status !== 'disabled') return [`${node} is in service: set it aside first (${how})`];
  if (row.forcedDown) return [`${node} is forced down already`];
  if (!WORD.test(row.disabledReason ?? '') || row.disabledReason?.startsWith('lifeboat:'))
    return [`${node} is disabled for another reason: ${row.disabledReason ?? 'none given'} (${how})`];
  return [];
}

function others({ node, instances }: RecoveryPreview, projects: readonly string[]): string[] {
  const strange = instances.filter((i) => !projects.includes(i.projectId));
  if (strange.length === 0) return [];
  const names = strange.slice(0, NAMED).map((i) => `${i.name || i.id} (project ${i.projectId})`);
  const more = strange.length > NAMED ? ` and ${strange.length - NAMED} more` : '';
  const what = `${many(strange.length, 'instance')} on ${node} of projects that --project does not name`;
  return [`${what}: ${names.join(', ')}${more}: move them away first`];
}

/** What would certainly go wrong is found by a drill, without breaking anything. */
function hopeless(p: RecoveryPreview): string[] {
  const kinds = ['fence', 'room', 'unreadable'];
  return obstaclesOf(ofPreview(p))
    .filter(({ kind }) => kinds.includes(kind))
    .map(({ text }) => text);
}

/** A rehearsal is never in the way of a failure. */
function elsewhere(
  { node, mode }: RecoveryPreview,
  { watch, open, cloud }: Pick<Fleet, 'watch' | 'open' | 'cloud'>,
): string[] {
  if (!watch) return [`no watch of ${cloud} runs`];
  const failed = (watch.sight?.failed ?? []).filter((host) => host !== node && !watch.sight?.ours.includes(host));
  const busy = open.map(({ node: host }) => host);
  return [
    mode === 'observe' ? `the mode is observe: nothing is ever fenced` : '',
    watch.paused ? `paused by ${watch.paused.by}` : '',
    busy.length > 0 ? `something is open: ${busy.join(', ')}` : '',
    failed.length > 0 ? `failed now: ${failed.join(', ')}` : '',
  ].filter(Boolean);
}

/** Seconds of each stage, from the one before; in their order. */
export function stageSeconds(
  stages: Readonly<Record<string, number>>,
): { stage: string; seconds: number; atSeconds: number }[] {
  let before = 0;
  return Object.entries(stages)
    .toSorted(([, a], [, b]) => a - b)
    .map(([stage, ms]) => {
      const seconds = Math.round((ms - before) / 100) / 10;
      before = ms;
      return { stage, seconds, atSeconds: Math.round(ms / 100) / 10 };
    });
}
