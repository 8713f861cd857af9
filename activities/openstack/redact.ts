// Takes secrets out of a text, in every form that a library, a service or a shell may have written them in. What leaves a process
// (results and errors into histories, log lines, mails) passes through here before it is shortened: half a password is one, too (S10).

export const GONE = '***';

const PATTERNS: readonly [RegExp, string][] = [
  // scheme://user:password@host; a name alone goes too, some APIs take a key in its place
  [/(\/\/|\\\/\\\/)[^/\\\s@]+@/g, `$1${GONE}@`],
  // Keystone's Fernet tokens, JSON web tokens, private keys
  [/gAAAA[A-Za-z0-9_=-]{16,}/g, GONE],
  [/eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*/g, GONE],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*PRIVATE KEY-----|$)/g, GONE],
  [/\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}/gi, `$1 ${GONE}`],
  [/\b(X-(?:Auth|Subject)-Token["']?\s*[:=]\s*["']?)[^\s"',}]+/gi, `$1${GONE}`],
  // password=…, "password": "…"; the word may be the end of a longer one (OS_PASSWORD=…), the quote may never be closed
  [
    /((?:passw(?:or)?d|secret|api[_-]?key|token)["']?\s*=\s*)("(?:[^"\\\n]|\\.)*"?|'[^'\n]*'?|[^\s"',;}&]+)/gi,
    `$1${GONE}`,
  ],
  [
    /((?:passw(?:or)?d|secret|api[_-]?key|token)\\?["']?\s*:\s*)(\\?"(?:[^"\\\n]|\\[^"])*\\?"?|'[^'\n]*'?)/gi,
    `$1${GONE}`,
  ],
];

/** The text without these secrets, credentials in URLs and strings that look like a token or a key. */
export function redact(text: string, secrets: Iterable<string> = []): string {
  return redactBy(expressionOf(secrets), text);
}

/** The same for an expression that was made before. */
export function redactBy(expression: RegExp | null, text: string): string {
  let clean = expression ? text.replace(expression, GONE) : text;
  for (const [pattern, replacement] of PATTERNS) clean = clean.replace(pattern, replacement);
  return clean;
}

/** One expression for all secrets in all their forms, the longest first; null when there are none. */
export function expressionOf(secrets: Iterable<string>): RegExp | null {
  const longestFirst = [...new Set(secrets)].filter((s) => s !== '').sort((a, b) => b.length - a.length);
  const forms = longestFirst.flatMap(formsOf);
  return forms.length > 0 ? new RegExp([...new Set(forms)].join('|'), 'g') : null;
}

/** As expressions: escaped character by character, hex and base64 (wherever it stands inside a longer encoded text). */
function formsOf(secret: string): string[] {
  // Very short ones would mangle every text: only where they stand alone.
  if (secret.length < 4) return [`(?<![A-Za-z0-9])${escape(secret)}(?![A-Za-z0-9])`];
  const inJson = JSON.stringify(secret).slice(1, -1);
  const encoded = [...new Set([secret, inJson, encodeURIComponent(toWellFormed(secret))])].map((s) => Buffer.from(s));
  return [
    Array.from(secret, formsOfCharacter).join(''),
    ...encoded.filter((bytes) => bytes.length >= 4).map((bytes) => anyCase(bytes.toString('hex'))),
    ...encoded.flatMap(base64Forms),
  ];
}

const NAMED: Record<string, string> = { '&': 'amp', '<': 'lt', '>': 'gt', '"': 'quot', "'": 'apos', ' ': 'nbsp' };
const SHORT: Record<string, string> = { '\n': 'n', '\r': 'r', '\t': 't', '\b': 'b', '\f': 'f' };

/** One character as it is, in a URL or a form, in JSON, in HTML, or behind the backslash of a shell. */
function formsOfCharacter(c: string): string {
  const forms = [escape(c), percent(c)];
  if (!/[A-Za-z0-9]/.test(c)) {
    const code = c.codePointAt(0)!;
    forms.push(unicode(c), `&#0*${code};`, `&#[xX]0*${anyCase(code.toString(16))};`);
    if (c.length === 1 && code > 32 && code < 127) forms.push(`\\\\+${escape(c)}`);
    if (c === ' ') forms.push('\\+');
    if (NAMED[c]) forms.push(`&${NAMED[c]};`);
    if (SHORT[c]) forms.push(`\\\\${SHORT[c]}`);
  }
  return `(?:${forms.join('|')})`;
}

const percent = (c: string): string =>
  [...Buffer.from(c)].map((b) => `%${anyCase(b.toString(16).padStart(2, '0'))}`).join('');

/** As Python and Go write it in JSON: in UTF-16. */
const unicode = (c: string): string =>
  Array.from({ length: c.length }, (_, i) => `\\\\u${anyCase(c.charCodeAt(i).toString(16).padStart(4, '0'))}`).join('');

/** A text is encoded in groups of three bytes, so a secret inside a longer text has one of three spellings. */
function base64Forms(bytes: Buffer): string[] {
  const forms: string[] = [];
  for (const offset of [0, 1, 2]) {
    const text = Buffer.concat([Buffer.alloc(offset), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    // Only characters that are made of the secret's bits alone.
    const core = text.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.length) * 8) / 6));
    // In a URL its own signs are escaped or others.
    if (core.length >= 5) forms.push(core.replace(/\+/g, '(?:[+-]|%2[Bb])').replace(/\//g, '(?:[/_]|%2[Ff])'));
  }
  return forms;
}

/** Half a surrogate pair cannot be encoded. */
const toWellFormed = (text: string): string => Buffer.from(text).toString();

function escape(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

function anyCase(hex: string): string {
  return hex.replace(/[a-f]/gi, (c) => `[${c.toLowerCase()}${c.toUpperCase()}]`);
}
