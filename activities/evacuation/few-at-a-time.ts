// Many small calls, a few at a time: a call's time limit also runs while it waits for a place in the client's queue.
const WIDTH = 12;

/** Like Promise.all over a map, in the items' order; rejects with the first failure. */
export async function fewAtATime<T, R>(
  items: readonly T[],
  work: (item: T) => Promise<R>,
  width = WIDTH,
): Promise<R[]> {
  const results: R[] = [];
  const queue = items.entries();
  const lane = async (): Promise<void> => {
    for (const [n, item] of queue) results[n] = await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, lane));
  return results;
}
