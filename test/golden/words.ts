// What the steps take, as schemas: names of the field, with what a wrong one should have been.
import { z } from 'zod';
import { ROLES } from '../../workflows/contract.ts';

const named = (what: string, expected: string) =>
  z
    .string()
    .min(1)
    .meta({ expected: `${what}, as ${expected}` });

export const node = named('a node', 'compute-2');
export const nodes = z.union([z.literal('all'), node, z.array(node).min(1)]);
export const instance = named('an instance', 'web-1');
export const person = named('a person', 'ann').default('ann');
export const seconds = z.number().positive().meta({ expected: 'seconds of the data centre’s time, as 60' });
export const count = z.int().min(1);
export const text = z.string().min(1);
export const roles = z.union([z.literal('all'), z.array(z.enum(ROLES)).min(1)]);

/** Either the node alone, or an object with more. */
export const nodeAnd = <S extends z.ZodRawShape>(shape: S) =>
  z.union([node.transform((name) => ({ node: name })), z.strictObject({ node, ...shape })]) as unknown as z.ZodType<
    { node: string } & Partial<z.output<z.ZodObject<S>>>
  >;
