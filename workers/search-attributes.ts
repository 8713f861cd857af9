// An unregistered search attribute stops a run silently for ever (BadSearchAttributes): they are there before any run is.
import { isGrpcServiceError, type Connection } from '@temporalio/client';
import { SEARCH_ATTRIBUTES } from '../workflows/contract.ts';

/** temporal.api.enums.v1.IndexedValueType */
const KEYWORD = 2;
const gRPC = { permissionDenied: 7, alreadyExists: 6, unimplemented: 12, unauthenticated: 16 };

export interface SearchAttributesState {
  /** Runs may write them. False: the watch is told to write none. */
  usable: boolean;
  /** One sentence for the log. */
  why: string;
}

/**
 * Creates what is missing and waits until the server shows it. Idempotent; safe from several workers at once. Where the
 * namespace does not let us look or add, answers that they cannot be used; rejects only when the server does not answer.
 */
export async function ensureSearchAttributes(
  connection: Connection,
  namespace: string,
  waitMs = 15_000,
): Promise<SearchAttributesState> {
  const wanted = Object.values(SEARCH_ATTRIBUTES).map((key) => key.name);
  const list = async (): Promise<Record<string, unknown> | null> => {
    const found = await connection.operatorService.listSearchAttributes({ namespace }).catch((error: unknown) => {
      // The time-skipping test server can add them and cannot list them.
      if (hasCode(error, gRPC.unimplemented)) return null;
      throw error;
    });
    return found && { ...found.customAttributes };
  };
  try {
    const before = await list();
    for (const name of wanted.filter((key) => !before || !(key in before))) {
      const request = { namespace, searchAttributes: { [name]: KEYWORD } };
      await connection.operatorService.addSearchAttributes(request).catch((error: unknown) => {
        // Another worker was faster.
        if (!hasCode(error, gRPC.alreadyExists)) throw error;
      });
    }
    const deadline = performance.now() + waitMs;
    for (;;) {
      const there = await list();
      if (!there || wanted.every((name) => there[name] === KEYWORD)) {
        return { usable: true, why: 'search attributes are registered' };
      }
      const wrong = wanted.filter((name) => name in there && there[name] !== KEYWORD);
      if (wrong.length > 0) {
        return { usable: false, why: `search attributes are not of type Keyword: ${wrong.join(', ')}` };
      }
      if (performance.now() > deadline) {
        return { usable: false, why: `search attributes were added and are not shown after ${waitMs / 1_000} s` };
      }
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  } catch (error) {
    if (hasCode(error, gRPC.permissionDenied, gRPC.unauthenticated, gRPC.unimplemented)) {
      return { usable: false, why: `the namespace ${namespace} does not let us register search attributes` };
    }
    throw error;
  }
}

function hasCode(error: unknown, ...codes: number[]): boolean {
  return isGrpcServiceError(error) && codes.includes(error.code);
}
