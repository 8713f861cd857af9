// Which instances are moved and which are left alone: rules of the configuration, against what is known of an instance. Pure. What is
// not known is neither yes nor no: it never leaves an instance behind.
import type { Policy } from './defaults.ts';
import type { InstanceView } from './domain.ts';
import { matches } from './verdicts.ts';

/** Key → patterns of its value, any of them. The key may be a pattern, too. */
export type Words = Record<string, string[]>;

/** One entry of a rule: all that it names must fit. Lists: any of them. `*` stands for any characters; case does not count. */
export interface Matcher {
  /** Id or name. */
  project?: string[] | undefined;
  name?: string[] | undefined;
  tag?: string[] | undefined;
  metadata?: Words | undefined;
  /** Extra specs of its flavor. */
  flavor?: Words | undefined;
  flavorName?: string[] | undefined;
  /** Properties of its image. */
  image?: Words | undefined;
  imageTag?: string[] | undefined;
  /** Of the node: both must fit the same aggregate. */
  aggregate?: string[] | undefined;
  aggregateMetadata?: Words | undefined;
}

/** What the list of instances does not tell. Absent: nobody asked. Null: it could not be read. */
export interface Facts {
  projectName?: string | null;
  image?: { properties: Record<string, string>; tags: string[] } | null;
  aggregates?: { name: string; metadata: Record<string, string> }[] | null;
}
export type FactName = 'project' | 'image' | 'aggregates';

export type Fit = 'yes' | 'no' | 'unknown';
type Selected = Pick<
  InstanceView,
  'name' | 'projectId' | 'metadata' | 'tags' | 'flavor' | 'volumeBacked' | 'imageId' | 'imageProperties'
>;
type Rules = Pick<
  Policy['evacuation'],
  'selection' | 'selectionKey' | 'only' | 'leave' | 'first' | 'amphorae' | 'amphoraProjects'
>;

const all = (fits: readonly Fit[]): Fit => (fits.includes('no') ? 'no' : fits.includes('unknown') ? 'unknown' : 'yes');
const any = (fits: readonly Fit[]): Fit => (fits.includes('yes') ? 'yes' : fits.includes('unknown') ? 'unknown' : 'no');
const sure = (is: boolean): Fit => (is ? 'yes' : 'no');

/** Like `matches`, without case. */
export const like = (patterns: readonly string[], text: string): boolean =>
  matches(
    patterns.map((p) => p.toLowerCase()),
    text.toLowerCase(),
  );

const has = (words: Words, of: Record<string, string>): boolean =>
  Object.entries(words).every(([key, values]) =>
    Object.entries(of).some(([k, v]) => like([key], k) && like(values, v)),
  );

/** An id of Keystone: what looks like one is no name. */
const isId = (pattern: string): boolean => /^([0-9a-f]{32}|[0-9a-f-]{36})$/i.test(pattern);

function fitsProject(patterns: readonly string[], i: Selected, { projectName }: Facts): Fit {
  if (like(patterns, i.projectId)) return 'yes';
  if (projectName !== undefined && projectName !== null) return sure(like(patterns, projectName));
  return patterns.every(isId) ? 'no' : 'unknown';
}

/** It boots from a volume, and what image that was made from is not asked. */
export const hasNoImage = (i: Pick<Selected, 'volumeBacked' | 'imageId'>): boolean =>
  i.volumeBacked || i.imageId === null;

/** Nova tells the standard properties of an image also when that is gone (2.98); others only Glance does. */
function fitsImage(words: Words, i: Selected, image: Facts['image']): Fit {
  if (hasNoImage(i)) return 'no';
  const told = { ...image?.properties, ...i.imageProperties };
  return all(
    Object.entries(words).map(([key, values]): Fit => {
      if (has({ [key]: values }, told)) return 'yes';
      return image || (!key.includes('*') && i.imageProperties?.[key] !== undefined) ? 'no' : 'unknown';
    }),
  );
}

const fitsImageTag = (tags: readonly string[], i: Selected, image: Facts['image']): Fit =>
  hasNoImage(i) ? 'no' : image ? sure(image.tags.some((t) => like(tags, t))) : 'unknown';

const fitsAggregate = ({ aggregate, aggregateMetadata }: Matcher, { aggregates }: Facts): Fit =>
  aggregates
    ? sure(
        aggregates.some(
          (a) => (!aggregate || like(aggregate, a.name)) && (!aggregateMetadata || has(aggregateMetadata, a.metadata)),
        ),
      )
    : 'unknown';

/** What each part of an entry says; those that need a fact carry its name. */
function parts(m: Matcher, i: Selected, f: Facts): { fit: Fit; needs?: FactName }[] {
  const { name, tag, metadata, flavor, flavorName, project, image, imageTag } = m;
  return [
    ...(name ? [{ fit: sure(like(name, i.name)) }] : []),
    ...(tag ? [{ fit: sure(i.tags.some((t) => like(tag, t))) }] : []),
    ...(metadata ? [{ fit: sure(has(metadata, i.metadata)) }] : []),
    ...(flavor ? [{ fit: sure(has(flavor, i.flavor.extraSpecs)) }] : []),
    ...(flavorName ? [{ fit: sure(like(flavorName, i.flavor.name)) }] : []),
    ...(project ? [{ fit: fitsProject(project, i, f), needs: 'project' as const }] : []),
    ...(image ? [{ fit: fitsImage(image, i, f.image), needs: 'image' as const }] : []),
    ...(imageTag ? [{ fit: fitsImageTag(imageTag, i, f.image), needs: 'image' as const }] : []),
    ...(m.aggregate || m.aggregateMetadata ? [{ fit: fitsAggregate(m, f), needs: 'aggregates' as const }] : []),
  ];
}

/** An entry that names nothing fits nothing. */
export function fitOf(m: Matcher, i: Selected, f: Facts): Fit {
  const found = parts(m, i, f);
  return found.length > 0 ? all(found.map((p) => p.fit)) : 'no';
}

export const isTrue = (v: string | undefined): boolean => v?.toLowerCase() === 'true';

/** By its owner (metadata, as in Masakari, or a tag) or by its flavor (an extra spec, as in InstanceHA). */
export const isMarked = (i: Selected, key: string): boolean =>
  isTrue(i.metadata[key]) || i.tags.includes(key) || isTrue(i.flavor.extraSpecs[key]);

/** How Octavia names them: `amphora-` and the amphora's id (octavia/controller/worker/v2/tasks/compute_tasks.py). */
const AMPHORA = /^amphora-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

const amphoraRule = (i: Selected, e: Rules): Matcher | null =>
  e.amphorae === 'leave' && AMPHORA.test(i.name) ? { project: e.amphoraProjects ?? [] } : null;

/** Its name and its project are Octavia's: a tenant's own instance may have such a name, and is none. */
export function isAmphora(i: Selected, f: Facts, e: Rules): Fit {
  const rule = amphoraRule(i, e);
  return rule === null ? 'no' : fitOf(rule, i, f);
}

/** Everything that this instance may have to be held against. */
export function rulesFor(i: Selected, e: Rules): Matcher[] {
  const amphora = amphoraRule(i, e);
  return [...(amphora ? [amphora] : []), ...(e.leave ?? []), ...(e.only ?? []), ...(e.first ?? [])];
}

/** Whether it is among those that are evacuated; `leave` is not asked. */
export function chosen(i: Selected, f: Facts, e: Rules): Fit {
  const only = e.only ?? [];
  if (e.selection === 'all' && only.length === 0) return 'yes';
  if (e.selection === 'opt-in' && isMarked(i, e.selectionKey)) return 'yes';
  return any(only.map((m) => fitOf(m, i, f)));
}

/** The entry of `leave` that fits it, surely or perhaps. Null: none does. */
export function leftBy(
  i: Selected,
  f: Facts,
  leave: readonly Matcher[] = [],
): { entry: Matcher; index: number; fit: Fit } | null {
  const found = leave.map((entry, index) => ({ entry, index, fit: fitOf(entry, i, f) }));
  return found.find((x) => x.fit === 'yes') ?? found.find((x) => x.fit === 'unknown') ?? null;
}

/** Marked, or named by `first`: such instances go before the others. */
export const goesFirst = (i: Selected, f: Facts, e: Rules): boolean =>
  isMarked(i, e.selectionKey) || (e.first ?? []).some((m) => fitOf(m, i, f) === 'yes');

/** What has to be read before these rules can tell: nothing where the list of instances tells enough. */
export function factsFor(i: Selected, rules: readonly Matcher[]): Set<FactName> {
  const open = rules.map((m) => parts(m, i, {})).filter((ps) => ps.every((p) => p.fit !== 'no'));
  return new Set(open.flat().flatMap((p) => (p.fit === 'unknown' && p.needs ? [p.needs] : [])));
}

const PARTS: Record<keyof Matcher, string> = {
  ...{ project: 'project', name: 'name', tag: 'tags', metadata: 'metadata', flavor: 'flavor', flavorName: 'flavor' },
  ...{ image: 'image', imageTag: 'image', aggregate: 'aggregate', aggregateMetadata: 'aggregate' },
};

/** `name and project`: what an entry looks at. Never its patterns: a tenant reads this, and they may name others. */
export const partsOf = (m: Matcher): string =>
  [...new Set((Object.keys(m) as (keyof Matcher)[]).filter((key) => m[key]).map((key) => PARTS[key]))].join(' and ');

/** Which facts are missing, for the reason of one that is moved all the same. */
export function untold(i: Selected, f: Facts, rules: readonly Matcher[]): string {
  const words = {
    project: `the name of its project (${i.projectId})`,
    image: `its image (${i.imageId ?? 'unknown'})`,
    aggregates: 'the aggregates of the node',
  };
  const gone: Record<FactName, boolean> = {
    project: f.projectName === undefined || f.projectName === null,
    image: !f.image,
    aggregates: !f.aggregates,
  };
  return [...factsFor(i, rules)]
    .filter((name) => gone[name])
    .map((name) => words[name])
    .join(' and ');
}
