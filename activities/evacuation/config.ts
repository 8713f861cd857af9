// The evacuation room's part of the configuration file. What the policy says (widths, selection, states) stands beside it.
import { z } from 'zod';

export const evacuationConfig = z.strictObject({
  /** A name of the registry, or a package or file whose default export is an EvacuationDriver. */
  driver: z.string().min(1).default('evacuate'),
  /** The driver's own, strict. */
  options: z.record(z.string(), z.unknown()).default({}),
});
export type EvacuationConfig = z.output<typeof evacuationConfig>;
