// limit and marker, as Nova understands them, and the link to the next page.
import type { Centre } from './centre.ts';
import type { Call } from './nova.ts';
import { Refusal } from './nova-evacuate.ts';

export interface Page<T> {
  rows: T[];
  links: { rel: 'next'; href: string }[] | null;
}

/** The page of `all` that the call asks for; never longer than Nova's max_limit. */
export function page<T>(
  centre: Centre,
  call: Call,
  all: T[],
  idOf: (row: T) => string,
  noMarker: (marker: string) => string,
): Page<T> {
  const { query, origin, path } = call.request;
  const asked = query.get('limit');
  if (asked !== null && !/^[0-9]*$/.test(asked))
    throw new Refusal(
      400,
      `Invalid input for query parameters limit. Value: ${asked}. '${asked}' does not match '^[0-9]*$'`,
    );
  const limit = Math.min(asked ? Number(asked) : centre.settings.pageLimit, centre.settings.pageLimit);
  const marker = query.get('marker');
  const from = marker === null ? 0 : all.findIndex((row) => idOf(row) === marker) + 1;
  if (marker !== null && from === 0) throw new Refusal(400, noMarker(marker));
  const rows = all.slice(from, from + limit);
  const last = rows[rows.length - 1];
  // Nova links on whenever the page is full, also where nothing follows.
  if (rows.length < limit || !last) return { rows, links: null };
  const next = new URLSearchParams(query);
  next.set('marker', idOf(last));
  return { rows, links: [{ rel: 'next', href: `${origin}${path}?${next.toString()}` }] };
}
