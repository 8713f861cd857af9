// Every PromQL expression of deploy/, for those who judge it.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';

export const DEPLOY = path.join(import.meta.dirname, '../../deploy');
/** Names of ours, recorded ones (`lifeboat:nodes`), and the SDK's. */
export const METRIC = /\b(?:lifeboat|temporal)[_:]\w+/g;

interface Rule {
  record?: string;
  alert?: string;
  expr: string;
}

interface Dashboard {
  templating: { list: { query: string | { query: string } }[] };
  panels: { title: string; targets: { expr: string }[] }[];
}

export function rules(): Rule[] {
  const text = readFileSync(path.join(DEPLOY, 'prometheus/lifeboat.rules.yml'), 'utf8');
  return (parse(text) as { groups: { rules: Rule[] }[] }).groups.flatMap((group) => group.rules);
}

export const recordedOf = (): Set<string> => new Set(rules().flatMap((rule) => rule.record ?? []));

export function expressionsOf(): { where: string; expr: string }[] {
  const { panels, templating } = JSON.parse(
    readFileSync(path.join(DEPLOY, 'grafana/lifeboat.json'), 'utf8'),
  ) as Dashboard;
  return [
    ...rules().map((rule) => ({ where: rule.record ?? rule.alert ?? '', expr: rule.expr })),
    ...panels.flatMap(({ title, targets }) => targets.map(({ expr }) => ({ where: `panel ${title}`, expr }))),
    ...templating.list.flatMap(({ query }) =>
      typeof query === 'string' ? [] : [{ where: 'variable', expr: query.query }],
    ),
  ];
}
