// The registry of evacuation drivers, and the way from the configuration to one of them.
import { loadModule, type Kind } from '../load-driver.ts';
import type { EvacuationConfig } from './config.ts';
import type { EvacuationContext, EvacuationDriver, Evacuator } from './driver.ts';
import { evacuate } from './evacuate.ts';

export { createEvacuationActivities } from './activities.ts';
export { evacuationConfig } from './config.ts';

/** A new driver is one file and one line here. */
export const evacuationDrivers: Readonly<Record<string, EvacuationDriver>> = { evacuate: evacuate as EvacuationDriver };

/** Makes the configured driver (`from`: beside which configuration it may stand); connects to nothing. Throws on an unknown driver and on options that it refuses. */
export async function openEvacuator(
  config: EvacuationConfig,
  context: EvacuationContext,
  from?: string,
): Promise<Evacuator> {
  const driver =
    evacuationDrivers[config.driver] ??
    (await loadModule<EvacuationDriver>(config.driver, 'evacuation', evacuationKind, from));
  const parsed = driver.options.safeParse(config.options);
  if (!parsed.success)
    throw new Error(
      parsed.error.issues.map((i) => `${['evacuation', 'options', ...i.path].join('.')}: ${i.message}`).join('; '),
    );
  return driver.create(parsed.data, context);
}

export const evacuationKind: Kind = {
  kind: 'evacuation',
  functions: ['create'],
  known: Object.keys(evacuationDrivers),
};
