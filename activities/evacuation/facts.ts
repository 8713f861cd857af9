// What the rules of selection ask beyond the list of instances: names of projects, images, aggregates of the node. Each is read only
// where a rule turns on it, once for all instances that share it; what cannot be read is null, and holds no recovery up for long.
import type { Policy } from '../../workflows/defaults.ts';
import type { InstanceView } from '../../workflows/domain.ts';
import { factsFor, rulesFor, type FactName, type Facts } from '../../workflows/policy.ts';
import type { Aggregate, Image, OpenStack } from '../openstack/types.ts';
import { lastedMs, moment, type Clock, type Moment } from './clock.ts';
import { failureOf } from './failure.ts';
import { fewAtATime } from './few-at-a-time.ts';

/** For all of them together: a Glance that hangs must not delay a recovery by more. */
const LIMIT_MS = 10_000;
const KEEP_NAMES_MS = 10 * 60_000;
/** A fleet's drill asks for each node. */
const KEEP_AGGREGATES_MS = 15_000;

export interface FactReader {
  /** By instance id; `{}` for one of which nothing is asked. Never rejects for what a service answers. */
  read(node: string, views: readonly InstanceView[], policy: Policy): Promise<Map<string, Facts>>;
}

/** Whether the list of instances has to bring their images' properties. */
export const asksForImages = ({ evacuation: e }: Policy): boolean =>
  [e.leave, e.only, e.first].some((rules) => rules?.some((m) => m.image !== undefined));

export function createFacts({ compute, identity, images }: OpenStack, clock: Clock): FactReader {
  const names = new Map<string, { name: string; at: Moment }>();
  let aggregates: { all: Aggregate[]; at: Moment } | null = null;

  const projectName = async (id: string, signal: AbortSignal): Promise<string> => {
    const kept = names.get(id);
    if (kept && lastedMs(clock, kept.at) < KEEP_NAMES_MS) return kept.name;
    const name = await identity.projectName(id, { signal });
    names.set(id, { name, at: moment(clock) });
    return name;
  };
  const aggregatesOf = async (node: string, signal: AbortSignal): Promise<Aggregate[]> => {
    if (aggregates === null || lastedMs(clock, aggregates.at) >= KEEP_AGGREGATES_MS)
      aggregates = { all: await compute.aggregateList({ signal }), at: moment(clock) };
    return aggregates.all.filter((a) => a.hosts.includes(node));
  };

  return {
    async read(node, views, policy) {
      const asked = new Map(views.map((v) => [v.id, factsFor(v, rulesFor(v, policy.evacuation))]));
      const those = (fact: FactName): InstanceView[] => views.filter((v) => asked.get(v.id)!.has(fact));
      const distinct = (ids: (string | null | undefined)[]): string[] => [...new Set(ids)].filter((id) => id != null);
      const signal = AbortSignal.timeout(LIMIT_MS);
      const [projects, imagesById, here] = await Promise.all([
        each(distinct(those('project').map((v) => v.projectId)), (id) => projectName(id, signal), signal),
        each(distinct(those('image').map((v) => v.imageId)), (id) => images.image(id, { signal }), signal),
        those('aggregates').length > 0 ? orNull(aggregatesOf(node, signal), signal) : null,
      ]);
      return new Map(views.map((v) => [v.id, factsOf(v, asked.get(v.id)!, { projects, images: imagesById, here })]));
    },
  };
}

interface Found {
  projects: Map<string, string | null>;
  images: Map<string, Image | null>;
  here: Aggregate[] | null;
}

const factsOf = (v: InstanceView, asked: ReadonlySet<FactName>, { projects, images, here }: Found): Facts => ({
  ...(asked.has('project') ? { projectName: projects.get(v.projectId) ?? null } : {}),
  ...(asked.has('image') ? { image: images.get(v.imageId ?? '') ?? null } : {}),
  ...(asked.has('aggregates') ? { aggregates: here } : {}),
});

const each = async <T>(
  ids: readonly string[],
  read: (id: string) => Promise<T | null>,
  signal: AbortSignal,
): Promise<Map<string, T | null>> =>
  new Map(await fewAtATime(ids, async (id) => [id, await orNull(read(id), signal)] as const));

/** A service that refuses, breaks or is too slow leaves it open; a mistake of ours is thrown. */
async function orNull<T>(reading: Promise<T>, signal: AbortSignal): Promise<T | null> {
  try {
    return await reading;
  } catch (error) {
    if (failureOf(error) !== null || signal.aborted) return null;
    throw error;
  }
}
