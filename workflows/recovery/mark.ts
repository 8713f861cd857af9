// Our marker on the node's row: written after the proof and before the first evacuation, and what is done where it is gone later. A run
// that was held up for long (a worker that slept, a Temporal restored from an older copy) may not take an old proof for one of now.
import { ActivityFailure, ApplicationFailure } from '@temporalio/workflow';
import { marker } from '../contract.ts';
import { brief } from '../proxies.ts';
import { admitAgain, Ending } from './admission.ts';
import { enter, show } from './console.ts';
import { fence } from './fence.ts';
import { insist } from './insist.ts';
import { granted, heldBefore, noteDecision, reached, type Run } from './run.ts';

/** Evidence, proof, mark; once more from the beginning where the row moved in between. Ends the run where the node lives. */
export async function proveAndMark(run: Run): Promise<void> {
  for (;;) {
    await fence(run, 0);
    enter(run, 'marking', 'tells Nova that the node is off');
    const moved = await markOff(run, 0);
    if (moved === null) return;
    run.proof = null;
    noteDecision(run, 'lifeboat', 'looks at the evidence and the power once more', moved);
    await admitAgain(run);
  }
}

/**
 * One PUT, only after a proof: disabled, our marker, forced_down. Makes Nova accept evacuations at once. Null, or why nothing was
 * written: the row moved since the evidence, or, where the node is fenced `again`, is not ours any more.
 */
export async function markOff(run: Run, again: number): Promise<string | null> {
  if (run.proof === null) return null;
  const input = {
    serviceId: run.node.serviceId,
    node: run.node.host,
    marker: marker(run.runId, undefined, heldBefore(run)),
    forcedDown: true,
    before: { disabledReason: run.snapshot?.node.disabledReason ?? null },
    as: again > 0 ? ('marked' as const) : { updatedAt: granted(run).node.updatedAt },
  };
  const row = await insist(run, 'mark', `disable and force down ${run.node.host}`, () =>
    brief(run.cloud)
      .openstack.markNode.executeWithOptions({ summary: 'disable and force down' }, [input])
      .catch(rowMoved),
  );
  if ('moved' in row) return row.moved;
  run.updatedAt = row.updatedAt;
  reached(run, 'marked');
  return null;
}

function rowMoved(e: unknown): { moved: string } {
  const cause = e instanceof ActivityFailure ? e.cause : null;
  if (cause instanceof ApplicationFailure && cause.type === 'RowMoved') return { moved: cause.message };
  throw e;
}

/**
 * The node came back, and our marker is gone: somebody gave it back. It may be fenced only as at first, by fresh evidence through the
 * same gates. Where these say no the run lets go of it: nothing new begins, what was sent is watched to its end.
 */
export async function fenceAnew(run: Run, lost: string): Promise<void> {
  run.proof = null;
  noteDecision(run, 'lifeboat', 'does not fence it again', `the marker of this run is gone: ${lost}`);
  try {
    // What a person approved was another failure.
    run.approved = false;
    await admitAgain(run);
    await proveAndMark(run);
  } catch (e) {
    if (!(e instanceof Ending)) throw e;
    run.stop ??= {
      by: 'lifeboat',
      reason: `the marker of this run is gone from ${run.node.host}: ${e.reason}`,
      outcome: 'stoodDown',
    };
    run.proof = null;
    show(run);
  }
}
