// One notice for one recipient → one message.
import { createHash } from 'node:crypto';
import { briefOf } from './brief.ts';
import type { Notice } from '../../workflows/contract.ts';
import type { RecoveryReport } from '../../workflows/domain.ts';
import type { Delivery } from './contract.ts';
import type { Message } from './driver.ts';
import { adminModel, mayRead, runLink, userModel, type Telling } from './models.ts';
import { attachReport, documentOf, type Attached } from './report/attach.ts';
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

/** Null: nothing in the notice concerns this tenant, and nobody unaffected is told. */
export function renderNotice(delivery: Delivery, templates: Templates, telling: Telling): Message | null {
  const { notice, recipient } = delivery;
  const admin = recipient.audience === 'admin';
  if (!admin && mayRead(notice, recipient).length === 0) return null;
  const attached = admin && notice.report ? attachedTo(notice, notice.report, telling) : null;
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

/** Made as of what was observed, not of this try: a repeat carries the same files. */
function attachedTo(notice: Notice, report: RecoveryReport, telling: Telling): Attached {
  const { since, observedAt: madeAt } = notice;
  return attachReport(documentOf(report, { since, madeAt, page: runLink(notice, telling) }), report);
}
