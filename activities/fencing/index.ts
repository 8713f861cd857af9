// The registry of fencing drivers. A new driver is one file and one line here.
import type { FencingDriver } from './driver.ts';
import { command } from './command.ts';
import { fenceAgent } from './fence-agent.ts';
import { ipmi } from './ipmi.ts';
import { ironic } from './ironic.ts';
import { libvirt } from './libvirt.ts';
import { redfish } from './redfish.ts';

export const fencingDrivers: Readonly<Record<string, FencingDriver>> = {
  command: command as FencingDriver,
  'fence-agent': fenceAgent as FencingDriver,
  ipmi: ipmi as FencingDriver,
  ironic: ironic as FencingDriver,
  libvirt: libvirt as FencingDriver,
  redfish: redfish as FencingDriver,
};

/** A registered one, or the default export of a package or of a file given by its absolute path. Rejects with one line. */
export async function loadDriver(name: string, at: string): Promise<FencingDriver> {
  if (fencingDrivers[name]) return fencingDrivers[name];
  const known = `known: ${Object.keys(fencingDrivers).join(', ')}, or the name of a module`;
  let module: { default?: Partial<FencingDriver> };
  try {
    module = (await import(name)) as typeof module;
  } catch (error) {
    throw new Error(`${at}.driver ${name}: cannot be loaded: ${(error as Error).message.split('\n')[0]} (${known})`);
  }
  const driver = module.default;
  if (!driver?.options || typeof driver.create !== 'function' || typeof driver.deviceKey !== 'function')
    throw new Error(`${at}.driver ${name}: its default export is no fencing driver (name, options, create, deviceKey)`);
  return driver as FencingDriver;
}
