// The configuration as a JSON Schema, for completion and checking in an editor: made from the same schemas that judge the file.
import { z } from 'zod';
import { evacuationDrivers } from '../activities/evacuation/index.ts';
import { fencingDrivers } from '../activities/fencing/index.ts';
import { monitoringDrivers } from '../activities/monitoring/index.ts';
import { notificationDrivers } from '../activities/notification/index.ts';
import { configSchema } from './config-schema.ts';
import { metaOf } from './schema-walk.ts';

export type JsonSchema = { [key: string]: unknown };
type Registry = Readonly<Record<string, { options: z.ZodType }>>;

/** Where a `driver` and its `options` stand. */
const PLACES: { path: string[]; registry: Registry }[] = [
  { path: ['monitoring', 'channels', '[]'], registry: monitoringDrivers },
  { path: ['fencing', 'levels', '[]', 'devices', '[]'], registry: fencingDrivers },
  { path: ['evacuation'], registry: evacuationDrivers },
  { path: ['notification', 'channels', '[]'], registry: notificationDrivers },
];

/** Draft 2020-12. Options of a driver that is a module of somebody else are taken as they are. */
export function jsonSchema(): JsonSchema {
  const root = { ...toJson(configSchema), title: 'lifeboat.yaml' };
  for (const { path, registry } of PLACES) {
    const place = at(root, path);
    const names = Object.keys(registry);
    const driver = (place.properties as Record<string, JsonSchema>).driver!;
    driver.description = `${names.join(', ')}, or a module (package or absolute path)`;
    driver.examples = names;
    place.allOf = names.map((name) => ({
      if: { properties: { driver: { const: name } }, required: ['driver'] },
      // oxlint-disable-next-line unicorn/no-thenable -- JSON Schema's own word
      then: { properties: optionsOf(registry[name]!.options, path.includes('devices')) },
    }));
  }
  return root;
}

/** A fence device's options may be spread over the template and the nodes' own: none of them is required at one place alone. */
function optionsOf(schema: z.ZodType, perNode: boolean): Record<string, JsonSchema> {
  const options = toJson(schema);
  delete options.$schema;
  if (!perNode) return { options };
  const loose = withoutRequired(options);
  return { options: loose, perNode: { type: 'object', additionalProperties: loose } };
}

function withoutRequired(schema: JsonSchema): JsonSchema {
  const { required: _required, ...rest } = schema;
  return rest;
}

/** As a person reads it: what a place expects stands beside it. For the pages of the drivers. */
export function inputSchema(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema: json }) => {
      const meta = metaOf(zodSchema as unknown as z.ZodType);
      if (meta?.expected) (json as JsonSchema).expected = meta.expected;
    },
  }) as JsonSchema;
}

/** What the schemas say of themselves for people goes where an editor shows it. */
function toJson(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema: json }) => {
      const meta = metaOf(zodSchema as unknown as z.ZodType);
      const told = json as JsonSchema;
      delete told.expected;
      delete told.example;
      if (meta?.expected) told.description = `${meta.expected}${meta.example ? ` (example: ${meta.example})` : ''}`;
    },
  }) as JsonSchema;
}

function at(root: JsonSchema, path: readonly string[]): JsonSchema {
  let here = root;
  for (const key of path) {
    const next = key === '[]' ? here.items : (here.properties as JsonSchema | undefined)?.[key];
    if (typeof next !== 'object' || next === null) throw new Error(`the schema has no ${path.join('.')}`);
    here = next as JsonSchema;
  }
  return here;
}
