// The pages: one a message, and an index. Each needs nothing else, loads nothing, and runs no script.
import { nameOf } from '../../activities/notification/routing.ts';
import { escapeHtml as e } from '../../activities/notification/words.ts';
import type { Sent } from './compose.ts';
import { lookOf } from './looks.ts';
import { STYLE } from './style.ts';

export interface Page {
  file: string;
  content: string;
}

/** All files of the folder. */
export function pagesOf(cloud: string, sent: readonly Sent[]): Page[] {
  return [{ file: 'index.html', content: indexOf(cloud, sent) }, ...sent.flatMap(filesOf)];
}

function filesOf(one: Sent): Page[] {
  const { file, message, preview } = one;
  const raw: Page[] =
    preview.kind === 'mail'
      ? [
          { file: `${file}.mail.html`, content: preview.body },
          { file: `${file}.txt`, content: message.text },
          ...(message.attachments ?? []).map((a) => ({ file: `${file}.${a.name}`, content: a.content })),
        ]
      : [{ file: `${file}.${preview.kind === 'json' ? 'json' : 'txt'}`, content: pretty(preview.body) }];
  return [{ file: `${file}.html`, content: pageOf(one, raw) }, ...raw];
}

function pageOf({ scene, channel, recipient, message, preview }: Sent, raw: readonly Page[]): string {
  const head = preview.head.map(([k, v]) => `<tr><th>${e(k)}</th><td>${e(v)}</td></tr>`).join('');
  const links = raw.map((p) => `<a href="${e(encodeURI(p.file))}">${e(p.file)}</a>`).join(' · ');
  const who = channel.room ? 'a room' : recipient.audience === 'admin' ? 'an admin' : `${recipient.name}, a tenant`;
  const look = preview.kind === 'json' ? lookOf(channel.driver, preview.body) : null;
  const shown =
    preview.kind === 'mail'
      ? `<h2>The mail</h2><iframe sandbox title="the mail" srcdoc="${e(preview.body)}"></iframe>
<h2>Its text, for those who read no HTML</h2><pre>${e(message.text)}</pre>`
      : `${look === null ? '' : `<h2>Roughly as it is shown there</h2>${look}`}<h2>What is sent</h2><pre>${e(readable(preview.body))}</pre>`;
  return page(
    `${scene.title}, by ${nameOf(channel)}`,
    `<p class="crumb"><a href="index.html">All messages</a></p>
<h1>${e(scene.title)}</h1>
<p class="quiet">By <b>${e(nameOf(channel))}</b>${nameOf(channel) === channel.driver ? '' : ` (${e(channel.driver)})`}, to ${e(who)}. Made-up data; nothing was sent. Files: ${links}</p>
<table class="head">${head}</table>
${shown}`,
  );
}

function indexOf(cloud: string, sent: readonly Sent[]): string {
  const columns = [...new Set(sent.map((s) => nameOf(s.channel)))];
  const rows = [...new Map(sent.map((s) => [s.scene.id, s.scene])).values()].map((scene) => {
    const cells = columns.map((name) => {
      const here = sent.filter((s) => s.scene.id === scene.id && nameOf(s.channel) === name);
      return `<td>${here.map(linkTo).join('') || '<span class="quiet">nothing</span>'}</td>`;
    });
    return `<tr><th>${e(scene.title)}</th>${cells.join('')}</tr>`;
  });
  const drivers = new Map(sent.map((s) => [nameOf(s.channel), s.channel.driver]));
  const heads = columns.map((name) => {
    const driver = drivers.get(name);
    return `<th>${e(name)}${driver === name ? '' : `<br><small>${e(driver ?? '')}</small>`}</th>`;
  });
  return page(
    `What Lifeboat of ${cloud} would send`,
    `<h1>What Lifeboat of ${e(cloud)} would send</h1>
<p class="quiet">${sent.length} messages of a made-up incident by ${columns.length} channels, made by the configuration and the templates as they are.
Nothing was sent, nothing was connected to.</p>
<div class="wide"><table class="index"><tr><th></th>${heads.join('')}</tr>
${rows.join('\n')}
</table></div>`,
  );
}

function linkTo({ file, channel, recipient, message }: Sent): string {
  const who = channel.room ? 'the message' : recipient.audience === 'admin' ? 'to an admin' : `to ${recipient.name}`;
  return `<a class="one" href="${e(encodeURI(`${file}.html`))}"><b>${e(who)}</b><br><small>${e(message.subject)}</small></a>`;
}

const page = (title: string, body: string): string => `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="script-src 'none'; connect-src 'none'; img-src 'none'">
<title>${e(title)}</title>
<style>${STYLE}</style></head>
<body><main>
${body}
</main></body>
</html>
`;

function pretty(body: string): string {
  try {
    return `${JSON.stringify(JSON.parse(body), null, 2)}\n`;
  } catch {
    return body;
  }
}

/** On a page the mail's HTML inside a JSON document is in the way; the file beside it has all. */
const readable = (body: string): string =>
  pretty(body).replace(/^(\s*"(?:html|content)": ")(.{200}).*?(",?)$/gm, '$1$2 … (the file has all of it)$3');
