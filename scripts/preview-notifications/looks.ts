// Roughly as Slack, Teams and PagerDuty show what they are sent: from the payload alone, so that what is missing there is missing here.
import { escapeHtml as e } from '../../activities/notification/words.ts';

type Json = null | string | number | boolean | Json[] | { [key: string]: Json };

const get = (value: Json | undefined, ...path: (string | number)[]): Json | undefined => {
  let at: Json | undefined = value;
  for (const key of path)
    at = typeof at === 'object' && at !== null ? (at as Record<string | number, Json>)[key] : undefined;
  return at;
};
const text = (value: Json | undefined, ...path: (string | number)[]): string => {
  const found = get(value, ...path);
  return typeof found === 'string' || typeof found === 'number' ? String(found) : '';
};
const list = (value: Json | undefined, ...path: (string | number)[]): Json[] => {
  const found = get(value, ...path);
  return Array.isArray(found) ? found : [];
};

/** Null: this driver's payload has no look of its own. */
export function lookOf(driver: string, body: string): string | null {
  const look = { slack: slackLook, teams: teamsLook, pagerduty: pagerLook }[driver];
  return look ? look(JSON.parse(body) as Json) : null;
}

const EMOJI: Record<string, string> = { rotating_light: '🚨', large_orange_circle: '🟠', white_check_mark: '✅' };

function slackLook(payload: Json): string {
  const inside = list(payload, 'blocks').map((block) => {
    if (text(block, 'type') !== 'header') return list(block, 'elements').map(richElement).join('');
    const shown = text(block, 'text', 'text').replace(/:(\w+):/g, (whole, name: string) => EMOJI[name] ?? whole);
    return `<h3>${e(shown)}</h3>`;
  });
  return `<div class="chat slack"><div class="who"><b>Lifeboat</b> <small>APP</small></div>${inside.join('')}</div>`;
}

function richElement(element: Json): string {
  const runs = list(element, 'elements').map(richRun).join('');
  switch (text(element, 'type')) {
    case 'rich_text_preformatted':
      return `<pre>${runs}</pre>`;
    case 'rich_text_list':
      return `<ul>${list(element, 'elements')
        .map((item) => `<li>${list(item, 'elements').map(richRun).join('')}</li>`)
        .join('')}</ul>`;
    default:
      return `<p>${runs}</p>`;
  }
}

function richRun(run: Json): string {
  const shown = e(text(run, 'text'));
  if (text(run, 'type') === 'link') return `<a href="${e(text(run, 'url'))}">${shown}</a>`;
  return get(run, 'style', 'bold') === true ? `<b>${shown}</b>` : shown;
}

function teamsLook(payload: Json): string {
  const card = get(payload, 'attachments', 0, 'content');
  const actions = list(card, 'actions').map(
    (a) => `<a class="button" href="${e(text(a, 'url'))}">${e(text(a, 'title'))}</a>`,
  );
  return `<div class="chat teams">${list(card, 'body').map(cardElement).join('')}${actions.join('')}</div>`;
}

function cardElement(element: Json): string {
  if (text(element, 'type') === 'Container')
    return `<div class="box ${e(text(element, 'style'))}">${list(element, 'items').map(cardElement).join('')}</div>`;
  const runs = list(element, 'inlines').map((run) => {
    const classes = [
      ...(text(run, 'weight') === 'Bolder' ? ['bold'] : []),
      ...(text(run, 'fontType') === 'Monospace' ? ['mono'] : []),
      ...(text(run, 'size') === 'Large' ? ['large'] : []),
      ...(get(run, 'isSubtle') === true ? ['quiet'] : []),
    ];
    return `<span class="${classes.join(' ')}">${e(text(run, 'text'))}</span>`;
  });
  return `<p class="${text(element, 'spacing') === 'Medium' ? 'apart' : ''}">${runs.join('')}</p>`;
}

function pagerLook(payload: Json): string {
  const action = text(payload, 'event_action');
  const severity = text(payload, 'payload', 'severity');
  const details = get(payload, 'payload', 'custom_details');
  const rows = Object.entries((details ?? {}) as Record<string, Json>)
    .filter(([key]) => key !== 'id')
    .map(([key, value]) => `<tr><th>${e(key)}</th><td>${detail(value)}</td></tr>`);
  const resolved =
    '<p class="quiet">A resolve closes the incident of this key; PagerDuty shows nothing else of it.</p>';
  return `<div class="chat pager"><div class="who"><span class="pill ${e(action)}">${e(action)}</span>${
    action === 'trigger' ? ` <span class="pill">${e(severity)}</span>` : ''
  } <small>${e(text(payload, 'dedup_key'))}</small></div><h3>${e(text(payload, 'payload', 'summary'))}</h3>${
    action === 'resolve' ? resolved : `<table>${rows.join('')}</table>`
  }</div>`;
}

function detail(value: Json): string {
  if (Array.isArray(value)) return `<ul>${value.map((v) => `<li>${detail(v)}</li>`).join('')}</ul>`;
  if (typeof value === 'object' && value !== null)
    return `<table>${Object.entries(value)
      .map(([k, v]) => `<tr><th>${e(k)}</th><td>${detail(v)}</td></tr>`)
      .join('')}</table>`;
  const shown = String(value);
  return shown.includes('\n') ? `<pre>${e(shown)}</pre>` : e(shown);
}
