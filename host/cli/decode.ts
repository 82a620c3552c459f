import { readFileSync } from 'node:fs';
import type { DecodedMessage } from '../codec/block.js';
import { decode, errnoCode, errnoMeaning, register } from '../codec.js';
import { NetloomError } from '../netlink/errors.js';
import type { Protocol } from '../schema/definition.js';
import { families } from '../schema/families.js';

/** One datagram, and what it was sent over. */
export interface Captured {
  readonly protocol: Protocol;
  readonly bytes: Uint8Array;
}

const protocols: Readonly<Record<number, Protocol>> = { 0: 'route', 12: 'netfilter', 16: 'generic' };

const PCAP_HEADER = 24;
const PACKET_HEADER = 16;
const COOKED_HEADER = 16;
/** LINKTYPE_NETLINK, tcpdump.org/linktypes.html */
const LINKTYPE_NETLINK = 253;
const magic = { 2712847316: true, 2712812621: true } as Record<number, boolean>;

/** Datagrams of a capture of an nlmon device. Throws NetloomError `ERR_UNREADABLE_CAPTURE`. */
export function readPcap(file: Uint8Array): Captured[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const little = magic[view.getUint32(0, true)] === true;
  const type = view.getUint32(20, little) & 0xffff;
  if (type !== LINKTYPE_NETLINK) {
    throw new NetloomError(
      'ERR_UNREADABLE_CAPTURE',
      `the capture's link type is ${type}: expected ${LINKTYPE_NETLINK}, that of an nlmon device`,
    );
  }
  const found: Captured[] = [];
  for (let at = PCAP_HEADER; at + PACKET_HEADER <= file.length; ) {
    const length = view.getUint32(at + 8, little);
    const start = at + PACKET_HEADER;
    at = start + length;
    if (at > file.length) {
      throw new NetloomError(
        'ERR_UNREADABLE_CAPTURE',
        `the capture ends in the middle of packet ${found.length + 1}`,
      );
    }
    if (length < COOKED_HEADER) continue;
    // the cooked header's last two bytes are the netlink protocol, in network byte order
    const protocol = protocols[view.getUint16(start + 14, false)];
    if (protocol !== undefined) found.push({ protocol, bytes: file.subarray(start + COOKED_HEADER, at) });
  }
  return found;
}

function isPcap(bytes: Uint8Array): boolean {
  if (bytes.length < PCAP_HEADER) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return magic[view.getUint32(0, true)] === true || magic[view.getUint32(0, false)] === true;
}

/** Hexadecimal digits in any grouping, with or without `0x`, offsets of a hex dump left out. */
function parseHex(text: string): Uint8Array | undefined {
  const lines = text.split('\n').map((line) =>
    line
      .replace(/^\s*(0x)?[0-9a-fA-F]+:\s+/, '')
      .replace(/\|.*\|\s*$/, '')
      .replaceAll(/\\x|0x|[\s,:]/g, ''),
  );
  const digits = lines.join('');
  if (digits === '' || digits.length % 2 !== 0 || !/^[0-9a-fA-F]+$/.test(digits)) return undefined;
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** Reads what a file holds: a capture, hexadecimal text, or messages as they are. */
export function readCaptured(content: Uint8Array, protocol: Protocol): Captured[] {
  if (isPcap(content)) return readPcap(content);
  const text = content.every(
    (byte) => byte < 0x7f && (byte >= 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09),
  );
  const bytes = text ? parseHex(new TextDecoder().decode(content)) : content;
  if (bytes === undefined) {
    throw new NetloomError('ERR_UNREADABLE_CAPTURE', 'the input is text, but no hexadecimal digits');
  }
  return [{ protocol, bytes }];
}

/** The controller's messages tell the numbers of the families that come later in a capture. */
function learn(message: DecodedMessage): void {
  const { familyName, familyId } = message.attributes as { familyName?: string; familyId?: number };
  if (familyName === undefined || familyId === undefined) return;
  const family = families.generic.find(({ name }) => name === familyName);
  if (family !== undefined && family.name !== 'nlctrl') register(family, familyId);
}

/** Every message of the captured datagrams. */
export function decodeCaptured(captured: readonly Captured[]): DecodedMessage[] {
  return captured.flatMap(({ protocol, bytes }) => {
    const messages = decode(protocol, bytes);
    if (protocol === 'generic') messages.forEach(learn);
    return messages;
  });
}

/** Bytes as hexadecimal, bigints as numbers in text, so that JSON can hold them. */
export function jsonValue(_key: string, value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  return typeof value === 'bigint' ? value.toString() : value;
}

type FlagNames = readonly (readonly [number, string])[];

const flagNames: FlagNames = [
  [0x1, 'request'],
  [0x2, 'multi'],
  [0x4, 'ack'],
  [0x8, 'echo'],
  [0x10, 'dump-intr'],
  [0x20, 'dump-filtered'],
];

/** From 0x100 on flags mean different things by the kind of message. linux/netlink.h */
const modifiers: readonly [kind: RegExp, FlagNames][] = [
  [
    /^get/,
    [
      [0x300, 'dump'],
      [0x100, 'root'],
      [0x200, 'match'],
      [0x400, 'atomic'],
    ],
  ],
  [
    /^(new|set|add)/,
    [
      [0x100, 'replace'],
      [0x200, 'excl'],
      [0x400, 'create'],
      [0x800, 'append'],
    ],
  ],
  [
    /^del/,
    [
      [0x100, 'nonrec'],
      [0x200, 'bulk'],
    ],
  ],
  [
    /^(error|done)$/,
    [
      [0x100, 'capped'],
      [0x200, 'ack-tlvs'],
    ],
  ],
];

/** nlmsg_flags by name, and as a number what has no name for such a message. */
export function flagText(message: string, flags: number): string {
  const own = modifiers.find(([kind]) => kind.test(message))?.[1] ?? [];
  const found: string[] = [];
  let rest = flags;
  for (const [bits, name] of [...flagNames, ...own]) {
    if ((rest & bits) !== bits) continue;
    found.push(name);
    rest &= ~bits;
  }
  if (rest !== 0) found.push(`0x${rest.toString(16)}`);
  return found.join('|') || '0';
}

function lines(value: unknown, indent: string): string[] {
  if (value instanceof Uint8Array) return [Buffer.from(value).toString('hex') || '(empty)'];
  if (typeof value !== 'object' || value === null)
    return [typeof value === 'string' ? JSON.stringify(value) : String(value)];
  const entries = Array.isArray(value)
    ? value.map((item: unknown, i): [string, unknown] => [`[${i}]`, item])
    : Object.entries(value);
  if (Array.isArray(value) && value.every((item) => typeof item !== 'object'))
    return [`[${value.map(String).join(', ')}]`];
  const out: string[] = [''];
  for (const [key, item] of entries) {
    const [first = '', ...rest] = lines(item, `${indent}  `);
    out.push(`${indent}  ${key}${first === '' ? '' : ` ${first}`}`, ...rest);
  }
  return out;
}

/** A message as text: a line of its own, then its header and attributes by name. */
export function messageText(message: DecodedMessage): string {
  const { name, type, flags, seq, pid, header, attributes, raw, truncated } = message;
  const title = `${name} type ${type} flags ${flagText(name, flags)} seq ${seq} pid ${pid}${truncated ? ' TRUNCATED' : ''}`;
  const error = typeof header.error === 'number' && header.error < 0 ? -header.error : undefined;
  const out = [error === undefined ? title : `${title}: ${errnoCode(error)} ${errnoMeaning(error)}`];
  if (Object.keys(header).length > 0) out.push(`  header${lines(header, '  ').join('\n')}`);
  if (Object.keys(attributes).length > 0) out.push(`  attributes${lines(attributes, '  ').join('\n')}`);
  if (raw !== undefined) out.push(`  raw ${Buffer.from(raw).toString('hex')}`);
  return out.join('\n');
}

export interface DecodeOptions {
  /** What messages without a capture's header were sent over. */
  readonly protocol?: Protocol;
  readonly json?: boolean;
}

/** `netloom decode`: the text of every message in a file, or on stdin where the file is `-`. */
export function decodeFile(file: string, { protocol = 'route', json = false }: DecodeOptions = {}): string {
  const messages = decodeCaptured(readCaptured(readFileSync(file === '-' ? 0 : file), protocol));
  return messages
    .map((message) => (json ? JSON.stringify(message, jsonValue) : messageText(message)))
    .join('\n');
}
