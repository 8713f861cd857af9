// Shows a readmission while it runs.
import { clock, paint, type Feed, type Out } from './print.ts';

/** One line for each step, at the time of its beginning; the same step again says nothing. */
export function readmissionView(feed: Feed, out: Out): (state: { doing: string }) => void {
  let last = '';
  return ({ doing }) => {
    if (doing && doing !== last) feed.line(`${paint(out, 'dim', clock(new Date().toISOString()))}  ${doing}`);
    last = doing;
  };
}
