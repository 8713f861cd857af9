// What strangers say (programs, services, alerts), made fit for an evidence: one line, without secrets, not long.
import { redact } from '../openstack/errors.ts';
import type { MonitoringContext } from './driver.ts';

const LONGEST = 180;

/** Redacted before it is shortened: of a secret that is cut nothing is known any more. */
export function said(context: Pick<MonitoringContext, 'redact'>, text: string): string {
  const clean = redact((context.redact ?? ((t: string) => t))(text))
    .replace(/[\s\0-\x1f\x7f]+/g, ' ')
    .trim();
  return clean.length <= LONGEST ? clean : `${clean.slice(0, LONGEST - 1)}…`;
}

export const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
