import { formatIpv4, parseIp } from '../../../codec/text.js';
import { DhcpError } from './errors.js';

/** A DHCP message, RFC 2131 section 2. Addresses are in dotted decimal. */
export interface DhcpMessage {
  /** BOOTREQUEST is what clients send, BOOTREPLY what servers send. */
  readonly op: 'request' | 'reply';
  /** Transaction: a server repeats what the client chose. */
  readonly xid: number;
  /** Seconds since the client began. */
  readonly secs: number;
  /** The client cannot receive unicast before it has an address. */
  readonly broadcast: boolean;
  /** Address that the client has, and answers ARP for. */
  readonly ciaddr: string;
  /** Address that the server gives. */
  readonly yiaddr: string;
  readonly siaddr: string;
  readonly giaddr: string;
  /** Link-layer address of the client: 6 bytes of Ethernet. */
  readonly chaddr: Uint8Array;
  /** Values by code; what a message has in several pieces is put together (RFC 3396). In the order of the message. */
  readonly options: ReadonlyMap<number, Uint8Array>;
}

/** Option 53 of a message, RFC 2132 section 9.6. */
export const messageTypes = {
  discover: 1,
  offer: 2,
  request: 3,
  decline: 4,
  ack: 5,
  nak: 6,
  release: 7,
  inform: 8,
} as const;

const HEADER = 236;
const COOKIE = 0x63825363;
const SNAME = 44;
const FILE = 108;
const OPTIONS = HEADER + 4;
/** What BOOTP relays and servers may count on, RFC 1542 section 2.1. */
const LEAST = 300;
const BROADCAST = 0x8000;
const ETHERNET = 1;

const PAD = 0;
const END = 255;
const OVERLOAD = 52;

function malformed(what: string): DhcpError {
  return new DhcpError('ERR_DHCP_MALFORMED', `not a DHCP message: ${what}`);
}

function putAddress(bytes: Uint8Array, offset: number, text: string): void {
  const address = parseIp(text);
  if (address?.length !== 4) throw malformed(`'${text}' is not an IPv4 address`);
  bytes.set(address, offset);
}

/** The bytes of a message, at least 300 of them. Values of more than 255 bytes go out in pieces (RFC 3396). */
export function encodeMessage(message: DhcpMessage): Uint8Array {
  const { chaddr, options } = message;
  if (chaddr.length > 16) throw malformed(`a link-layer address of ${chaddr.length} bytes`);
  let size = OPTIONS + 1;
  for (const { length } of options.values()) size += length + 2 * Math.max(1, Math.ceil(length / 255));
  const bytes = new Uint8Array(Math.max(size, LEAST));
  const view = new DataView(bytes.buffer);
  view.setUint8(0, message.op === 'request' ? 1 : 2);
  view.setUint8(1, ETHERNET);
  view.setUint8(2, chaddr.length);
  view.setUint32(4, message.xid);
  view.setUint16(8, Math.min(message.secs, 0xffff));
  view.setUint16(10, message.broadcast ? BROADCAST : 0);
  putAddress(bytes, 12, message.ciaddr);
  putAddress(bytes, 16, message.yiaddr);
  putAddress(bytes, 20, message.siaddr);
  putAddress(bytes, 24, message.giaddr);
  bytes.set(chaddr, 28);
  view.setUint32(HEADER, COOKIE);
  let offset = OPTIONS;
  for (const [code, value] of options) {
    if (!(code > PAD && code < END)) throw new DhcpError('ERR_DHCP_OPTION', `${code} is no DHCP option`);
    let rest = value;
    do {
      const piece = rest.subarray(0, 255);
      bytes.set([code, piece.length], offset);
      bytes.set(piece, offset + 2);
      offset += 2 + piece.length;
      rest = rest.subarray(piece.length);
    } while (rest.length > 0);
  }
  bytes[offset] = END;
  return bytes;
}

/** Adds the options of one field to those before. A field may end without an end mark. */
function collect(field: Uint8Array, options: Map<number, Uint8Array>): void {
  for (let offset = 0; offset < field.length; ) {
    const code = field[offset++] as number;
    if (code === PAD) continue;
    if (code === END) return;
    const length = field[offset++];
    if (length === undefined || offset + length > field.length) throw malformed(`option ${code} is cut off`);
    const value = field.slice(offset, offset + length);
    offset += length;
    const before = options.get(code);
    options.set(code, before === undefined ? value : Uint8Array.of(...before, ...value));
  }
}

/** Reads a message. Throws DhcpError `ERR_DHCP_MALFORMED`. */
export function decodeMessage(bytes: Uint8Array): DhcpMessage {
  if (bytes.length < OPTIONS) throw malformed(`${bytes.length} bytes are too few`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const op = view.getUint8(0);
  if (op !== 1 && op !== 2) throw malformed(`operation ${op}`);
  if (view.getUint32(HEADER) !== COOKIE) throw malformed('no magic cookie, as plain BOOTP has none');
  const length = view.getUint8(2);
  if (length > 16) throw malformed(`a link-layer address of ${length} bytes`);
  const options = new Map<number, Uint8Array>();
  collect(bytes.subarray(OPTIONS), options);
  // RFC 2132 section 9.3, in the order that RFC 3396 section 5 has
  const overload = options.get(OVERLOAD)?.[0] ?? 0;
  if (overload & 1) collect(bytes.subarray(FILE, HEADER), options);
  if (overload & 2) collect(bytes.subarray(SNAME, FILE), options);
  return {
    op: op === 1 ? 'request' : 'reply',
    xid: view.getUint32(4),
    secs: view.getUint16(8),
    broadcast: (view.getUint16(10) & BROADCAST) !== 0,
    ciaddr: formatIpv4(bytes, 12),
    yiaddr: formatIpv4(bytes, 16),
    siaddr: formatIpv4(bytes, 20),
    giaddr: formatIpv4(bytes, 24),
    chaddr: bytes.slice(28, 28 + length),
    options,
  };
}
