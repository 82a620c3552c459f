/** Addresses as text and back. RFC 4291 and RFC 5952 for IPv6. */

const OCTETS = Array.from({ length: 256 }, (_, octet) => String(octet));
const HEX = Array.from({ length: 256 }, (_, octet) => octet.toString(16).padStart(2, '0'));

/**
 * Texts of addresses that were seen twice lately: tables name the same gateways thousands of times. One that is seen
 * once leaves only its number, since a text that is kept here would outlive its garbage collection.
 */
const SLOTS = 1024;
const seenKeys = new Uint32Array(SLOTS);
const seenTexts: string[] = Array.from({ length: SLOTS }, () => '');

let prefixKey = -1;
let prefixText = '';

export function formatIpv4(bytes: Uint8Array, at: number): string {
  return formatIpv4Word(
    (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24),
  );
}

/** The address whose bytes are those of a little-endian word. */
export function formatIpv4Word(word: number): string {
  const key = word >>> 0;
  const slot = (key ^ (key >>> 10) ^ (key >>> 22)) & (SLOTS - 1);
  const again = seenKeys[slot] === key;
  if (again) {
    const seen = seenTexts[slot] as string;
    if (seen !== '') return seen;
  } else {
    seenKeys[slot] = key;
    if (seenTexts[slot] !== '') seenTexts[slot] = '';
  }
  const prefix = key & 0xffffff;
  if (prefix !== prefixKey) {
    prefixKey = prefix;
    prefixText = `${prefix & 0xff}.${(prefix >>> 8) & 0xff}.${prefix >>> 16}.`;
  }
  const text = prefixText + (OCTETS[key >>> 24] as string);
  if (again) seenTexts[slot] = text;
  return text;
}

export function formatIpv6(bytes: Uint8Array, at: number): string {
  let bestStart = -1;
  let bestLength = 1;
  let start = -1;
  for (let group = 0; group <= 8; group++) {
    const zero = group < 8 && bytes[at + group * 2] === 0 && bytes[at + group * 2 + 1] === 0;
    if (zero) {
      if (start < 0) start = group;
    } else if (start >= 0) {
      if (group - start > bestLength) {
        bestStart = start;
        bestLength = group - start;
      }
      start = -1;
    }
  }
  // ::ffff:a.b.c.d, as inet_ntop and RFC 5952 section 5 write mapped addresses
  if (bestStart === 0 && bestLength === 5 && bytes[at + 10] === 0xff && bytes[at + 11] === 0xff) {
    return `::ffff:${bytes[at + 12]}.${bytes[at + 13]}.${bytes[at + 14]}.${bytes[at + 15]}`;
  }
  let text = '';
  for (let group = 0; group < 8; group++) {
    if (group === bestStart) {
      text += '::';
      group += bestLength - 1;
      continue;
    }
    if (text !== '' && !text.endsWith(':')) text += ':';
    text += (((bytes[at + group * 2] as number) << 8) | (bytes[at + group * 2 + 1] as number)).toString(16);
  }
  return text;
}

export function formatMac(bytes: Uint8Array, at: number, length: number): string {
  if (length === 0) return '';
  let text = HEX[bytes[at] as number] as string;
  for (let i = 1; i < length; i++) text += `:${HEX[bytes[at + i] as number]}`;
  return text;
}

/** Hexadecimal digits, two a byte. */
export function formatHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += HEX[byte];
  return text;
}

/** An IPv4 address as a little-endian word of its bytes, 0 to 2^32 - 1; -1 when the text is none. */
export function parseIpv4(text: string): number {
  let word = 0;
  let shift = 0;
  let octet = -1;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit >= 0 && digit <= 9) {
      if (octet === 0) return -1;
      octet = octet < 0 ? digit : octet * 10 + digit;
      if (octet > 255) return -1;
    } else {
      if (digit !== -2 || octet < 0 || shift === 24) return -1;
      word |= octet << shift;
      shift += 8;
      octet = -1;
    }
  }
  return octet < 0 || shift !== 24 ? -1 : (word | (octet << 24)) >>> 0;
}

function parseIpv4Into(text: string, out: Uint8Array, at: number): boolean {
  const word = parseIpv4(text);
  if (word < 0) return false;
  for (let i = 0; i < 4; i++) out[at + i] = word >>> (8 * i);
  return true;
}

function parseIpv6(text: string): Uint8Array | undefined {
  const out = new Uint8Array(16);
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const read = (half: string): number[] | undefined => {
    if (half === '') return [];
    const bytes: number[] = [];
    const groups = half.split(':');
    for (let i = 0; i < groups.length; i++) {
      const group = groups[i] as string;
      if (i === groups.length - 1 && group.includes('.')) {
        const quad = new Uint8Array(4);
        if (!parseIpv4Into(group, quad, 0)) return undefined;
        bytes.push(...quad);
      } else {
        if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return undefined;
        const number = Number.parseInt(group, 16);
        bytes.push(number >> 8, number & 0xff);
      }
    }
    return bytes;
  };
  const front = read(halves[0] as string);
  const back = halves.length === 2 ? read(halves[1] as string) : [];
  if (front === undefined || back === undefined) return undefined;
  if (halves.length === 1 ? front.length !== 16 : front.length + back.length > 14) return undefined;
  out.set(front);
  out.set(back, 16 - back.length);
  return out;
}

/** 4 or 16 bytes of an address given as text; `undefined` when it is none. */
export function parseIp(text: string): Uint8Array | undefined {
  if (text.includes(':')) return parseIpv6(text);
  const out = new Uint8Array(4);
  return parseIpv4Into(text, out, 0) ? out : undefined;
}

/** The bytes of colon-separated hexadecimal; `undefined` when it is none. */
export function parseMac(text: string): Uint8Array | undefined {
  if (text === '') return new Uint8Array(0);
  const parts = text.split(/[:-]/);
  if (!parts.every((part) => /^[0-9a-fA-F]{1,2}$/.test(part))) return undefined;
  return Uint8Array.from(parts, (part) => Number.parseInt(part, 16));
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Has a text characters of ASCII only, and no NUL? Such texts are short here, and a call of the encoder takes longer. */
export function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const character = text.charCodeAt(i);
    if (character === 0 || character > 126) return false;
  }
  return true;
}

/** A text as UTF-8. */
export function utf8Of(text: string): Uint8Array {
  if (!isAscii(text)) return encoder.encode(text);
  const out = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) out[i] = text.charCodeAt(i);
  return out;
}

/** The text of UTF-8 bytes. */
export function textOf(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) {
    if (byte > 126 || byte === 0) return decoder.decode(bytes);
    text += String.fromCharCode(byte);
  }
  return text;
}
