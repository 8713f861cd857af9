// One notice for one recipient → one message.
import { createHash } from 'node:crypto';
import { briefOf } from './brief.ts';
import type { Delivery } from './contract.ts';
import type { Message } from './driver.ts';
import { adminModel, mayRead, userModel, type Telling } from './models.ts';
import { attachReport, documentOf } from './report/attach.ts';
import type { ReportDocument } from './report/document.ts';
import type { Templates } from './templates.ts';
import { oneLine } from './words.ts';

/**
 * The same for the same (run, stage, recipient), for ever. A hash of everything: the notice's key names the node, and a
 * tenant can read a Message-ID.
 */
export function messageId(key: string, recipientId: string): string {
  const hash = createHash('sha256')
    .update(JSON.stringify([key, recipientId]))
    .digest('hex');
  return `lifeboat.${hash.slice(0, 32)}`;
}

/** `document`: the report with what its history adds, where it is known. Null: nothing in the notice concerns this tenant, and nobody unaffected is told. */
export function renderNotice(
  delivery: Delivery,
  templates: Templates,
  telling: Telling,
  document: ReportDocument | null = null,
): Message | null {
  const { notice, recipient } = delivery;
  const admin = recipient.audience === 'admin';
  if (!admin && mayRead(notice, recipient).length === 0) return null;
  const { report } = notice;
  const attached = admin && report ? attachReport(document ?? documentOf(notice, report, telling), report) : null;
  const model = admin ? adminModel(delivery, telling, attached?.says) : userModel(notice, recipient, telling);
  const words = templates.print(notice.stage, recipient.audience, model);
  return {
    id: messageId(notice.key, recipient.id),
    to: { name: oneLine(recipient.name), address: recipient.address },
    ...words,
    brief: briefOf(delivery, telling, words.subject),
    ...(attached && attached.attachments.length > 0 && { attachments: attached.attachments }),
  };
}
