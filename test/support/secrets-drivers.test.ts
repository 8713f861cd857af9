// Each driver in front of a service that refuses it with what it was given, in every way of writing: what it says of that goes into
// histories and mails, so no secret stands in it, and no half of one.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { z } from 'zod';
import { redfish } from '../../activities/fencing/redfish.ts';
import { email } from '../../activities/notification/email.ts';
import type { NotificationChannel, NotificationDriver } from '../../activities/notification/driver.ts';
import { pagerduty } from '../../activities/notification/pagerduty.ts';
import { slack } from '../../activities/notification/slack.ts';
import { webhook } from '../../activities/notification/webhook.ts';
import { connectCloud } from '../../activities/openstack/cloud.ts';
import { DEFAULT_TIMINGS } from '../../workflows/defaults.ts';
import { aMessage } from '../activities/notification/conformance.ts';
import { startWorld } from '../world/world.ts';
import { HOW_MANY_WAYS, startEcho, type Echo } from './secrets-echo.ts';
import { openRudeMailServer } from './secrets-mail.ts';
import { findSecrets, tellLeaks, type Secret } from './secrets-scan.ts';

const SECRET = 'xQ7<"p&a/s+s>w%rd 5kZ';
const KEY = 'k3yForPager9Qa8Ws7Ed6Rf5Tg4Yh3Uj';
const secrets: Secret[] = [
  { name: 'the secret', value: SECRET },
  { name: 'the key', value: KEY },
];
const ways = Array.from({ length: HOW_MANY_WAYS });
const going = (): AbortSignal => new AbortController().signal;

/** What was said, of which a part has to be the other side's words: else nothing was looked at. */
function judge(said: string[], issued: readonly Secret[] = []): void {
  assert.ok(
    said.some((text) => text.includes('***')),
    `nothing was taken out of ${said[0]}`,
  );
  const leaks = said.flatMap((text) => findSecrets(text, text, [...secrets, ...issued]));
  assert.ok(leaks.length === 0, tellLeaks(leaks));
}

async function before(target: string | null, use: (echo: Echo) => Promise<void>): Promise<void> {
  const echo = await startEcho(target);
  try {
    await use(echo);
  } finally {
    await echo.close();
  }
}

for (const logsIn of ['by a session', 'by Basic'] as const)
  test(`redfish, logged in ${logsIn}, repeats neither its password nor its token`, async () => {
    const world = await startWorld({ nodes: 1, instances: 0 });
    const node = world.centre.nodes.get('compute-1')!;
    node.bmc.password = SECRET;
    const issued = new Set<string>();
    const keep = node.bmc.sessions.set.bind(node.bmc.sessions);
    node.bmc.sessions.set = (token, id) => keep(issued.add(token) && token, id);
    if (logsIn === 'by Basic') world.bmc('compute-1', { noSessions: true });
    try {
      await before(node.bmc.url, async (echo) => {
        const where = {
          url: echo.url,
          system: node.bmc.systemPath,
          user: 'admin',
          tls: 'insecure',
          uuid: node.bmc.uuid,
        };
        const options = redfish.options.parse({ ...where, password: { env: 'X' } });
        const context = { timings: DEFAULT_TIMINGS, secret: () => Promise.resolve(SECRET) };
        const device = redfish.create('compute-1', options, context);
        const said: string[] = [];
        for (const as of [500, 403, 'reading', 'page'] as const) {
          echo.refuse = { method: 'GET', path: /Systems\/1$/, as };
          for (const _ of ways) said.push((await device.status(going())).detail);
        }
        echo.refuse = { method: 'POST', path: /Reset$/, as: 409 };
        for (const _ of ways) said.push((await device.off(going())).detail);
        judge(
          said,
          [...issued].map((value, i) => ({ name: `token ${i}`, value })),
        );
      });
    } finally {
      await world.stop();
    }
  });

test('the OpenStack client repeats neither its password nor its token', async () => {
  const world = await startWorld({ nodes: 1, instances: 1, bmcs: 'none' });
  for (const user of world.centre.users.values()) if (user.name === 'lifeboat') user.password = SECRET;
  const said: string[] = [];
  const hear = (call: Promise<unknown>): Promise<unknown> =>
    call.then(
      () => assert.fail('it was refused'),
      (error: Error) => said.push(error.message),
    );
  try {
    await before(world.endpoints.nova, async (nova) => {
      await before(world.endpoints.keystone, async (keystone) => {
        world.centre.endpoints.nova = nova.url;
        const env = { ...world.env, OS_AUTH_URL: `${keystone.url}/v3`, OS_PASSWORD: SECRET };
        const cloud = await connectCloud({ env });
        const [id] = Object.keys(world.truth().instances);
        for (const as of [400, 409, 500] as const) {
          nova.refuse = { method: 'POST', path: /action$/, as };
          for (const _ of ways) await hear(cloud.compute.lock(id!, 'why'));
        }
        await cloud.close();
        keystone.refuse = { method: 'POST', path: /tokens$/, as: 401 };
        for (const _ of ways) {
          const stranger = await connectCloud({ env });
          await hear(stranger.compute.services());
          await stranger.close();
        }
      });
    });
    judge(
      said,
      [...world.centre.tokens.keys()].map((value, i) => ({ name: `token ${i}`, value })),
    );
  } finally {
    await world.stop();
  }
});

/** Errors of so many deliveries. */
async function refusals(channel: NotificationChannel, as: (n: number) => void): Promise<string[]> {
  const said: string[] = [];
  for (const [n] of ways.entries()) {
    as(n);
    await channel.deliver(aMessage(`id-${n}`, 'ann@cloud.example'), going()).then(
      () => assert.fail('it was refused'),
      (error: Error) => said.push(error.message),
    );
  }
  return said;
}

function made<S extends z.ZodType>(
  driver: NotificationDriver<S>,
  options: object,
  secret: string,
): NotificationChannel {
  return driver.create(driver.options.parse(options), { secret: () => Promise.resolve(secret) });
}

test('email repeats no password', async () => {
  const server = await openRudeMailServer('lifeboat', SECRET);
  const login = { username: 'lifeboat', password: { env: 'X' } };
  const options = { host: '127.0.0.1', port: server.port, tls: 'none', from: 'cloud@cloud.example', ...login };
  try {
    judge(await refusals(made(email, options, SECRET), () => undefined));
  } finally {
    await server.close();
  }
});

const ROOMS: [string, (url: string) => NotificationChannel][] = [
  ['slack', (url) => made(slack, { url: { env: 'X' } }, `${url}/services/${KEY}`)],
  ['pagerduty', (url) => made(pagerduty, { url: `${url}/v2/enqueue`, routingKey: { env: 'X' } }, KEY)],
  ['webhook', (url) => made(webhook, { url: `${url}/hook`, headers: { 'x-auth-token': { env: 'X' } } }, KEY)],
];
for (const [name, channel] of ROOMS)
  test(`${name} repeats no secret`, () =>
    before(null, async (echo) => {
      const statuses = [400, 401, 403, 404, 500];
      const as = (n: number): void => {
        echo.refuse = { method: 'POST', path: /./, as: statuses[n % statuses.length]! };
      };
      judge(await refusals(channel(echo.url), as));
    }));
