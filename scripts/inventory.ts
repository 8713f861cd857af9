// npm run inventory -- --from ironic
import { readFile, rename, writeFile } from 'node:fs/promises';
import { Document, isMap } from 'yaml';
import {
  fromIronic,
  matchOf,
  type FromIronic,
  type Found,
  type IronicKind,
} from '../activities/fencing/from-ironic.ts';
import { readInventory, type Block } from '../activities/fencing/inventory.ts';
import { driverSource } from '../workers/deps.ts';
import type { Config } from '../workers/config.ts';
import { createSecrets } from '../workers/secrets.ts';
import { COMMON_USAGE, configOf, EXIT, run, UsageError } from './cli/command.ts';

const USAGE = `npm run inventory -- --from ironic [--match FACT={node}] [--out FILE | --compare FILE]

  The BMCs' addresses as Ironic has them, as an inventory for fencing.levels[].devices[].inventory. Reads Ironic and Nova; no passwords.
  What is left out, and why, goes to standard error.

  --from ironic    where from
  --cloud NAME     a cloud of clouds.yaml that has the Ironic (an undercloud); the watched one without it
  --match TEXT     which machine is which compute node: name={node} without it; or resource_class=, properties.KEY=, extra.KEY=,
                   instance_info.KEY= and a text that has {node} in it
  --driver NAME    ipmi or redfish: where Ironic has both, an inventory is of one of them
  --no-user        leaves Ironic's user out: fencing has an account of its own
  --out FILE       a .yaml file, replaced at once; it may lose no node that it has, but with --drop. Without it: standard output
  --compare FILE   writes nothing: where an inventory says something else than Ironic
${COMMON_USAGE}

  Ends with 0 every compute node is in it (or nothing differs), 1 some are not or something differs, 2 wrong usage or configuration,
  3 no answer. One device of two machines, or two machines for one node: nothing is written`;

const options = {
  from: { type: 'string' },
  cloud: { type: 'string' },
  match: { type: 'string', default: 'name={node}' },
  driver: { type: 'string' },
  'no-user': { type: 'boolean', default: false },
  drop: { type: 'boolean', default: false },
  out: { type: 'string' },
  compare: { type: 'string' },
} as const;

type Nodes = ReadonlyMap<string, Block>;
const say = (line: string): void => void process.stderr.write(`${line}\n`);

async function ask(config: Config, cloud: string | undefined, text: string): Promise<FromIronic> {
  const match = matchOf(text);
  if (!match)
    throw new UsageError(
      `--match ${text}: not FACT=TEXT with {node} in TEXT (example: --match properties.host={node})`,
    );
  const secrets = createSecrets({ warn: say });
  const own = driverSource(config, secrets);
  const other = cloud === undefined ? own : driverSource({ ...config, openstack: { cloud } }, secrets);
  try {
    const [nova, ironic] = [await own.get('openstack'), await other.get('openstack')];
    const [services, machines] = await Promise.all([nova.compute.services(), ironic.baremetal.machines()]);
    const hosts = services.map(({ host }) => host).sort();
    if (machines.length === 0)
      throw new UsageError(
        'Ironic shows no machine (its user needs a role that may list all of them: reader of the system)',
      );
    return fromIronic(machines, hosts, match);
  } finally {
    await own.close();
    if (other !== own) await other.close();
  }
}

/** The nodes of one driver: the options of two do not go together in one inventory. */
function ofOneKind({ found }: FromIronic, wanted: string | undefined): { kind: IronicKind; nodes: Map<string, Found> } {
  const kinds = [...new Set([...found.values()].map(({ kind }) => kind))].sort();
  if (wanted === undefined && kinds.length > 1)
    throw new UsageError(`Ironic has ${kinds.join(' and ')}: write an inventory for each (--driver ${kinds[0]})`);
  const kind = (wanted ?? kinds[0] ?? 'ipmi') as IronicKind;
  return { kind, nodes: new Map([...found].filter(([, one]) => one.kind === kind)) };
}

function written(kind: IronicKind, nodes: Nodes): string {
  const document = new Document(Object.fromEntries(nodes));
  document.commentBefore = ` For driver: ${kind}. Written by npm run inventory -- --from ironic; changed by hand it is lost.`;
  if (isMap(document.contents)) for (const { value } of document.contents.items) if (isMap(value)) value.flow = true;
  return document.toString({ lineWidth: 0 });
}

/** Beside it and renamed: a worker that reads at this moment sees the old one or the new one. */
async function replace(file: string, text: string, nodes: Nodes, drop: boolean): Promise<void> {
  if (!/\.ya?ml$/.test(file)) throw new UsageError(`--out ${file}: expected a .yaml file`);
  const there = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw new UsageError(`cannot read --out ${file}: ${error.message}`);
  });
  const before = there === null ? new Map<string, Block>() : (await inventoryAt(file)).nodes;
  const lost = [...before.keys()].filter((node) => !nodes.has(node));
  if (lost.length && !drop)
    throw new UsageError(`${file}: would lose ${lost.join(', ')}; left as it is (--drop where that is meant)`);
  if (there === text) return say(`${file}: as it was`);
  try {
    await writeFile(`${file}.new`, text);
    await rename(`${file}.new`, file);
  } catch (error) {
    throw new UsageError(`cannot write --out ${file}: ${(error as Error).message}`);
  }
  say(`${file}: ${nodes.size} nodes`);
}

const inventoryAt = (file: string): ReturnType<typeof readInventory> =>
  readInventory(file).catch((error: Error) => {
    throw new UsageError(error.message);
  });

/** What Ironic tells and the file does not, one line each. What only the file says (a password's place) is the operator's. */
async function differences(file: string, nodes: Nodes): Promise<string[]> {
  const before = (await inventoryAt(file)).nodes;
  const other = [...nodes].flatMap(([node, block]) => {
    const own = before.get(node);
    if (!own) return [`${node}: not in ${file}`];
    return Object.entries(block)
      .filter(([key, value]) => String(own[key]) !== String(value))
      .map(([key, value]) => `${node}: ${key} is ${shown(value)} in Ironic, ${shown(own[key])} in ${file}`);
  });
  return [...other, ...[...before.keys()].filter((n) => !nodes.has(n)).map((n) => `${n}: only in ${file}`)];
}
const shown = (value: unknown): string => (value === undefined ? 'nothing' : JSON.stringify(value));

await run({
  usage: USAGE,
  options,
  words: [],
  async main(values) {
    if (values.from !== 'ironic') throw new UsageError('--from ironic is missing (there is no other source yet)');
    if (values.out !== undefined && values.compare !== undefined)
      throw new UsageError('--out and --compare: one of them (--compare writes nothing)');
    if (values.driver !== undefined && values.driver !== 'ipmi' && values.driver !== 'redfish')
      throw new UsageError(`--driver ${values.driver}: expected ipmi or redfish`);
    const told = await ask(await configOf(values.config), values.cloud, values.match);
    if (told.dangers.length) {
      for (const line of told.dangers) say(`REFUSED ${line}`);
      say('nothing was written: correct it in Ironic first, or the wrong machine would be switched off');
      return EXIT.notFine;
    }
    const { kind, nodes } = ofOneKind(told, values.driver);
    for (const line of told.missing) say(`missing ${line}`);
    for (const line of told.notes) say(`note    ${line}`);
    if (nodes.size === 0) {
      say(`Ironic knows no compute node with ${values.driver ?? 'a BMC'} (--match, or --driver)`);
      return EXIT.notFine;
    }
    if (nodes.size < told.found.size)
      say(`note    another driver's: ${[...told.found.keys()].filter((n) => !nodes.has(n)).join(', ')}`);
    const blocks = new Map([...nodes].map(([node, found]) => [node, optionsOf(found, values['no-user'])]));
    if (values.compare !== undefined) {
      const lines = await differences(values.compare, blocks);
      for (const line of lines) process.stdout.write(`${line}\n`);
      return lines.length === 0 && told.missing.length === 0 ? EXIT.fine : EXIT.notFine;
    }
    const text = written(kind, blocks);
    if (values.out === undefined) process.stdout.write(text);
    else await replace(values.out, text, blocks, values.drop);
    return told.missing.length === 0 ? EXIT.fine : EXIT.notFine;
  },
});

function optionsOf({ options: given }: Found, withoutUser: boolean): Block {
  const { user, ...rest } = given;
  return withoutUser || user === undefined ? rest : { ...rest, user };
}
