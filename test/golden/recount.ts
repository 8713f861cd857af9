// What the data centre's own log says, told for an operator: power, writes to Nova, evacuations, mails. Never what Lifeboat says of
// itself. What is repeated without a change in between (the guard reads for ever) is told once.
import type { Entry, EntryOf } from '../world/log.ts';
import { SERVICE_USER } from '../world/people.ts';
import type { World } from '../world/world.ts';
import { readMarker } from '../../workflows/contract.ts';
import type { Voice } from './line.ts';

type Tell = (voice: Voice, text: string, at: number) => void;

/** What was said last of a thing; and a node's runs, in the order in which they showed themselves. */
interface Memory {
  world: World;
  said: Map<string, string>;
  runs: Map<string, string[]>;
  mails: Set<string>;
}

/** Answers a function that ends it. `at`: the log's own milliseconds. */
export function recount(world: World, tell: Tell): () => void {
  const memory: Memory = { world, said: new Map(), runs: new Map(), mails: new Set() };
  return world.on((entry) => {
    const told = tellEntry(memory, entry);
    if (told) tell(told[0], told[1], entry.at);
  });
}

type Told = [Voice, string] | null;
const byUs = (e: { by: string }): boolean => e.by === SERVICE_USER.name;
const nameOf = (m: Memory, id: string): string => m.world.centre.instances.get(id)?.name ?? id;

/** True the first time, and whenever something else was said of it before. */
function isNew(m: Memory, of: string, what: string): boolean {
  if (m.said.get(of) === what) return false;
  m.said.set(of, what);
  return true;
}

function runName(m: Memory, node: string, runId: string): string {
  const runs = m.runs.get(node) ?? [];
  if (!runs.includes(runId)) runs.push(runId);
  m.runs.set(node, runs);
  return `run ${runs.indexOf(runId) + 1}`;
}

function tellEntry(m: Memory, e: Entry): Told {
  switch (e.kind) {
    case 'power':
      if (e.by !== 'bmc' && e.by !== 'by itself') return null;
      return ['bmc', `${e.node} goes ${e.power}${e.by === 'by itself' ? ' by itself' : ''}`];
    case 'power-command':
      return isNew(m, `command ${e.node}`, e.reset)
        ? ['bmc', `${e.node} is told ${e.reset}: answers ${e.status}`]
        : null;
    case 'power-read':
      return isNew(m, `power ${e.node}`, e.said) ? ['bmc', `${e.node} says ${e.said}`] : null;
    case 'service':
      return byUs(e) ? tellRow(m, e) : null;
    case 'lock':
      if (!byUs(e) || !isNew(m, `lock ${e.instance}`, String(e.locked))) return null;
      return ['nova', `${nameOf(m, e.instance)} is ${e.locked ? 'locked' : 'unlocked'}`];
    case 'evacuate':
      return byUs(e) ? ['nova', `${nameOf(m, e.instance)} is asked to leave ${e.source}`] : null;
    case 'record':
      return tellRecord(m, e);
    case 'lost':
      return ['nova', `${nameOf(m, e.instance)} has lost its data: ${e.why}`];
    case 'call':
      return tellCall(m, e);
    case 'mail':
      return tellMail(m, e);
    default:
      return null;
  }
}

function tellRow(m: Memory, e: EntryOf<'service'>): Told {
  const mark = readMarker(e.reason);
  const as = `${e.status}${e.forcedDown ? ' and forced down' : ''}`;
  const by = mark ? `, by ${runName(m, e.node, mark.run)}${mark.outcome ? `: ${mark.outcome}` : ''}` : '';
  const text = `${e.node} is ${as}${by}`;
  return isNew(m, `row ${e.node}`, text) ? ['nova', text] : null;
}

function tellRecord(m: Memory, e: EntryOf<'record'>): Told {
  const name = nameOf(m, e.instance);
  const { host, vmState } = m.world.instance(e.instance);
  if (e.type === 'evacuation' && e.status === 'done')
    return ['nova', `${name} is on ${e.dest ?? host}${vmState === 'active' ? '' : ` (${vmState})`}`];
  if (e.type === 'evacuation' && ['error', 'failed'].includes(e.status))
    return ['nova', `${name}: its evacuation ends as ${e.status}`];
  if (e.type === 'live-migration' && e.status === 'completed')
    return ['nova', `${name} is on ${e.dest}, live-migrated`];
  return null;
}

const TOLD_ELSEWHERE = ['lock', 'unlock'];

/** Other actions on instances; and evacuations that Nova refused or whose reply was lost. */
function tellCall(m: Memory, e: EntryOf<'call'>): Told {
  const id = /^POST.*\/servers\/([0-9a-f-]+)\/action/.exec(`${e.method} ${e.path}`)?.[1];
  // A scripted fault answers before anybody looks who asks; nobody but Lifeboat asks over HTTP.
  if (!id || e.service !== 'nova' || !(byUs(e) || e.fault)) return null;
  const action = e.action ?? /"(\w+)"/.exec(e.body ?? '')?.[1] ?? 'something';
  if (TOLD_ELSEWHERE.includes(action)) return null;
  const name = nameOf(m, id);
  const refused = e.status >= 400 || e.status === 0;
  if (!refused) return action === 'evacuate' ? null : ['nova', `${name} is told ${action}`];
  const answer = e.status === 0 ? 'and its reply is lost' : `and answers ${e.status}`;
  return isNew(m, `refused ${id}`, `${action} ${answer}`)
    ? ['nova', `${name}: Nova is told ${action} ${answer}`]
    : null;
}

/** The same message may come twice; it is one message. */
function tellMail(m: Memory, { mail }: EntryOf<'mail'>): Told {
  const key = `${mail.messageId} ${mail.to.join()}`;
  if (m.mails.has(key)) return null;
  m.mails.add(key);
  return ['mail', `${mail.to.join(', ')}: ${mail.subject}`];
}
