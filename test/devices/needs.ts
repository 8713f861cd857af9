// What the lane of real devices needs of the machine it runs on. Nothing is skipped: what is not there fails, with what to type.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findProgram } from '../../activities/fencing/run-program.ts';

const run = promisify(execFile);

const PACKAGES = 'ipmitool openipmi fence-agents libvirt-daemon libvirt-clients';

/** The whole path of a program. Throws with the line that installs it. */
export function need(program: string, packages = PACKAGES): string {
  const path = findProgram(program) ?? findProgram(`/usr/sbin/${program}`);
  if (path) return path;
  throw new Error(
    `${program} is not installed; this lane needs (Debian, as root): apt-get install -y --no-install-recommends ${packages}`,
  );
}

const SUSHY = 'sushy-tools==2.2.0';

/** OpenStack's Redfish emulator from PyPI, in a folder of its own that is kept between runs. */
export async function sushy(): Promise<{ emulator: string; python: string }> {
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  const folder = join(cache, 'lifeboat', SUSHY.replace('==', '-'));
  const found = { emulator: join(folder, 'bin/sushy-emulator'), python: join(folder, 'bin/python3') };
  if (existsSync(found.emulator)) return found;
  await mkdir(join(cache, 'lifeboat'), { recursive: true });
  try {
    await run('python3', ['-m', 'venv', folder]);
    await run(join(folder, 'bin/pip'), ['install', '--quiet', SUSHY, 'bcrypt']);
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n')[0] : String(error);
    throw new Error(`${SUSHY} cannot be installed from PyPI: ${why} (needs python3-venv and a way to PyPI)`);
  }
  return found;
}
