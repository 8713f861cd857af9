// Slack, Teams and PagerDuty: what a room or a pager is sent, and what it can make of it.
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import type { Brief } from '../../../activities/notification/brief.ts';
import { briefOf } from '../../../activities/notification/brief.ts';
import type { Message, NotificationChannel, NotificationDriver } from '../../../activities/notification/driver.ts';
import { pagerduty, pagerdutyOptions, pagerEvent } from '../../../activities/notification/pagerduty.ts';
import { slack, slackMessage } from '../../../activities/notification/slack.ts';
import { teams, teamsMessage } from '../../../activities/notification/teams.ts';
import { aMessage, channelConformance, type ChannelBench, type Received } from './conformance.ts';
import { startHooks, type Answer, type Posted } from './hooks.ts';
import { account, admin, blocked, notice, report, TELLING } from './notices.ts';

type Json = { [key: string]: Json } & Json[] & string;
const never = (): AbortSignal => new AbortController().signal;
const RIGHT = 'r1ght-one-of-thirty-two-letters';

/** All texts of a payload, in order. */
function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    typeof inner === 'string' ? (key === 'text' ? [inner] : []) : textsIn(inner),
  );
}
const file = { attachments: [] };

interface Service {
  /** Channel to this address, with this secret. */
  channel(origin: string, secret: string): NotificationChannel;
  secretIn(posted: Posted): boolean;
  wrong(posted: Posted): Answer;
  read(body: Json): Received;
}

function conformance(name: string, s: Service): void {
  channelConformance(name, async (): Promise<ChannelBench> => {
    const hooks = await startHooks();
    let refusing: Answer | null = null;
    hooks.answer = (posted) => (s.secretIn(posted) ? (refusing ?? { status: 202, body: 'ok' }) : s.wrong(posted));
    return {
      ...{ room: true, without: ['html', 'attachments'] as const, blindProbe: true },
      channel: s.channel(hooks.origin, RIGHT),
      received: () => hooks.taken.map(({ body }) => s.read(JSON.parse(body) as Json)),
      refuse: (_, how) =>
        void (refusing = how === 'no' ? null : { status: how === 'forGood' ? 400 : 429, body: 'not\nwanted' }),
      withWrongSecret: (secret) => s.channel(hooks.origin, secret),
      nobodyThere: () => s.channel('http://127.0.0.1:1', RIGHT),
      close: hooks.close,
    };
  });
}

const byUrl = (driver: NotificationDriver) => (origin: string, secret: string) =>
  driver.create(driver.options.parse({ url: { env: 'URL' }, timeout: 20_000 }), {
    secret: async () => `${origin}/services/T0/${encodeURIComponent(secret)}`,
  });

conformance('slack', {
  channel: byUrl(slack as NotificationDriver),
  secretIn: ({ path }) => path.endsWith(RIGHT),
  wrong: ({ path }) => ({ status: 404, body: `no_service ${path} ${decodeURIComponent(path)}` }),
  read: (body) => ({
    ...{ id: body.blocks?.[0]?.block_id ?? '', to: '', subject: body.text ?? '', html: '', ...file },
    text: textsIn(body.blocks).join('\n'),
  }),
});

conformance('teams', {
  channel: byUrl(teams as NotificationDriver),
  secretIn: ({ path }) => path.endsWith(RIGHT),
  wrong: ({ path }) => ({ status: 401, body: `{"error":{"message":"${path}"}}` }),
  read: (body) => {
    const card = body.attachments?.[0]?.content;
    const text = textsIn(card?.body).join('\n');
    return { id: card?.body?.[0]?.id ?? '', to: '', subject: card?.fallbackText ?? '', text, html: '', ...file };
  },
});

conformance('pagerduty', {
  channel: (origin, secret) =>
    pagerduty.create(
      pagerdutyOptions.parse({ url: `${origin}/v2/enqueue`, routingKey: { env: 'K' }, timeout: 20_000 }),
      {
        secret: async () => secret,
      },
    ),
  secretIn: ({ body }) => (JSON.parse(body) as Json).routing_key === RIGHT,
  wrong: ({ body }) => ({ status: 400, body: `{"status":"invalid event","errors":["Invalid routing key ${body}"]}` }),
  read: ({ payload }) => ({
    ...{ id: payload?.custom_details?.id ?? '', to: '', subject: payload?.summary ?? '', html: '', ...file },
    text: `${payload?.custom_details?.text}\n${payload?.custom_details?.question}`,
  }),
});

const NASTY =
  'web *bold* _x_ <!channel> <https://evil.example|log in> [log in](https://evil.example) `x` @here {{DATE(x)}}';
const many = Array.from({ length: 300 }, (_, n) =>
  account(`vm-${n}`, n % 2 ? 'failed' : 'recovered', { reason: 'x'.repeat(900) }),
);
const briefs: Record<string, Brief> = {
  blocked: briefOf({ notice: blocked(), recipient: admin }, TELLING, ''),
  large: briefOf({ notice: notice({ instances: many, report: report(many) }), recipient: admin }, TELLING, ''),
  nasty: briefOf(
    {
      notice: notice({ headline: NASTY, instances: [account(NASTY, 'failed')] }),
      recipient: admin,
      unreachable: [NASTY],
    },
    TELLING,
    '',
  ),
  done: briefOf(
    {
      notice: notice({ instances: [account('web-1', 'recovered')], report: report([], { outcome: 'recovered' }) }),
      recipient: admin,
    },
    TELLING,
    '',
  ),
};
const messageOf = (name: string, more: Partial<Message> = {}): Message =>
  aMessage('lifeboat.0a1b', 'room', { brief: briefs[name]!, subject: briefs[name]!.headline.slice(0, 160), ...more });
const json = (value: object): Json => JSON.parse(JSON.stringify(value)) as Json;

describe('what a chat shows', () => {
  for (const [name, make] of [
    ['slack', slackMessage],
    ['teams', teamsMessage],
  ] as const) {
    it(`${name}: the question with every answer as a command that can be copied whole`, () => {
      const texts = textsIn(make(messageOf('blocked')));
      for (const { command } of briefs.blocked!.question!.answers) assert.ok(texts.includes(command!), command!);
      assert.ok(texts.includes('ipmitool -I lanplus -H 10.0.0.7 -U lifeboat chassis power status'));
      assert.match(
        JSON.stringify(make(messageOf('blocked'))),
        /temporal\.example\.net\/namespaces\/default\/workflows/,
      );
    });

    it(`${name}: fits where hundreds of instances have long reasons, and says that there are more`, () => {
      const made = make(messageOf('large'));
      assert.ok(textsIn(made).join('').length < 12_000);
      assert.ok(Buffer.byteLength(JSON.stringify(made)) < 27_000);
      assert.match(textsIn(made).join('\n'), /Failed \(150\)/);
      assert.match(textsIn(made).join('\n'), /and 142 more|more stands in the run/);
    });
  }

  it('slack: has no block in which the text of somebody else is markup', () => {
    const { blocks, text } = json(slackMessage(messageOf('nasty')));
    assert.doesNotMatch(text!, /<!channel>|<https/);
    for (const block of blocks!) assert.ok(['header', 'rich_text'].includes(block.type!), block.type!);
    assert.equal(blocks![0]?.text?.type, 'plain_text');
    assert.ok(blocks![0]!.text!.text!.length <= 150);
    assert.ok(blocks!.length <= 50);
    assert.doesNotMatch(JSON.stringify(blocks), /mrkdwn|"type":"(?:user|usergroup|broadcast|channel)"/);
  });

  it('teams: has no element that reads Markdown', () => {
    const made = JSON.stringify(teamsMessage(messageOf('nasty')));
    assert.doesNotMatch(made, /"(?:TextBlock|FactSet)"/);
    assert.match(made, /"contentType":"application\/vnd\.microsoft\.card\.adaptive"/);
  });

  it('is as urgent as it is', () => {
    const style = (name: string) => json(teamsMessage(messageOf(name))).attachments?.[0]?.content?.body?.[0]?.style;
    assert.deepEqual(['blocked', 'large', 'done'].map(style), ['attention', 'attention', 'good']);
  });
});

describe('pagerduty', () => {
  const event = (name: string, brief: Partial<Brief> = {}): Json =>
    json(pagerEvent(messageOf(name, { brief: { ...briefs[name]!, ...brief } }), 'K', { started: 'info' }));

  it('opens one incident a run, and resolves it when the run is finished', () => {
    const [start, asks, end] = [event('blocked', { stage: 'started' }), event('blocked'), event('done')];
    assert.deepEqual(
      [start, asks, end].map((e) => [e.event_action, e.dedup_key]),
      ['trigger', 'trigger', 'resolve'].map((action) => [action, 'lifeboat/prod/compute-7/0198c7a2-run']),
    );
    assert.deepEqual([start.payload?.severity, asks.payload?.severity], ['info', 'critical']);
  });

  it('resolves an alarm when it is over, in whatever run of the watch', () => {
    const alarm = (over: boolean, runId: string): Json => {
      const n = notice({
        ...{ stage: 'alarm', run: { workflowId: 'prod', runId }, incident: { id: 'prod/alarm/blind', over } },
      });
      return json(
        pagerEvent(messageOf('done', { brief: briefOf({ notice: n, recipient: admin }, TELLING, '') }), 'K', {}),
      );
    };
    const [begun, over] = [alarm(false, 'run-1'), alarm(true, 'run-2')];
    assert.deepEqual([begun.event_action, over.event_action], ['trigger', 'resolve']);
    assert.equal(begun.dedup_key, over.dedup_key);
  });

  it('calls nobody for what is only said and never over', async () => {
    const n = notice({ stage: 'alarm', incident: null });
    const brief = briefOf({ notice: n, recipient: admin }, TELLING, '');
    const options = pagerdutyOptions.parse({ url: 'http://127.0.0.1:1', routingKey: { env: 'K' } });
    const channel = pagerduty.create(options, { secret: async () => assert.fail('it was about to be sent') });
    await channel.deliver(messageOf('done', { brief }), never());
  });

  it('shows who is called what to do', () => {
    const { payload, links } = event('blocked');
    assert.deepEqual([payload?.source, payload?.group, payload?.class], ['compute-7', 'prod', 'blocked']);
    assert.match(payload?.custom_details?.answers?.confirmFenced ?? '', /temporal workflow update execute/);
    assert.match(links?.[0]?.href ?? '', /^https:\/\/temporal\.example\.net\//);
  });

  it('refuses a key in the file', () => {
    assert.equal(pagerdutyOptions.safeParse({ routingKey: '0123456789abcdef0123456789abcdef' }).success, false);
  });
});

describe('an answer of Slack', () => {
  const open: (() => Promise<void>)[] = [];
  after(() => Promise.all(open.map((close) => close())));

  it('about the message or the room is final; about our address and its own trouble it is not', async () => {
    const hooks = await startHooks();
    open.push(hooks.close);
    const channel = byUrl(slack as NotificationDriver)(hooks.origin, RIGHT);
    const cases: [number, string, boolean][] = [
      ...([
        [400, 'invalid_payload', true],
        [404, 'channel_not_found', true],
        [410, 'channel_is_archived', true],
      ] as const),
      ...([
        [403, 'invalid_token', false],
        [404, 'no_service', false],
        [403, 'action_prohibited', false],
      ] as const),
      ...([
        [500, 'rollup_error', false],
        [429, 'rate_limited', false],
      ] as const),
    ].map(([a, b, c]) => [a, b, c]);
    for (const [status, body, permanent] of cases) {
      hooks.answer = () => ({ status, body });
      await assert.rejects(channel.deliver(messageOf('done'), never()), { permanent }, body);
    }
  });
});
