// While lanes are full the next instances are locked; never what waits for room, and no lock outlives the run.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { until } from '../support/until.ts';
import { anInstance, shut, story, type Fakes } from './harness.ts';

after(shut);

const names = ['a', 'b', 'c', 'd', 'e', 'f'];
const instances = names.map((n) => anInstance(n));

/** The grant as it is, with so many lanes. */
const lanes = (good: Fakes, width: number): Pick<Fakes, 'askAdmission'> => ({
  async askAdmission(input) {
    const answer = await good.askAdmission(input);
    return answer.kind === 'granted' ? { ...answer, grant: { ...answer.grant, width } } : answer;
  },
});

test('locks the next ones while the lanes are full, each once, and lifts the locks after the last', async (t) => {
  const locked: string[] = [];
  let posted = 0;
  let lift = (): void => undefined;
  const lifted = new Promise<void>((resolve) => (lift = resolve));
  const s = await story(
    ({ calls }, good) => ({
      ...lanes(good, 2),
      async evacuateInstance(input) {
        // The first two stay in their lanes until the next are locked.
        if (++posted <= 2) await until(() => locked.length >= 2, { what: 'the next two are locked' });
        return good.evacuateInstance(input);
      },
      async lockAhead({ instances: next }) {
        locked.push(...next);
        calls.push(`lock ${next.join(' ')}`);
        // The last one takes until all are moved: the run waits for it before it lifts locks.
        if (locked.length === 4) await lifted;
        return { locked: next.length };
      },
    }),
    { instances },
  );
  t.after(() => s.end());
  const h = await s.start();
  await until(() => s.calls.filter((c) => c.startsWith('POST')).length === 6, { what: 'all are moved' });
  assert.ok(!s.calls.includes('unlock'), 'no lock is lifted while one may still be set');
  lift();
  assert.equal((await h.result()).outcome, 'recovered');
  assert.deepEqual(locked, ['id-c', 'id-d', 'id-e', 'id-f']);
  assert.ok(s.calls.indexOf('unlock') > s.calls.indexOf('lock id-e id-f'));
});

test('lanes that begin together begin one after the other, their successors at once', async (t) => {
  const waits: (number | undefined)[] = [];
  let arrived = 0;
  const s = await story(
    (_s, good) => ({
      ...lanes(good, 3),
      async evacuateInstance(input) {
        waits.push(input.afterMs);
        const its = ++arrived;
        // The first three are in flight together; then two of them stay until the fifth has begun.
        await until(() => arrived >= (its <= 2 ? 5 : 3), { what: 'the others have begun' });
        return good.evacuateInstance(input);
      },
    }),
    { instances },
  );
  t.after(() => s.end());
  assert.equal((await (await s.start()).result()).outcome, 'recovered');
  const [first = -1, second = -1, third = -1] = waits
    .slice(0, 3)
    .map(Number)
    .toSorted((a, b) => a - b);
  assert.ok(first === 0 && second > 0 && third === 2 * second, `${waits}`);
  assert.deepEqual(waits.slice(3, 5), [0, 0]);
});

test('what waits for room is not locked', async (t) => {
  const locked: string[] = [];
  const s = await story(
    (_s, good) => ({
      ...lanes(good, 1),
      async findRoom(input) {
        const { fits } = await good.findRoom(input);
        return { fits: fits.filter((id) => id < 'id-c'), why: 'full' };
      },
      async lockAhead({ instances: next }) {
        locked.push(...next);
        return { locked: next.length };
      },
    }),
    { instances: instances.slice(0, 4) },
  );
  t.after(() => s.end());
  const h = await s.start();
  await until(() => s.calls.filter((c) => c.startsWith('POST')).length === 2, { what: 'those that fit are moved' });
  await h.executeUpdate('abort', { args: [{ by: 'ann', reason: 'enough' }] });
  await h.result();
  assert.deepEqual(locked, ['id-b']);
});

test('a lock ahead that breaks holds nobody up', async (t) => {
  const s = await story(
    (_s, good) => ({
      ...lanes(good, 2),
      async lockAhead() {
        throw new Error('broken');
      },
    }),
    { instances },
  );
  t.after(() => s.end());
  assert.equal((await (await s.start()).result()).outcome, 'recovered');
});
