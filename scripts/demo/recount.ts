// Tells what the data centre's log and the mailbox receive while an act is played, line by line, as it happens.
import type { Entry, EntryOf } from '../../test/world/log.ts';
import { SERVICE_USER } from '../../test/world/people.ts';
import type { Stage } from './stage.ts';

/** Answers a function that ends it. What is repeated (the guard reads for ever) is told once. */
export function recount(stage: Stage, node: string): () => void {
  let said = '';
  let asked = false;
  const byUs = (e: { by: string }): boolean => e.by === SERVICE_USER.name;
  const tellEntry = (e: Entry): void => {
    if (e.kind === 'mail') return tellMail(stage, e);
    if (!('node' in e) || e.node !== node) {
      if (e.kind === 'evacuate' && e.source === node && byUs(e) && !asked) {
        asked = true;
        stage.tell('nova', 'is asked for the first evacuation', undefined, e.at);
      }
      return;
    }
    if (e.kind === 'power-command') {
      said = '';
      stage.tell('bmc', `is told ${e.reset} and answers ${e.status}`, undefined, e.at);
    }
    if (e.kind === 'power-read' && e.said !== said) {
      said = e.said;
      stage.tell('bmc', `is asked for the power and says ${e.said}`, undefined, e.at);
    }
    if (e.kind === 'service' && byUs(e) && e.forcedDown) tellMark(stage, e);
  };
  return stage.world.on(tellEntry);
}

function tellMark(stage: Stage, e: EntryOf<'service'>): void {
  stage.tell('nova', `has ${e.node} as ${e.status} and forced down: ${e.reason}`, undefined, e.at);
}

function tellMail(stage: Stage, { mail, at }: EntryOf<'mail'>): void {
  stage.tell('mail', `${mail.to.join(', ')}: ${mail.subject}`, undefined, at);
}
