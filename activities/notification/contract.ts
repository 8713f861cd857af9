// The notification activities, as the notification child workflow sees them (queue `…-notification`).
import type { Notice } from '../../workflows/contract.ts';

export interface Recipient {
  /** Stable: user id, or the admin's address. */
  id: string;
  name: string;
  address: string;
  audience: 'user' | 'admin';
  /** Ids of the projects whose instances may be named to this person. Empty for admins: all. */
  projects: string[];
}

export interface NotificationActivities {
  /** Who gets this notice. Affected projects' people (one entry a person) or the admins. `unreachable`: have no address. */
  findRecipients(notice: Notice): Promise<{ recipients: Recipient[]; unreachable: string[] }>;
  /** Renders for this one and delivers by the channel. At least once, with the same Message-ID. Answers the Message-ID. */
  deliverNotice(input: { notice: Notice; recipient: Recipient }): Promise<string>;
  readyNotification(): Promise<string>;
}
