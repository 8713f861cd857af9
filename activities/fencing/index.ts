// The registry of fencing drivers. A new driver is one file and one line here.
import { loadModule, type Kind } from '../load-driver.ts';
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

export const fencingKind: Kind = {
  kind: 'fencing',
  functions: ['create', 'deviceKey'],
  known: Object.keys(fencingDrivers),
};

/** A registered one, or one of somebody else (load-driver.ts). Rejects with one line. */
export function loadDriver(name: string, at: string, from?: string): Promise<FencingDriver> {
  const registered = fencingDrivers[name];
  return registered ? Promise.resolve(registered) : loadModule(name, at, fencingKind, from);
}
