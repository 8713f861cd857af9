// The notification activities, as the notification child workflow sees them (queue `…-notification`).
import type { Notice } from '../../workflows/contract.ts';

export interface Recipient {
  /** Stable: user id, the admin's address, `channel:NAME` of a room, `contact:ADDRESS` of an instance's metadata. */
  id: string;
  name: string;
  address: string;
  audience: 'user' | 'admin';
  /** Ids of the projects whose instances may be named to this person. Empty for admins: all. */
  projects: string[];
  /** What these projects are called, by id. */
  projectNames?: Record<string, string>;
  /** Ids of instances of other projects than `projects` that may be named too: they made them, or are their contact. */
  instances?: string[];
  /** A room: only the channel of this name delivers to it. Absent: a person. */
  channel?: string;
}

export interface Delivery {
  notice: Notice;
  recipient: Recipient;
  /** People whom nobody could write to, for the admins' report. Absent: not known. */
  unreachable?: string[];
}

export interface NotificationActivities {
  /** Who gets this notice. Affected projects' people (one entry a person) or the admins. `unreachable`: have no address. */
  findRecipients(notice: Notice): Promise<{ recipients: Recipient[]; unreachable: string[] }>;
  /**
   * Renders for this one and delivers by every channel that wants it. At least once, with the same Message-ID; answers that.
   * Fails with type `NotificationRefused` (not retried) or `NotificationFailed`.
   */
  deliverNotice(delivery: Delivery): Promise<string>;
  /**
   * Keeps the report of a recovery in the folder of this worker's configuration (`reports.keep`). Answers where; null: no folder is
   * configured, or the notice has no report. Repeated it writes the same files.
   */
  keepReport(notice: Notice): Promise<string | null>;
  readyNotification(): Promise<string>;
}
