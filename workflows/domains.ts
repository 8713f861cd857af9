// Failure domains: what shares a rack, a zone or a power feed fails together, and a fault of what it shares is not one of the nodes. Pure.
import type { FailureDomain, Policy } from './defaults.ts';
import type { NodeView } from './domain.ts';
import { matches } from './verdicts.ts';

/** A domain with more nodes down than it may have. */
export interface Overfull {
  name: string;
  nodes: number;
  down: string[];
  most: number;
}

interface Domain {
  name: string;
  hosts: string[];
}

/** Does any limit need to know the host aggregates? */
export const needsAggregates = ({ limits }: Pick<Policy, 'limits'>): boolean =>
  limits.domains?.some((d) => 'aggregates' in d) ?? false;

/** `down`: failed, silent or off by us. `aggregates`: name → hosts. Those within their limit are left out. */
export function overfullDomains(
  { limits }: Pick<Policy, 'limits'>,
  nodes: readonly Pick<NodeView, 'host' | 'zone'>[],
  down: ReadonlySet<string>,
  aggregates: Readonly<Record<string, readonly string[]>> = {},
): Overfull[] {
  return (limits.domains ?? []).flatMap((rule) =>
    domainsOf(rule, nodes, aggregates).flatMap(({ name, hosts }) => {
      const most = mostOf(rule, hosts.length);
      const here = hosts.filter((host) => down.has(host));
      return here.length > most ? [{ name, nodes: hosts.length, down: here, most }] : [];
    }),
  );
}

function domainsOf(
  rule: FailureDomain,
  nodes: readonly Pick<NodeView, 'host' | 'zone'>[],
  aggregates: Readonly<Record<string, readonly string[]>>,
): Domain[] {
  const hosts = nodes.map((n) => n.host);
  if ('nodes' in rule) return [{ name: rule.name, hosts: hosts.filter((h) => matches(rule.nodes, h)) }];
  if ('zones' in rule) {
    const zones = [...new Set(nodes.map((n) => n.zone))].filter((z) => matches(rule.zones, z));
    return zones.map((z) => ({ name: `zone ${z}`, hosts: nodes.filter((n) => n.zone === z).map((n) => n.host) }));
  }
  return Object.entries(aggregates)
    .filter(([name]) => matches(rule.aggregates, name))
    .map(([name, of]) => ({ name: `aggregate ${name}`, hosts: hosts.filter((h) => of.includes(h)) }));
}

/** One node of a domain may always fail. */
const mostOf = ({ most, share }: FailureDomain, nodes: number): number =>
  Math.max(1, Math.min(most ?? Infinity, share === undefined ? Infinity : Math.floor(share * nodes)));
