import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Recipient } from '../../../activities/notification/contract.ts';
import type { Message } from '../../../activities/notification/driver.ts';
import { messageJson } from '../../../activities/notification/message-json.ts';
import { attachReport, documentOf } from '../../../activities/notification/report/attach.ts';
import { messageId, renderNotice } from '../../../activities/notification/render.ts';
import { loadTemplates } from '../../../activities/notification/templates.ts';
import { STAGES, type Notice } from '../../../workflows/contract.ts';
import { account, admin, moving, notice, report, user } from './notices.ts';

const templates = loadTemplates();
const TELLING = { now: '2026-08-02T14:08:05.000Z', console: 'https://temporal.example.net/', namespace: 'default' };

function render(n: Notice, recipient: Recipient, more: { now?: string; unreachable?: string[] } = {}): Message {
  const { unreachable } = more;
  const delivery = { notice: n, recipient, ...(unreachable && { unreachable }) };
  const message = renderNotice(delivery, templates, { ...TELLING, ...(more.now && { now: more.now }) });
  assert.ok(message, 'there is nothing to tell');
  return message;
}
/** All that reaches a recipient. */
const all = (m: Message): string => JSON.stringify(m);

const EVERY: Notice['instances'] = [
  account('web-1', 'recovered'),
  account('db-1', 'recovered', { loses: 'its disk was on the failed node compute-7 and is rebuilt' }),
  account('batch', 'kept', { reason: 'its disk is on compute-7' }),
  account('old', 'gone', { reason: 'moved to compute-5 by somebody', host: 'compute-5' }),
  account('huge', 'waiting', { reason: 'no room on compute-6' }),
  account('sad', 'failed', { reason: 'libvirt on compute-9 refused it' }),
  account('alien', 'recovered', { projectId: 'p-bank' }),
];

describe("a tenant's message", () => {
  it('names every instance of their own projects and none of any other', () => {
    for (const stage of ['started', 'delayed', 'finished'] as const) {
      const told = stage === 'started' ? [moving('web-1'), moving('alien', 'p-bank')] : EVERY;
      const m = render(notice({ stage, instances: told }), user());
      for (const i of told.filter((x) => x.projectId === 'p-shop')) {
        assert.ok(m.text.includes(i.name) && m.html.includes(i.name), `${stage}: ${i.name}`);
      }
      assert.doesNotMatch(all(m), /alien|p-bank/, stage);
    }
  });

  it('never names a node, in no part and in no header', () => {
    for (const stage of ['started', 'delayed', 'finished'] as const) {
      const n = notice({
        ...{
          stage,
          instances: EVERY,
          key: 'prod/compute-7.finished',
          headline: 'compute-7 is off',
          lines: ['compute-4'],
        },
        report: report([]),
      });
      assert.doesNotMatch(all(render(n, user())), /compute-\d/, stage);
    }
  });

  it('names nodes where the policy tells them', () => {
    const m = render(notice({ instances: EVERY, tellNodeNames: true }), user());
    assert.match(m.text, /a host \(compute-7\) of prod/);
    assert.match(m.text, /web-1.*\n.*host: compute-4/);
    assert.match(m.text, /libvirt on compute-9 refused it/);
  });

  it('also hides a node that is named without its domain', () => {
    const kept = account('batch', 'kept', { reason: 'its disk is on compute-7', host: 'compute-7.dc1.example.net' });
    const m = render(notice({ node: 'compute-7.dc1.example.net', instances: [kept] }), user());
    assert.doesNotMatch(all(m), /compute-7|dc1/);
  });

  it('is not made where nothing of theirs is concerned', () => {
    const n = notice({ instances: [account('alien', 'recovered', { projectId: 'p-bank' })] });
    assert.equal(renderNotice({ notice: n, recipient: user() }, templates, TELLING), null);
  });

  it('says how long each was away, where that is known, and when it was seen', () => {
    const m = render(notice({ instances: [account('web-1', 'recovered')] }), user());
    assert.match(m.text, /back, as seen at 2026-08-02 14:07:31 UTC; away for about 4 min 51 s/);
    const unknown = render(notice({ instances: [account('web-1', 'recovered')], since: null }), user());
    assert.doesNotMatch(unknown.text, /away/);
  });

  it('says that all is back only when all was seen back', () => {
    const subject = (...instances: Notice['instances']): string => render(notice({ instances }), user()).subject;
    const [web, db, batch, , huge] = EVERY;
    assert.equal(subject(web!), 'prod: your instance web-1 is back');
    assert.equal(subject(web!, account('web-2', 'recovered')), 'prod: your 2 instances are back');
    assert.equal(subject(web!, huge!), 'prod: 1 of your 2 instances back');
    assert.equal(subject(batch!), 'prod: what became of your instance batch');
    assert.equal(subject(web!, db!), 'prod: your 2 instances are back, please read what was lost');
  });

  it('says what was lost', () => {
    assert.match(
      render(notice({ instances: EVERY }), user()).text,
      /PLEASE NOTE: its disk was on the failed node a host and/,
    );
  });

  it('says that it is late after ten minutes, not before', () => {
    const n = notice({ instances: [account('web-1', 'recovered')] });
    const late = render(n, user(), { now: '2026-08-02T14:33:00.000Z' });
    for (const part of [late.text, late.html])
      assert.match(part, /sent late[^]*2026-08-02 14:08:00 UTC, 25 min before/i);
    const prompt = render(n, user(), { now: '2026-08-02T14:18:00.000Z' });
    for (const part of [prompt.text, prompt.html]) assert.doesNotMatch(part, /sent late/i);
  });

  it('has one shape whatever an instance is called', () => {
    const name = '<img src=x onerror=alert(1)>\r\nBcc: eve@example.net\u2028\u202e{{headline}}';
    const m = render(notice({ instances: [account(name, 'recovered')] }), user());
    assert.doesNotMatch(m.html, /<img/);
    assert.ok(m.html.includes('&lt;img src=x onerror=alert(1)&gt; Bcc: eve@example.net {{headline}}'));
    assert.doesNotMatch(m.subject, /[\r\n\u2028\u202e]/);
    assert.doesNotMatch(m.text, /^Bcc:/m);
  });
});

describe("the admins' message", () => {
  const accounts = EVERY as Parameters<typeof report>[0];
  const n = notice({ instances: EVERY, report: report(accounts), headline: 'compute-7: partial' });

  it('is the whole report: counts, proof, evidence, decisions, each instance and who was not told', () => {
    const m = render(n, admin, { unreachable: ['bob (project shop): no address'] });
    const expected = [
      ...EVERY.map((i) => i.name),
      ...['3 recovered', '1 kept', '1 gone', '1 waiting', '1 failed', 'compute-4', 'libvirt on compute-9 refused it'],
      ...['no answer on 22', 'ipmi 10.0.0.7:623', 'silent for 55 s', 'freed a host', 'bob (project shop): no address'],
      'https://temporal.example.net/namespaces/default/workflows/prod%2Fcompute-7/0198c7a2-run/history',
    ];
    for (const text of expected) {
      assert.ok(m.text.includes(text), `text: ${text}`);
      assert.ok(m.html.includes(text), `html: ${text}`);
    }
    const [page, json] = m.attachments ?? [];
    assert.deepEqual([page?.name, json?.name], ['report.html', 'report.json']);
    assert.deepEqual(JSON.parse(json?.content ?? ''), n.report);
    for (const { name } of EVERY) assert.ok(page?.content.includes(name), name);
    assert.match(page!.content, /^<!doctype html>[^]*compute-7/);
    for (const body of [m.text, m.html]) assert.match(body, /attached: report\.html to read, report\.json to keep/);
    assert.deepEqual(render(n, admin).attachments, m.attachments, 'a repeat carries the same files');
  });

  it('leaves out the page, then all of the report, where a mail would be too large, and says what to type', () => {
    const r = report(accounts);
    const document = documentOf(n, r, TELLING);
    const json = Buffer.byteLength(JSON.stringify(r, null, 2));
    const [some, none] = [attachReport(document, r, json + 10), attachReport(document, r, 100)];
    assert.deepEqual([some.attachments.map((a) => a.name), none.attachments], [['report.json'], []]);
    for (const { says } of [some, none]) assert.match(says, /too large.*npm run report -- 0198c7a2-run makes it/);
  });

  it('gives a program the report as JSON and no page', () => {
    const { attachments } = messageJson(render(n, admin), true) as { attachments: { name: string }[] };
    assert.deepEqual(
      attachments.map((a) => a.name),
      ['report.json'],
    );
  });

  it('tells the stages in their order', () => {
    assert.match(render(n, admin).text, /\+1 s\) fencing\n.*\+24 s\) evacuating/);
  });

  it('says plainly that there is no proof', () => {
    const m = render(notice({ report: report([], { proof: null, evidence: [] }) }), admin);
    assert.match(m.text, /none: the node was not proven off by this run/);
    assert.match(m.text, /none was read/);
  });

  it('asks with the exact commands, bound to the run that asks', () => {
    const json = `{"by":"YOU","node":"compute-7","reason":"it's unplugged"}`;
    const question = {
      what: 'No level could prove that compute-7 is off.',
      answers: [{ verb: 'confirmFenced', json, means: 'you saw that it is off' }],
      commands: ['ipmitool -H 10.0.0.7 chassis power status'],
      since: '2026-08-02T14:04:00.000Z',
    };
    const m = render(notice({ stage: 'blocked', question, headline: question.what }), admin);
    for (const text of [
      'ipmitool -H 10.0.0.7 chassis power status',
      json,
      `temporal workflow update execute --namespace default --workflow-id prod/compute-7 --run-id 0198c7a2-run --name confirmFenced --input '{"by":"YOU","node":"compute-7","reason":"it'\\''s unplugged"}'`,
    ])
      assert.ok(m.text.includes(text), text);
    assert.match(m.html, /you saw that it is off/);
  });

  it('exists for every stage', () => {
    for (const stage of STAGES) {
      const m = render(notice({ stage, headline: `about ${stage}` }), admin);
      assert.equal(m.subject, `[prod] about ${stage}`);
      assert.match(m.text, new RegExp(`about ${stage}`));
      assert.match(m.html, new RegExp(`about ${stage}`));
    }
  });

  it('leaves no tag of a template behind', () => {
    const printed = [
      render(n, admin),
      render(n, user()),
      render(notice({ stage: 'started', instances: EVERY }), user()),
    ];
    for (const m of printed) assert.doesNotMatch(m.subject + m.text + m.html, /\{\{|\}\}|undefined|\[object/);
  });

  it('keeps a subject short', () => {
    assert.ok(render(notice({ headline: 'x'.repeat(500) }), admin).subject.length <= 160);
  });
});

describe('the id of a message', () => {
  it('is the same for the same run, stage and recipient, and for no other', () => {
    const ids = [
      messageId('run.a', 'u1'),
      messageId('run.b', 'u1'),
      messageId('run.a', 'u2'),
      messageId('run.a","u1', ''),
    ];
    assert.equal(new Set(ids).size, ids.length);
    assert.equal(messageId('run.a', 'u1'), ids[0]);
  });

  it('tells a reader nothing', () => {
    assert.match(messageId('prod/compute-7.finished', 'u1'), /^lifeboat\.[0-9a-f]{32}$/);
  });
});
