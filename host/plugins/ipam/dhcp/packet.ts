import { formatIpv4, parseIp } from '../../../codec/text.js';
import { DhcpError } from './errors.js';

/** UDP ports of DHCP, RFC 2131 section 4.1. */
export const SERVER_PORT = 67;
export const CLIENT_PORT = 68;

const IP_HEADER = 20;
const UDP_HEADER = 8;
const UDP = 17;
const TTL = 64;

/**
 * Classic BPF for what begins with an IP header: passes UDP to port 68 that is no fragment. As struct sock_filter of
 * linux/filter.h: code, jump if true, jump if false, value.
 */
const program: readonly (readonly [code: number, jt: number, jf: number, k: number])[] = [
  [0x30, 0, 0, 9], // ldb [9]: protocol
  [0x15, 0, 6, UDP], // jeq #17, else drop
  [0x28, 0, 0, 6], // ldh [6]: flags and offset of the fragment
  [0x45, 4, 0, 0x3fff], // jset: more fragments, or not the first: drop
  [0xb1, 0, 0, 0], // ldxb 4 * ([0] & 0xf): length of the IP header
  [0x48, 0, 0, 2], // ldh [x + 2]: destination port
  [0x15, 0, 1, CLIENT_PORT],
  [0x06, 0, 0, 0x40000], // accept
  [0x06, 0, 0, 0], // drop
];

function assemble(): Uint8Array {
  const bytes = new Uint8Array(program.length * 8);
  program.forEach(([code, jt, jf, k], i) => {
    // in the machine's byte order
    bytes.set(new Uint8Array(Uint16Array.of(code).buffer), i * 8);
    bytes.set([jt, jf], i * 8 + 2);
    bytes.set(new Uint8Array(Uint32Array.of(k).buffer), i * 8 + 4);
  });
  return bytes;
}

/** The filter of a client's packet socket. */
export const clientFilter: Uint8Array = assemble();

/** The Internet checksum, RFC 1071, before its complement. */
function sum(bytes: Uint8Array, start = 0): number {
  let total = start;
  for (let i = 0; i < bytes.length; i += 2) {
    total += ((bytes[i] as number) << 8) | (bytes[i + 1] ?? 0);
  }
  while (total > 0xffff) total = (total & 0xffff) + Math.floor(total / 0x10000);
  return total;
}

/** Of the pseudo header of RFC 768. */
function pseudo(packet: Uint8Array, length: number): number {
  return sum(packet.subarray(12, 20), UDP + length);
}

function malformed(what: string): DhcpError {
  return new DhcpError('ERR_DHCP_MALFORMED', `not a packet for a DHCP client: ${what}`);
}

/** A message as an IPv4 packet from the client's port to the server's. Addresses in dotted decimal. */
export function encodePacket(source: string, destination: string, payload: Uint8Array): Uint8Array {
  const length = UDP_HEADER + payload.length;
  const packet = new Uint8Array(IP_HEADER + length);
  const view = new DataView(packet.buffer);
  view.setUint8(0, 0x45);
  view.setUint8(1, 0xc0); // CS6, network control, as other clients have it
  view.setUint16(2, packet.length);
  view.setUint16(6, 0x4000); // do not fragment
  view.setUint8(8, TTL);
  view.setUint8(9, UDP);
  for (const [offset, text] of [
    [12, source],
    [16, destination],
  ] as const) {
    const address = parseIp(text);
    if (address?.length !== 4) throw malformed(`'${text}' is not an IPv4 address`);
    packet.set(address, offset);
  }
  view.setUint16(10, ~sum(packet.subarray(0, IP_HEADER)));
  view.setUint16(IP_HEADER, CLIENT_PORT);
  view.setUint16(IP_HEADER + 2, SERVER_PORT);
  view.setUint16(IP_HEADER + 4, length);
  packet.set(payload, IP_HEADER + UDP_HEADER);
  const checksum = ~sum(packet.subarray(IP_HEADER), pseudo(packet, length)) & 0xffff;
  // zero would say that there is none
  view.setUint16(IP_HEADER + 6, checksum === 0 ? 0xffff : checksum);
  return packet;
}

export interface ClientPacket {
  readonly source: string;
  readonly destination: string;
  readonly payload: Uint8Array;
}

/**
 * What an IPv4 packet to the client's port carries. `checksummed`: the sender has worked out the checksum of UDP; on
 * virtual links it may not have. Throws DhcpError `ERR_DHCP_MALFORMED`.
 */
export function decodePacket(bytes: Uint8Array, checksummed = true): ClientPacket {
  if (bytes.length < IP_HEADER + UDP_HEADER) throw malformed(`${bytes.length} bytes are too few`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const first = view.getUint8(0);
  const header = (first & 15) * 4;
  const total = view.getUint16(2);
  if (first >> 4 !== 4 || header < IP_HEADER) throw malformed('no IPv4 header');
  if (total > bytes.length || total < header + UDP_HEADER) throw malformed(`a length of ${total}`);
  if (view.getUint8(9) !== UDP) throw malformed('not UDP');
  if ((view.getUint16(6) & 0x3fff) !== 0) throw malformed('a fragment');
  if (sum(bytes.subarray(0, header)) !== 0xffff) throw malformed('wrong checksum of the IP header');
  const length = view.getUint16(header + 4);
  if (length < UDP_HEADER || header + length > total) throw malformed(`a UDP length of ${length}`);
  if (view.getUint16(header + 2) !== CLIENT_PORT) throw malformed('another port');
  const datagram = bytes.subarray(header, header + length);
  if (checksummed && view.getUint16(header + 6) !== 0 && sum(datagram, pseudo(bytes, length)) !== 0xffff) {
    throw malformed('wrong checksum of UDP');
  }
  return {
    source: formatIpv4(bytes, 12),
    destination: formatIpv4(bytes, 16),
    payload: datagram.slice(UDP_HEADER),
  };
}
