// A node that comes back in the middle: the first evacuation meets it, and the guard of the first fence sees it on.
import { signalOff, untilCancelled, type Fakes } from './harness.ts';

export const comesBack = (_s: unknown, good: Fakes): Partial<Fakes> => {
  let posts = 0;
  let back = (): void => undefined;
  const returned = new Promise<void>((r) => (back = r));
  return {
    guardNode: async (input) => {
      if (input.epoch > 1) return good.guardNode(input);
      await signalOff(input);
      await Promise.race([returned, untilCancelled()]);
      return { kind: 'on', saw: 'ipmi says on', readAt: new Date().toISOString() };
    },
    evacuateInstance: async (input) => {
      if (++posts > 1) return good.evacuateInstance(input);
      back();
      return { kind: 'notPosted', why: 'the node is on' };
    },
  };
};
