// A secret wherever a configuration may name one, and the files and programs that hold them.
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { stringify } from 'yaml';
import { redfish, writeLifeboatYaml } from '../world/lifeboat-yaml.ts';
import type { World } from '../world/world.ts';
import type { Echo } from './secrets-echo.ts';
import type { RudeMailServer } from './secrets-mail.ts';

/** With the signs that encodings differ in, where a protocol takes them; IPMI takes 20 bytes. */
export const PLANTED = {
  keystone: 'kS9<"q&w/E+r%t y>Zx4',
  credential: 'aP7/+c=r"e&d Ial<x>8v',
  wrong: 'nO5+t/t&h"e<o n>e=3k',
  bmc: 'bM3"c&p/a+s<s>w r%d6u',
  ipmi: 'iP2+m"i/p&a<s>s w%5',
  pduInput: 'cI8<o"m/m+a&n%d i>n4p',
  pduVariable: 'cV5"e<n/v+o&f%p d>u7v',
  smtp: 'sM1&t"p/p+a<s>s w%rd9',
  rude: 'rU8/d"e+s&m<t>p w%rd2',
  slack: 'sW2hook-Lk9Jh7Gf5Ds3Aq1-hook',
  pagerduty: 'pD1key0Qa9Ws8Ed7Rf6Tg5Yh4Uj3Ik2',
  prometheus: 'pB4bearer-Zx8Cv6Bn4Mq2-bearer',
  temporal: 'tK6apikey-Qw3Rt5Yu7Io9Pa-apikey',
} as const;

/** The node whose devices talk. */
export const BLOCKED = 'compute-2';

export interface Doors {
  keystone: Echo;
  /** Only for the login with the wrong password. */
  keystoneOfWrong: Echo;
  nova: Echo;
  bmc: Echo;
  /** Slack, PagerDuty and a Prometheus in one. */
  web: Echo;
  rude: RudeMailServer;
}

/** lifeboat.yaml, clouds.yaml and a file for each secret. Answers the first's path. */
export async function writeConfiguration(dir: string, world: World, doors: Doors): Promise<string> {
  const held = (name: string): { file: string } => ({ file: path.join(dir, `${name}.password`) });
  const sections = {
    // OS_CLOUD says which.
    openstack: { cloud: undefined },
    monitoring: { channels: monitors(world, doors, held), failedWhen: { all: ['nova-service', 'tcp'] } },
    fencing: { levels: levels(dir, world, doors, held) },
    notification: { channels: channels(world, doors, held) },
    limits: { atOnce: 4, share: 0.5, perHour: 10 },
    timings: { grace: '10s', permission: '6s', novaRead: '60s' },
  };
  const { file } = await writeLifeboatYaml(world, dir, { cloud: 'secrets', sections });
  const secret = (name: string, value: string): Promise<void> =>
    writeFile(held(name).file, `${value}\n`, { mode: 0o600 });
  for (const n of world.nodes) await secret(n.name, PLANTED.bmc);
  for (const name of ['ipmi', 'pduInput', 'rude', 'prometheus'] as const) await secret(name, PLANTED[name]);
  await secret('slack', `${doors.web.url}/services/${PLANTED.slack}`);
  await writeClouds(dir, doors, world);
  return file;
}

/** Variables with secrets that the files name. */
export const SECRET_ENV = {
  SMTP_PASSWORD: PLANTED.smtp,
  PDU_TOKEN: PLANTED.pduVariable,
  PAGER_KEY: PLANTED.pagerduty,
  TEMPORAL_API_KEY: PLANTED.temporal,
};

type Held = (name: string) => { file: string };

function monitors(world: World, { web }: Doors, held: Held): object[] {
  const auth = { bearer: held('prometheus') };
  return [
    { driver: 'nova-service' },
    { driver: 'tcp', options: { ports: [world.nodes[0]!.tcpPort] } },
    { driver: 'prometheus', options: { url: web.url, query: 'up', auth } },
  ];
}

function levels(dir: string, world: World, { bmc }: Doors, held: Held): object[] {
  const first = redfish(world, dir);
  Object.assign(first.perNode[BLOCKED]!, { url: bmc.url });
  const { nodes } = first;
  const ipmi = { host: '{node}.bmc.example', user: 'admin', password: held('ipmi') };
  const pdu = {
    program: path.join(dir, 'bin/pdu'),
    status: { args: ['status', '{node}'], exit: { on: 10, off: 11 } },
    off: { args: ['off', '{node}'] },
    on: { args: ['on', '{node}'] },
    stdin: [held('pduInput')],
    env: { PDU_TOKEN: { env: 'PDU_TOKEN' } },
  };
  return [
    { name: 'bmc', devices: [first] },
    { name: 'ipmi', devices: [{ driver: 'ipmi', nodes, options: ipmi }] },
    { name: 'pdu', devices: [{ driver: 'command', nodes, options: pdu }] },
  ];
}

function channels(world: World, { rude, web }: Doors, held: Held): object[] {
  const mail = { tls: 'none', from: 'cloud@cloud.example', username: 'lifeboat', host: '127.0.0.1' };
  return [
    { driver: 'email', options: { ...mail, port: world.smtp.port, password: { env: 'SMTP_PASSWORD' } } },
    { driver: 'email', options: { ...mail, port: rude.port, password: held('rude') } },
    { driver: 'slack', options: { url: held('slack') } },
    { driver: 'pagerduty', options: { url: `${web.url}/v2/enqueue`, routingKey: { env: 'PAGER_KEY' } } },
  ];
}

async function writeClouds(dir: string, doors: Doors, world: World): Promise<void> {
  const common = { region_name: world.settings.region, compute_endpoint_override: `${doors.nova.url}/v2.1` };
  const domains = { project_name: 'service', user_domain_name: 'Default', project_domain_name: 'Default' };
  const auth_url = `${doors.keystone.url}/v3`;
  const { id } = world.appCredential;
  const clouds = {
    password: { ...common, auth: { auth_url, username: 'lifeboat', password: PLANTED.keystone, ...domains } },
    credential: {
      ...common,
      auth_type: 'v3applicationcredential',
      auth: { auth_url, application_credential_id: id, application_credential_secret: PLANTED.credential },
    },
    wrong: {
      ...common,
      auth: { auth_url: `${doors.keystoneOfWrong.url}/v3`, username: 'lifeboat', password: PLANTED.wrong, ...domains },
    },
  };
  await writeFile(path.join(dir, 'clouds.yaml'), stringify({ clouds }), { mode: 0o600 });
}

/** Into `bin`: programs that keep how they were called, and say what they were given on both streams. Nothing they run needs a PATH. */
export async function writePrograms(bin: string, argvLog: string): Promise<void> {
  const begin = `#!/bin/sh
n=$(/usr/bin/wc -l < '${argvLog}')
/usr/bin/tr '\\0\\n' '  ' < /proc/$$/cmdline >> '${argvLog}'
echo >> '${argvLog}'
`;
  const ipmitool = `${begin}
coded=$(printf 'admin:%s' "$IPMI_PASSWORD" | /usr/bin/base64)
case $((n % 5)) in
0) printf 'Get Chassis Power Status failed: %s\\n' "$IPMI_PASSWORD" >&2; exit 1 ;;
1) printf 'using %s\\n' "$coded" >&2; exit 1 ;;
2) printf 'Chassis Power is %s\\n' "$IPMI_PASSWORD"; exit 0 ;;
3) printf '%0180d %s\\n' 0 "$IPMI_PASSWORD" >&2; exit 1 ;;
4) printf 'Error in open session response message : %s\\n' "$coded" >&2; exit 1 ;;
esac
`;
  const pdu = `${begin}
read -r line
printf 'given %s and %s\\n' "$line" "$PDU_TOKEN"
printf '%s' "$line" | /usr/bin/base64 >&2
exit $((n % 3 + 1))
`;
  await mkdir(bin);
  await writeFile(argvLog, '');
  for (const [name, script] of Object.entries({ ipmitool, pdu })) {
    await writeFile(path.join(bin, name), script);
    await chmod(path.join(bin, name), 0o755);
  }
}
