import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { parseTemplate, renderTemplate, type Model } from '../../../activities/notification/template.ts';
import { loadTemplates } from '../../../activities/notification/templates.ts';
import { escapeHtml, shellQuote } from '../../../activities/notification/words.ts';

const render = (source: string, model: Model, partials: Record<string, string> = {}): string =>
  renderTemplate(parseTemplate(source, 't'), model, {
    escape: escapeHtml,
    partial: (name) => parseTemplate(partials[name] ?? '', name),
  });

describe('the language of the templates', () => {
  it('escapes every value', () => {
    assert.equal(render('{{a}}', { a: `<i>&"'` }), '&lt;i&gt;&amp;&quot;&#39;');
  });

  it('repeats a section for each of a list, and looks outwards for what an item does not say', () => {
    const model = { cloud: 'prod', list: [{ n: 'a' }, { n: 'b', cloud: 'other' }] };
    assert.equal(render('{{#list}}{{n}}@{{cloud}} {{/list}}', model), 'a@prod b@other ');
    assert.equal(render('{{#list}}{{.}},{{/list}}', { list: ['x', 'y'] }), 'x,y,');
  });

  it('prints the inverted section where there is nothing', () => {
    for (const a of [null, undefined, false, '', 0, []])
      assert.equal(render('{{#a}}yes{{/a}}{{^a}}no{{/a}}', { a }), 'no');
    for (const a of [true, 'x', 1, [1], {}]) assert.equal(render('{{#a}}yes{{/a}}{{^a}}no{{/a}}', { a }), 'yes');
  });

  it('leaves no empty line where only a section begins or ends', () => {
    assert.equal(render('one\n{{#a}}\ntwo\n{{/a}}\n{{^a}}\nno\n{{/a}}\nthree', { a: true }), 'one\ntwo\nthree');
    assert.equal(render('{{> p}}\nend', { a: 1 }, { p: 'part {{a}}\n' }), 'part 1\nend');
  });

  it('reads nothing but the own properties of the model', () => {
    assert.equal(render('{{constructor}}{{toString}}{{__proto__}}{{#length}}x{{/length}}', { a: 'b' }), '');
  });

  it('names the file of a section that is not closed, closed twice or misspelt', () => {
    assert.throws(() => parseTemplate('{{#a}}x', 'admin.txt'), /template admin\.txt: \{\{#a\}\} is never closed/);
    assert.throws(() => parseTemplate('{{#a}}x{{/b}}', 'admin.txt'), /template admin\.txt: \{\{\/b\}\} closes nothing/);
    assert.throws(() => parseTemplate('x{{/b}}', 'admin.txt'), /closes nothing/);
    assert.throws(
      () => parseTemplate('{{a b}}', 'admin.txt'),
      /template admin\.txt: a tag cannot be read: \{\{a b\}\}/,
    );
  });

  it('ends where a file includes itself', () => {
    assert.throws(() => render('{{> p}}', {}, { p: '{{> p}}' }), /includes? itself/);
  });
});

describe('the quoting of commands', () => {
  it('means one word to a shell, whatever is in it', () => {
    assert.equal(shellQuote('prod/compute-7'), 'prod/compute-7');
    assert.equal(shellQuote(`{"by":"o'neil; $(reboot)"}`), `'{"by":"o'\\''neil; $(reboot)"}'`);
  });
});

describe('own templates', () => {
  let folder: string;
  beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'lifeboat-templates-'))));
  afterEach(() => rm(folder, { recursive: true }));
  const model = { cloud: 'prod', headline: 'all is well', recipient: 'ops' };

  it('replace the shipped file of the same name, and only that one', async () => {
    await writeFile(join(folder, 'admin.txt'), 'Subject: own {{headline}}\n\nOwn text of {{cloud}}.\n');
    const words = loadTemplates(folder).print('alarm', 'admin', model);
    assert.equal(words.subject, 'own all is well');
    assert.equal(words.text, 'Own text of prod.\n');
    assert.equal(words.html, loadTemplates().print('alarm', 'admin', model).html);
  });

  it('may be for one stage only', async () => {
    await writeFile(join(folder, 'admin-alarm.txt'), 'Subject: alarm\n\nAlarm.\n');
    const templates = loadTemplates(folder);
    assert.equal(templates.print('alarm', 'admin', model).subject, 'alarm');
    assert.equal(templates.print('returned', 'admin', model).subject, '[prod] all is well');
  });

  it('are refused at the start, not in an incident', async () => {
    const refuses = async (file: string, text: string, why: RegExp): Promise<void> => {
      await writeFile(join(folder, file), text);
      assert.throws(() => loadTemplates(folder), why);
      await rm(join(folder, file));
    };
    await refuses('user-finnished.txt', 'Subject: x\n\nx', /user-finnished\.txt: nothing uses a file of this name/);
    await refuses('admin.txt', 'no subject', /admin\.txt: its first line is not "Subject: …"/);
    await refuses('head.html', '{{#a}}', /head\.html: \{\{#a\}\} is never closed/);
    assert.throws(() => loadTemplates(join(folder, 'missing')), /missing/);
  });
});
