// What every notification channel must do, whatever it delivers by. A new driver's test calls this with its own bench.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  isNotificationError,
  type NotificationChannel,
  type NotificationDriver,
} from '../../activities/notification/driver.ts';
import { aMessage } from './message.ts';

export { aMessage } from './message.ts';

/** One message as the other side received it. */
export interface Received {
  id: string;
  to: string;
  subject: string;
  text: string;
  html: string;
  attachments: { name: string; content: string }[];
}

export interface ChannelBench {
  channel: NotificationChannel;
  /** True: it has no recipients of its own; `to`, where it is told at all, means nothing. */
  room?: boolean;
  /** What this way of telling has no place for. */
  without?: readonly ('html' | 'attachments')[];
  /** True: only a message would show whether its secret is right. */
  blindProbe?: boolean;
  received(): Received[];
  /** From now on the other side refuses this address (of a room: every message) for good, or for the moment; or takes all again. */
  refuse(address: string, how: 'forGood' | 'forNow' | 'no'): void;
  /** The same driver, with a secret that the other side does not accept. */
  withWrongSecret(secret: string): NotificationChannel;
  /** The same driver, where nobody listens. */
  nobodyThere(): NotificationChannel;
  close(): Promise<void>;
  /** For its options: those it takes, and what it must refuse, each for another reason. */
  options?: { driver: NotificationDriver; good: object; refused: readonly object[] };
}

const never = (): AbortSignal => new AbortController().signal;
const secret = 'Tr0ub4dor&3';

export function channelConformance(name: string, open: () => Promise<ChannelBench>): void {
  describe(`every notification channel: ${name}`, () => {
    let bench: ChannelBench;
    before(async () => void (bench = await open()));
    after(() => bench.close());
    const got = (id: string): Received[] => bench.received().filter((r) => r.id.includes(id));

    it('refuses options that it does not know or that make no sense', () => {
      if (!bench.options) return;
      const { driver, good, refused } = bench.options;
      assert.ok(driver.options.safeParse(good).success);
      for (const wrong of [{ nobodyKnowsThis: 1 }, ...refused])
        assert.equal(driver.options.safeParse({ ...good, ...wrong }).success, false, JSON.stringify(wrong));
    });

    it('delivers what it has a place for of subject, text, html and attachments, to this recipient only', async () => {
      const attachments = [{ name: 'report.json', type: 'application/json', content: '{"counts":{"recovered":1}}\n' }];
      await bench.channel.deliver(aMessage('lifeboat.whole', 'ann@example.net', { attachments }), never());
      const [one, ...more] = got('lifeboat.whole');
      assert.equal(more.length, 0);
      if (!bench.room) assert.equal(one?.to, 'ann@example.net');
      assert.equal(one?.subject, 'your instance web-1 is back');
      assert.match(one?.text ?? '', bench.room ? /No level could prove/ : /Your instance web-1 is back\./);
      if (!bench.without?.includes('html')) assert.match(one?.html ?? '', /<b>web-1<\/b>/);
      if (bench.without?.includes('attachments')) return;
      assert.deepEqual(one?.attachments, [{ name: 'report.json', content: '{"counts":{"recovered":1}}\n' }]);
    });

    it('repeats a message under the same id', async () => {
      await bench.channel.deliver(aMessage('lifeboat.twice', 'ann@example.net'), never());
      await bench.channel.deliver(aMessage('lifeboat.twice', 'ann@example.net'), never());
      const ids = got('lifeboat.twice').map((r) => r.id);
      assert.equal(ids.length, 2);
      assert.equal(ids[0], ids[1]);
    });

    it('says of a recipient who is refused for good that no other try helps', async () => {
      bench.refuse('gone@example.net', 'forGood');
      await assert.rejects(bench.channel.deliver(aMessage('lifeboat.gone', 'gone@example.net'), never()), (e) => {
        assert.ok(isNotificationError(e), String(e));
        assert.equal(e.permanent, true, e.message);
        assert.match(e.message, /gone@example\.net/);
        assert.doesNotMatch(e.message, /\n/);
        return true;
      });
      bench.refuse('gone@example.net', 'no');
    });

    it('says of a recipient who is refused for the moment that another try may help', async () => {
      bench.refuse('busy@example.net', 'forNow');
      await assert.rejects(bench.channel.deliver(aMessage('lifeboat.busy', 'busy@example.net'), never()), isPassing);
      bench.refuse('busy@example.net', 'no');
      await bench.channel.deliver(aMessage('lifeboat.later', 'busy@example.net'), never());
      assert.equal(got('lifeboat.later').length, 1);
    });

    it('is not final about a wrong secret, and does not tell it', async () => {
      const wrong = bench.withWrongSecret(secret);
      const isQuiet = (e: unknown): boolean => {
        isPassing(e);
        for (const form of [secret, Buffer.from(secret).toString('base64'), encodeURIComponent(secret)])
          assert.ok(!String((e as Error).stack).includes(form), 'the error tells the secret');
        return true;
      };
      await assert.rejects(wrong.deliver(aMessage('lifeboat.wrong', 'ann@example.net'), never()), isQuiet);
      if (bench.blindProbe) assert.ok(!(await wrong.probe(never())).includes(secret), 'the probe tells the secret');
      else await assert.rejects(wrong.probe(never()), isQuiet);
      assert.equal(got('lifeboat.wrong').length, 0);
    });

    it('is not final where nobody listens', async () => {
      const channel = bench.nobodyThere();
      await assert.rejects(channel.deliver(aMessage('lifeboat.nobody', 'ann@example.net'), never()), isPassing);
      await assert.rejects(channel.probe(never()), isPassing);
    });

    it('probes without sending anything', async () => {
      const before = bench.received().length;
      assert.match(await bench.channel.probe(never()), /\S/);
      assert.equal(bench.received().length, before);
    });

    it('shows what it would send, without a secret and without sending it', () => {
      const before = bench.received().length;
      const preview = bench.withWrongSecret(secret).preview?.(aMessage('lifeboat.preview', 'ann@example.net'));
      if (!preview) return;
      assert.ok(!JSON.stringify(preview).includes(secret));
      if (preview.kind === 'json') JSON.parse(preview.body);
      assert.match(preview.body, bench.room ? /No level could prove/ : /web-1/);
      assert.equal(bench.received().length, before);
    });

    it('gives up when it is told to', async () => {
      await assert.rejects(
        bench.channel.deliver(aMessage('lifeboat.stopped', 'ann@example.net'), AbortSignal.abort()),
        isPassing,
      );
      assert.equal(got('lifeboat.stopped').length, 0);
    });
  });
}

function isPassing(e: unknown): boolean {
  assert.ok(isNotificationError(e), `no error with \`permanent\`: ${String(e)}`);
  assert.equal(e.permanent, false, e.message);
  assert.doesNotMatch(e.message, /\n/);
  return true;
}
