// What a fence agent says of itself (`-o metadata`, the XML of the FenceAgentAPI), and options judged by it. An agent only warns
// about an option that it does not know and goes on without: a misspelt one would fence something else, or nothing.
import { agentName, canonical, whyRefused } from './fence-agent-rules.ts';

export interface AgentParameter {
  name: string;
  /** boolean, integer, second, select; anything else is text. */
  type: string;
  required: boolean;
  /** A name of before; `obsoletes` of another one names it. */
  deprecated: boolean;
  default: string | null;
  /** Of a select. */
  choices: string[];
}

export interface AgentMetadata {
  parameters: Map<string, AgentParameter>;
  actions: Set<string>;
  /** It cuts a machine off from something and leaves it on. */
  fabric: boolean;
}

/** Null: that is no metadata. Every agent's is printed by one library or written after it; this reads that shape, not any XML. */
export function parseMetadata(xml: string): AgentMetadata | null {
  if (!/<resource-agent\b/.test(xml) || !/<\/resource-agent>/.test(xml)) return null;
  const parameters = new Map<string, AgentParameter>();
  for (const [, head = '', body = ''] of xml.matchAll(/<parameter\b([^>]*)>(.*?)<\/parameter>/gs)) {
    const { name, required, deprecated } = attributes(head);
    if (name === undefined) continue;
    const content = attributes(/<content\b([^>]*)>/.exec(body)?.[1] ?? '');
    const choices = [...body.matchAll(/<option\b([^>]*)>/g)].map(
      ([, option = '']) => attributes(option)['value'] ?? '',
    );
    parameters.set(name, {
      name,
      type: content['type'] ?? 'string',
      required: required === '1',
      deprecated: deprecated === '1',
      default: content['default'] ?? null,
      choices,
    });
  }
  const actions = [...xml.matchAll(/<action\b([^>]*)>/g)].map(([, action = '']) => attributes(action));
  return {
    parameters,
    actions: new Set(actions.flatMap(({ name }) => (name === undefined ? [] : [name]))),
    // "Unfencing" at the start of a node is for agents that take away disks or ports.
    fabric: actions.some((action) => action['automatic'] === '1' || action['on_target'] === '1'),
  };
}

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' };

function attributes(text: string): Record<string, string | undefined> {
  const pairs = text.matchAll(/([\w:-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g);
  return Object.fromEntries(
    [...pairs].map(([, key, double, single]) => [
      key,
      (double ?? single ?? '').replaceAll(/&(lt|gt|quot|apos|amp);/g, (_, name: string) => ENTITIES[name] ?? ''),
    ]),
  );
}

type Value = string | number | boolean | object;

/** One line for each fault, with the parameter that it is about (null: the agent itself). A secret's value is not looked at. */
export function judgeByMetadata(
  agent: string,
  { parameters, actions, fabric }: AgentMetadata,
  given: Readonly<Record<string, Value>>,
): { parameter: string | null; message: string }[] {
  const name = agentName(agent);
  const missing = ['status', 'off', 'on'].filter((action) => !actions.has(action));
  if (missing.length > 0)
    return [{ parameter: null, message: `${name} has no ${missing.join(' nor ')}: it proves nothing` }];
  if (fabric) return [{ parameter: null, message: `${name} is for switches and disks: the machine would stay on` }];
  const wrong: { parameter: string | null; message: string }[] = [];
  for (const [parameter, value] of Object.entries(given)) {
    const known = find(parameters, parameter);
    const why = known ? whyNot(known, value) : `${name} has no such parameter (it has ${offered(parameters)})`;
    if (why) wrong.push({ parameter, message: why });
  }
  const names = new Set(Object.keys(given).map(canonical));
  for (const { name: wanted, required, deprecated } of parameters.values())
    if (required && !deprecated && wanted !== 'action' && !names.has(canonical(wanted)))
      wrong.push({ parameter: wanted, message: `is missing, ${name} requires it` });
  return wrong;
}

export const find = (parameters: AgentMetadata['parameters'], name: string): AgentParameter | undefined =>
  parameters.get(name) ?? parameters.get(name.replaceAll('-', '_')) ?? parameters.get(name.replaceAll('_', '-'));

const offered = (parameters: AgentMetadata['parameters']): string =>
  [...parameters.values()]
    .filter((p) => !p.deprecated && whyRefused(p.name, 'onoff') === null)
    .map((p) => p.name)
    .join(', ');

const YES = /^(1|yes|on|true)$/i;
const NO = /^(0|no|off|false)$/i;

function whyNot({ type, choices }: AgentParameter, value: Value): string | null {
  if (typeof value === 'object') return null;
  const text = String(value);
  if (type === 'boolean') return YES.test(text) || NO.test(text) ? null : 'expected true or false';
  if (type === 'integer') return /^-?\d+$/.test(text) ? null : 'expected a whole number';
  if (type === 'second') return /^\d+(\.\d+)?$/.test(text) ? null : 'expected seconds';
  if (type === 'select' && choices.length > 0)
    return choices.includes(text) ? null : `expected one of ${choices.join(', ')}`;
  return null;
}

/**
 * How a value is written for the agent; null: it is left out. To many agents a switch that is given is a switch that is on,
 * whatever it is set to (`ssl_insecure=0` trusts anybody): so `false` is said only where the default is on.
 */
export function written(parameter: AgentParameter | undefined, value: string | number | boolean): string | null {
  if (parameter?.type !== 'boolean') return String(value);
  if (YES.test(String(value))) return '1';
  return YES.test(parameter.default ?? '') ? '0' : null;
}
