// Entries of evacuation.only, .leave and .first: what an instance has to have, written as a person writes it.
import { z } from 'zod';

const scalar = z.union([z.string().trim().min(1), z.number(), z.boolean()]);

/** A text, a number or true; or a list of them, any of which counts. */
const words = (expected: string, example: string) =>
  z
    .union([scalar, z.array(scalar).min(1)])
    .transform((given) => [given].flat().map(String))
    .meta({ expected, example });

const named = (what: string, example: string) =>
  words(`${what} or a pattern of it, or a list of them`, example).optional();

const keyed = (what: string, example: string) =>
  z
    .record(z.string().trim().min(1), words('a value or a pattern of it, or a list of them', 'gold'))
    .refine((o) => Object.keys(o).length > 0, 'names no key')
    .meta({ expected: `${what} as a block of keys with their values`, example })
    .optional();

export const matcher = z
  .strictObject({
    project: named('a project’s name or id', 'acme'),
    name: named('an instance’s name', 'db-*'),
    tag: named('a tag', 'gold'),
    metadata: keyed('metadata', '{ tier: gold }'),
    flavor: keyed('extra specs of a flavor', '{ evacuable: true }'),
    flavorName: named('a flavor’s name', 'm1.*'),
    image: keyed('properties of an image', '{ os_distro: windows }'),
    imageTag: named('a tag of an image', 'amphora'),
    aggregate: named('a host aggregate’s name', 'rack-*'),
    aggregateMetadata: keyed('metadata of a host aggregate', '{ evacuable: true }'),
  })
  .refine(
    (m) => Object.values(m).some((v) => v !== undefined),
    'is empty: it would fit every instance (name: "*" says so)',
  );

export const matchers = z
  .array(matcher)
  .min(1)
  .meta({
    expected:
      'one or more entries of project, name, tag, metadata, flavor, flavorName, image, imageTag, aggregate, aggregateMetadata',
    example: '[{ metadata: { tier: gold } }]',
  })
  .optional();
