// The registry of evacuation drivers, and the way from the configuration to one of them.
import type { EvacuationConfig } from './config.ts';
import type { EvacuationContext, EvacuationDriver, Evacuator } from './driver.ts';
import { evacuate } from './evacuate.ts';

export { createEvacuationActivities } from './activities.ts';
export { evacuationConfig } from './config.ts';

/** A new driver is one file and one line here. */
export const evacuationDrivers: Readonly<Record<string, EvacuationDriver>> = { evacuate: evacuate as EvacuationDriver };

/** Makes the configured driver; connects to nothing. Throws on an unknown driver and on options that it refuses. */
export async function openEvacuator(config: EvacuationConfig, context: EvacuationContext): Promise<Evacuator> {
  const driver = evacuationDrivers[config.driver] ?? (await importDriver(config.driver));
  const parsed = driver.options.safeParse(config.options);
  if (!parsed.success)
    throw new Error(
      parsed.error.issues.map((i) => `${['evacuation', 'options', ...i.path].join('.')}: ${i.message}`).join('; '),
    );
  return driver.create(parsed.data, context);
}

async function importDriver(name: string): Promise<EvacuationDriver> {
  const known = Object.keys(evacuationDrivers).join(', ');
  const module: unknown = await import(name).catch((error: unknown) => {
    const why = error instanceof Error ? error.message.split('\n')[0] : String(error);
    throw new Error(`evacuation.driver ${name}: neither one of ${known} nor a module that can be loaded (${why})`);
  });
  const driver: unknown = typeof module === 'object' && module !== null && 'default' in module ? module.default : null;
  if (typeof driver !== 'object' || driver === null || !('create' in driver) || !('options' in driver))
    throw new Error(`evacuation.driver ${name}: the module's default export is no EvacuationDriver (see driver.ts)`);
  return driver as EvacuationDriver;
}
