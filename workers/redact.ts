// What leaves a worker (errors into histories, log lines) goes through here first: no password, token or key in either (S10).

export interface Redactor {
  /** From now on this value is removed in every form that a library may write it in. Idempotent. */
  know(secret: string): void;
  /** The text without known secrets, URL credentials and strings that look like tokens. */
  redact(text: string): string;
  /** The same for every string of a value that can be written as JSON. Keys that name a secret lose their value. */
  redactValue(value: unknown): unknown;
}

const GONE = '***';

const PATTERNS: [RegExp, string][] = [
  // scheme://user:password@host
  [/([a-z][a-z0-9+.-]*:\/\/)[^\s/@:]*:[^\s/@]*@/gi, `$1${GONE}@`],
  // Keystone's Fernet tokens, JSON web tokens, private keys
  [/gAAAA[A-Za-z0-9_-]{20,}={0,2}/g, GONE],
  [/eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*/g, GONE],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*PRIVATE KEY-----|$)/g, GONE],
  [/\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}/gi, `$1 ${GONE}`],
  [/\b(X-(?:Auth|Subject)-Token["']?\s*[:=]\s*["']?)[^\s"',}]+/gi, `$1${GONE}`],
  // password=…, "password": "…"; the word may be the end of a longer one (OS_PASSWORD=…)
  [/((?:passw(?:or)?d|secret|api[_-]?key|token)["']?\s*=\s*)("(?:[^"\\]|\\.)*"|'[^']*'|[^\s"',;}&]+)/gi, `$1${GONE}`],
  [/((?:passw(?:or)?d|secret|api[_-]?key|token)\\?["']?\s*:\s*)(\\?"(?:[^"\\]|\\.)*"|'[^']*')/gi, `$1${GONE}`],
];

const SECRET_KEY = /passw(or)?d|secret|token|api_?key|private_?key|credential/i;

export function createRedactor(): Redactor {
  const known = new Set<string>();
  let expression: RegExp | null = null;

  const redact = (text: string): string => {
    expression ??= anyOf(known);
    let clean = expression ? text.replace(expression, GONE) : text;
    for (const [pattern, replacement] of PATTERNS) clean = clean.replace(pattern, replacement);
    return clean;
  };
  const redactValue = (value: unknown): unknown => {
    if (typeof value === 'string') return redact(value);
    if (Array.isArray(value)) return value.map(redactValue);
    if (typeof value === 'bigint') return value.toString();
    if (value instanceof Error) return redact(`${value.name}: ${value.message}`);
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value).map(([key, inner]) => [
      key,
      SECRET_KEY.test(key) && typeof inner === 'string' ? GONE : redactValue(inner),
    ]);
    return Object.fromEntries(entries);
  };
  return {
    know(secret) {
      if (secret === '' || known.has(secret)) return;
      known.add(secret);
      expression = null;
    },
    redact,
    redactValue,
  };
}

/** One expression for all known secrets in all their forms, the longest first; null when there are none. */
function anyOf(secrets: ReadonlySet<string>): RegExp | null {
  const forms = [...secrets].flatMap(formsOf).sort((a, b) => b.length - a.length);
  return forms.length > 0 ? new RegExp([...new Set(forms)].join('|'), 'g') : null;
}

/** As expressions: plain, JSON, URL-encoded, hex and base64 (wherever it stands inside a longer encoded text). */
function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret);
  // Very short ones would mangle every text: only where they stand alone.
  if (secret.length < 4) return [`(?<![A-Za-z0-9])${escape(secret)}(?![A-Za-z0-9])`];
  const percent = encodeURIComponent(secret);
  const strict = percent.replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  const everyByte = [...bytes].map((b) => `%${b.toString(16).padStart(2, '0').toUpperCase()}`).join('');
  const plain = [
    secret,
    JSON.stringify(secret).slice(1, -1),
    percent,
    strict,
    strict.replaceAll('%20', '+'),
    everyByte,
  ];
  const html = secret
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
  return [...new Set([...plain, html])]
    .map((form) => escape(form).replace(/%([0-9A-F]{2})/g, (_, hex: string) => `%${anyCase(hex)}`))
    .concat(bytes.length >= 4 ? [anyCase(bytes.toString('hex'))] : [], base64Forms(bytes));
}

/** A text is encoded in groups of three bytes, so a secret inside a longer text has one of three spellings. */
function base64Forms(bytes: Buffer): string[] {
  const forms: string[] = [];
  for (const offset of [0, 1, 2]) {
    const text = Buffer.concat([Buffer.alloc(offset), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    // Only characters that are made of the secret's bits alone.
    const core = text.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.length) * 8) / 6));
    if (core.length >= 5) forms.push(escape(core).replace(/\\\+/g, '[+-]').replace(/\//g, '[/_]'));
  }
  return forms;
}

function escape(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

function anyCase(hex: string): string {
  return hex.replace(/[a-f]/gi, (c) => `[${c.toLowerCase()}${c.toUpperCase()}]`);
}
