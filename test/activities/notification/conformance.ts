// What every notification channel must do, whatever it delivers by. A new driver's test calls this with its own bench.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { NotificationError, type Message, type NotificationChannel } from '../../../activities/notification/driver.ts';

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
  received(): Received[];
  /** From now on the other side refuses this address for good, or for the moment. */
  refuse(address: string, how: 'forGood' | 'forNow'): void;
  /** The same driver, with a secret that the other side does not accept. */
  withWrongSecret(secret: string): NotificationChannel;
  /** The same driver, where nobody listens. */
  nobodyThere(): NotificationChannel;
  close(): Promise<void>;
}

export const aMessage = (id: string, address: string, more: Partial<Message> = {}): Message => ({
  id,
  to: { name: 'Ann Example', address },
  subject: 'your instance web-1 is back',
  text: 'Your instance web-1 is back.\n',
  html: '<p>Your instance <b>web-1</b> is back.</p>',
  ...more,
});

const never = (): AbortSignal => new AbortController().signal;
const secret = 'Tr0ub4dor&3';

export function channelConformance(name: string, open: () => Promise<ChannelBench>): void {
  describe(`every notification channel: ${name}`, () => {
    let bench: ChannelBench;
    before(async () => void (bench = await open()));
    after(() => bench.close());
    const got = (id: string): Received[] => bench.received().filter((r) => r.id.includes(id));

    it('delivers subject, text, html and attachments to this recipient only', async () => {
      const attachments = [{ name: 'report.json', type: 'application/json', content: '{"counts":{"recovered":1}}\n' }];
      await bench.channel.deliver(aMessage('lifeboat.whole', 'ann@example.net', { attachments }), never());
      const [one, ...more] = got('lifeboat.whole');
      assert.equal(more.length, 0);
      assert.equal(one?.to, 'ann@example.net');
      assert.equal(one?.subject, 'your instance web-1 is back');
      assert.match(one?.text ?? '', /Your instance web-1 is back\./);
      assert.match(one?.html ?? '', /<b>web-1<\/b>/);
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
        assert.ok(e instanceof NotificationError);
        assert.equal(e.permanent, true);
        assert.match(e.message, /gone@example\.net/);
        assert.doesNotMatch(e.message, /\n/);
        return true;
      });
    });

    it('says of a recipient who is refused for the moment that another try may help', async () => {
      bench.refuse('busy@example.net', 'forNow');
      await assert.rejects(bench.channel.deliver(aMessage('lifeboat.busy', 'busy@example.net'), never()), isPassing);
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
      await assert.rejects(wrong.probe(never()), isQuiet);
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
  assert.ok(e instanceof NotificationError, `not a NotificationError: ${String(e)}`);
  assert.equal(e.permanent, false, e.message);
  assert.doesNotMatch(e.message, /\n/);
  return true;
}
