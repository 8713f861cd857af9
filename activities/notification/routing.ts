// Which channel tells whom of what.
import type { Notice } from '../../workflows/contract.ts';
import type { Recipient } from './contract.ts';
import type { OpenChannel } from './index.ts';

/** By its stages and its audience, and whether it opens incidents. */
export const wants = (
  c: OpenChannel,
  notice: Pick<Notice, 'stage' | 'only'>,
  audience: Recipient['audience'],
): boolean =>
  (notice.only === undefined || (notice.only === 'pagers') === (c.pager ?? false)) &&
  (c.audience === 'both' || c.audience === `${audience}s`) &&
  (c.stages?.includes(notice.stage) ?? true);

/** A room's messages go to its own channel alone, a person's to all that are no rooms. */
export const serves = (c: OpenChannel, { channel }: Recipient): boolean =>
  channel === undefined ? !c.room : c.room === true && nameOf(c) === channel;

export const nameOf = (c: OpenChannel): string => c.name ?? c.driver;

/** Whoever reads a room is told what admins are. */
export const asRoom = (c: OpenChannel): Recipient => ({
  ...{ id: `channel:${nameOf(c)}`, name: nameOf(c), address: nameOf(c), audience: 'admin', projects: [] },
  channel: nameOf(c),
});
