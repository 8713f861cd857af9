// Tests wait for a condition, never for luck.

/** Asks every 25 ms until the answer is truthy and returns it. Rejects after `timeoutMs` with `what` and the last error. */
export async function until<T>(
  ask: () => T | Promise<T>,
  options: { timeoutMs?: number; what: string; everyMs?: number },
): Promise<NonNullable<T>> {
  const { timeoutMs = 15_000, what, everyMs = 25 } = options;
  const deadline = performance.now() + timeoutMs;
  let last = '';
  for (;;) {
    try {
      const answer = await ask();
      if (answer) return answer as NonNullable<T>;
      last = `the last answer was ${JSON.stringify(answer)}`;
    } catch (error) {
      last = `the last try failed: ${error instanceof Error ? error.message : String(error)}`;
    }
    if (performance.now() > deadline) throw new Error(`Waited ${timeoutMs} ms in vain until ${what}: ${last}`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
