// Mail addresses come from people: from a configuration, and from whatever somebody typed into Keystone.

const PART = '[^\\s<>()\\[\\]\\\\,;:"@\\p{C}]+';
const ADDRESS = new RegExp(`^${PART}@${PART}$`, 'u');

/**
 * The address, trimmed, or null where it cannot be used. Stricter than RFC 5322: no quotes, lists, comments or control
 * characters, since each of them could smuggle in a second recipient.
 */
export function usableAddress(text: string | null | undefined): string | null {
  const address = text?.trim() ?? '';
  return address.length <= 254 && ADDRESS.test(address) ? address : null;
}
