// What every evacuation driver promises: it asks for this one instance, once, and only while it may.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EvacuationContext, EvacuationDriver, Evacuator } from '../../activities/evacuation/driver.ts';
import type { CallOptions, OpenStack } from '../../activities/openstack/types.ts';
import type { InstanceView } from '../../workflows/domain.ts';

/** What stands behind the driver. */
export interface EvacuationStage {
  context: EvacuationContext;
  /** Ids of the instances that were asked for, in order: what reached the cloud, not what the driver says. */
  asked(): readonly string[];
  /** From now on: an answer of 4xx; taken, and the answer is lost; taken and answered. */
  set(fault: 'refuses' | 'losesReply' | null): void;
  stop?(): Promise<void>;
}

export interface EvacuationSubject {
  driver: EvacuationDriver;
  /** Options that the driver takes. */
  options: unknown;
  /** Options that it must refuse, each for another reason. */
  refused: readonly unknown[];
  /** By default a cloud in memory, which is asked through the context's `openstack.compute.evacuate`. */
  start?(): Promise<EvacuationStage>;
}

export const anInstance = (name: string): InstanceView => ({
  ...{ id: `id-${name}`, name, projectId: 'acme', userId: 'alice', host: 'compute-1', vmState: 'active' },
  ...{ taskState: null, powerState: 1, status: 'ACTIVE', locked: false, lockedReason: null },
  ...{ launchedAt: '2026-01-01T00:00:00Z', volumeBacked: true, az: 'az1', metadata: {}, tags: [] },
  ...{ serverGroups: [], fault: null },
  flavor: { name: 'small', vcpus: 1, ram: 512, disk: 1, swap: 0, extraSpecs: {} },
});

/** A cloud in memory: `beforeSend` and the signal are asked as the client does. */
export function cloudInMemory(): EvacuationStage {
  const asked: string[] = [];
  let fault: 'refuses' | 'losesReply' | null = null;
  const evacuate = (id: string, _target?: string, o: CallOptions = {}): Promise<void> => {
    if (o.signal?.aborted) return Promise.reject(new Error('stopped'));
    try {
      o.beforeSend?.();
    } catch (error) {
      return Promise.reject(error instanceof Error ? error : new Error(String(error)));
    }
    asked.push(id);
    if (fault) return Promise.reject(new Error(fault === 'refuses' ? '409 Conflict' : 'no answer'));
    return Promise.resolve();
  };
  return {
    context: { openstack: { compute: { evacuate } } as unknown as OpenStack },
    asked: () => [...asked],
    set: (how) => void (fault = how),
  };
}

export function evacuationConformance({ driver, options, refused, start }: EvacuationSubject): void {
  const promise = (text: string, act: (stage: EvacuationStage, evacuator: Evacuator) => Promise<void>): void => {
    test(`${driver.name} ${text}`, async () => {
      const stage = (await start?.()) ?? cloudInMemory();
      try {
        await act(stage, driver.create(driver.options.parse(options), stage.context));
      } finally {
        await stage.stop?.();
      }
    });
  };

  test(`${driver.name} refuses options that it does not know or that make no sense`, () => {
    assert.ok(driver.options.safeParse(options).success);
    for (const wrong of [{ nobodyKnowsThis: 1 }, ...refused])
      assert.equal(driver.options.safeParse(wrong).success, false, JSON.stringify(wrong));
  });

  promise('asks for this instance, once', async (stage, evacuator) => {
    await evacuator.send(anInstance('web'), {});
    await evacuator.send(anInstance('db'), {});
    assert.deepEqual(stage.asked(), ['id-web', 'id-db']);
  });

  for (const fault of ['refuses', 'losesReply'] as const)
    promise(`rejects and does not ask again when the cloud ${fault}`, async (stage, evacuator) => {
      stage.set(fault);
      await assert.rejects(evacuator.send(anInstance('web'), {}));
      assert.deepEqual(stage.asked(), ['id-web']);
    });

  promise('sends nothing once the permission is gone', async (stage, evacuator) => {
    const beforeSend = (): never => {
      throw new Error('the node is seen on');
    };
    await assert.rejects(evacuator.send(anInstance('web'), { beforeSend }), /the node is seen on/);
    assert.deepEqual(stage.asked(), []);
  });

  promise('sends nothing once it is stopped', async (stage, evacuator) => {
    await assert.rejects(evacuator.send(anInstance('web'), { signal: AbortSignal.abort() }));
    assert.deepEqual(stage.asked(), []);
  });

  promise('says of every host whether it may be a destination, and asks nobody', (stage, evacuator) => {
    assert.equal(typeof evacuator.reaches('compute-2'), 'boolean');
    assert.deepEqual(stage.asked(), []);
    return Promise.resolve();
  });
}
