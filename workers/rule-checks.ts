// What `failedWhen` may say, given the channels that there are: names, numbers, and how many have to be wrong together.
import { bmcPower } from '../activities/monitoring/bmc-power.ts';
import { monitoringDrivers } from '../activities/monitoring/index.ts';
import type { FailedWhen, Policy } from '../workflows/defaults.ts';
import { VERDICTS, type Verdict } from '../workflows/domain.ts';
import { nearest } from './config-errors.ts';
import type { ConfigFile } from './config-schema.ts';

type Say = (path: (string | number)[], message: string) => void;

interface Channel {
  name: string;
  /** Channels with the same one can all be wrong for one reason. */
  source: string;
  says: readonly Verdict[];
}

export function channelNames(read: Pick<ConfigFile, 'monitoring'>): string[] {
  return read.monitoring.channels.map((channel) => channel.name ?? channel.driver);
}

/** What must agree where nothing is said: all channels but those that tell of trouble only. */
export function membersByDefault(read: Pick<ConfigFile, 'monitoring'>): string[] {
  const fail = channelsOf(read).filter(({ says }) => says.includes('failed') || !says.includes('degraded'));
  return fail.length > 0 ? fail.map(({ name }) => name) : channelNames(read);
}

/** A module's driver is not known before it is loaded: it may say everything, and nobody else's error is its own. */
function channelsOf({ monitoring }: Pick<ConfigFile, 'monitoring'>): Channel[] {
  return monitoring.channels.map(({ driver, name = driver, options }) => {
    const known = monitoringDrivers[driver];
    const parsed = known?.options.safeParse(options);
    const says: readonly Verdict[] = (parsed?.success && known?.says?.(parsed.data)) || VERDICTS;
    return { name, source: known?.hearsay ?? `channel ${name}`, says };
  });
}

export function ruleProblems(read: ConfigFile, policy: Policy, say: Say): void {
  const channels = channelsOf(read);
  const names = channels.map(({ name }) => name);
  names.forEach((name, i) => {
    if (names.indexOf(name) < i)
      say(['monitoring', 'channels', i], `a second channel named ${name} (give it another name: name: ${name}-2)`);
  });
  read.monitoring.channels.forEach(({ driver }, i) => {
    if (driver === bmcPower.name && read.fencing.levels.length === 0)
      say(['monitoring', 'channels', i], `${driver} reads the devices of fencing.levels, and none is configured`);
  });
  const rules = [
    { at: ['monitoring', 'failedWhen'], rule: policy.failedWhen, mode: policy.mode },
    ...(policy.groups ?? []).map(({ failedWhen, mode = policy.mode }, i) => ({
      ...{ at: ['monitoring', 'groups', i, 'failedWhen'], rule: failedWhen, mode },
    })),
  ];
  for (const { at, rule } of rules) judgeRule(rule, at, channels, say);
  for (const { at, rule, mode } of rules) if (mode === 'auto') judgeAuto(rule, at, channels, say);
}

const membersOf = (rule: FailedWhen): string[] => ('all' in rule ? rule.all : 'any' in rule ? rule.any : rule.of);

function judgeRule(rule: FailedWhen, at: (string | number)[], channels: readonly Channel[], say: Say): void {
  const names = channels.map(({ name }) => name);
  const unknown = (name: string): string => {
    const near = nearest(name, names);
    return `names ${name}, which is no channel (${near ? `did you mean ${near}?` : `channels: ${names.join(', ')}`})`;
  };
  const judge = (listed: readonly string[], path: (string | number)[], verdict: Verdict): void => {
    for (const name of listed) {
      const channel = channels.find((c) => c.name === name);
      if (!channel) say(path, unknown(name));
      else if (!channel.says.includes(verdict)) say(path, `names ${name}, which never says ${verdict}`);
    }
  };
  judge(membersOf(rule), at, 'failed');
  judge(rule.veto ?? [], [...at, 'veto'], 'alive');
  if (!('atLeast' in rule)) return;
  const most = new Set(rule.of).size;
  if (rule.atLeast > most)
    say([...at, 'atLeast'], `expected at most ${most}, got ${rule.atLeast} (so many channels it names)`);
}

/** A veto does not help here: it is silent where its channel is. */
function judgeAuto(rule: FailedWhen, at: (string | number)[], channels: readonly Channel[], say: Say): void {
  const members = [...new Set(membersOf(rule))];
  const need = 'all' in rule ? members.length : 'any' in rule ? 1 : rule.atLeast;
  const where = at.includes('groups') ? ` (${at.slice(1, 3).join(' ')})` : '';
  if (need < 2) {
    const way = 'use mode: confirm, or two channels that must agree: failedWhen: { all: [nova-service, tcp] }';
    return say(['mode'], `auto is refused where one channel alone can call a node failed${where} (${way})`);
  }
  const sources = members.map((name) => channels.find((c) => c.name === name)?.source ?? name);
  if (witnesses(sources, need) < 2) {
    const [source] = sources.filter((s, i) => sources.indexOf(s) < i);
    const heard = members.filter((_, i) => sources[i] === source).join(' and ');
    const way = 'use mode: confirm, or let a channel of another kind agree: tcp, ping, bmc-power';
    say(
      ['mode'],
      `auto is refused where ${heard} alone can call a node failed${where}: both are told by ${source} (${way})`,
    );
  }
}

/** From how many sources at least `need` of the members are told, in the worst case. */
function witnesses(sources: readonly string[], need: number): number {
  const sizes = [...new Set(sources)].map((s) => sources.filter((x) => x === s).length).sort((a, b) => b - a);
  let told = 0;
  const index = sizes.findIndex((size) => (told += size) >= need);
  return index < 0 ? sizes.length : index + 1;
}
