// A safety check of the product, how it is taken away, and the test that must notice.

export interface Guard {
  /** What would no longer hold without the check. */
  promise: string;
  /** Where it stands, from the root of the repository. */
  file: string;
  /** Stands there exactly once. */
  check: string;
  /** What stands in its place when it is taken away. It still compiles: a test must fail, not the compiler. */
  without: string;
  /** The test that turns red: its file and its whole name. */
  caughtBy: readonly [file: string, test: string];
}

/** Guards of one file of the product. */
export const guardsOf = (
  file: string,
  guards: readonly (readonly [promise: string, check: string, without: string, caughtBy: Guard['caughtBy']])[],
): Guard[] => guards.map(([promise, check, without, caughtBy]) => ({ promise, file, check, without, caughtBy }));

/** The file's text without the check. Throws where the check does not stand there exactly once: it was moved or changed. */
export function takeAway({ promise, file, check, without }: Guard, text: string): string {
  const found = text.split(check).length - 1;
  if (found !== 1)
    throw new Error(
      `guard "${promise}": its check stands ${found} times in ${file}, not once (it was moved or changed: mend test/guards)\n  ${check}`,
    );
  return text.replace(check, () => without);
}
