import { openPacketSocket, type PacketSocket } from '../../../../host/netlink/native.js';
import type { Lab } from '../../../support/lab.js';

interface Teardown {
  teardown(work: () => unknown): void;
}

/** What a client has sent, read by this file alone. */
export interface Heard {
  readonly type: number;
  readonly xid: number;
  readonly secs: number;
  readonly broadcast: boolean;
  readonly ciaddr: string;
  readonly chaddr: Buffer;
  /** Values in hexadecimal digits, in the order of the message. */
  readonly options: ReadonlyMap<number, string>;
  readonly source: string;
  readonly destination: string;
  /** ms, of performance.now(). */
  readonly at: number;
}

export interface Reply {
  /** Option 53; missing where the reply is to be without. */
  readonly type?: number;
  readonly yiaddr?: string;
  readonly options?: readonly (readonly [code: number, value: string | readonly number[]])[];
  /** In place of what was heard. */
  readonly xid?: number;
  readonly op?: number;
  readonly chaddr?: Buffer;
  /** The payload of the datagram, in place of a message. */
  readonly payload?: Uint8Array;
  /** So many bytes at the end are left out. */
  readonly cut?: number;
  /** Spoils the datagram's checksum. */
  readonly damaged?: boolean;
}

export type Answer = (heard: Heard) => Reply | readonly Reply[] | undefined;

export const DISCOVER = 1;
export const OFFER = 2;
export const REQUEST = 3;
export const ACK = 5;
export const NAK = 6;
export const RELEASE = 7;

export const ip = (text: string): number[] => text.split('.').map(Number);
export const u32 = (value: number): number[] => [24, 16, 8, 0].map((shift) => (value >>> shift) & 255);
const dotted = (bytes: Buffer, offset: number): string => [...bytes.subarray(offset, offset + 4)].join('.');

function checksum(...parts: Buffer[]): number {
  let total = 0;
  for (const part of parts) {
    for (let i = 0; i < part.length; i += 2) total += part.readUInt8(i) * 256 + (part[i + 1] ?? 0);
  }
  while (total > 0xffff) total = (total % 0x10000) + Math.floor(total / 0x10000);
  return total ^ 0xffff;
}

function pseudo(packet: Buffer): Buffer {
  const length = packet.length - 20;
  return Buffer.concat([packet.subarray(12, 20), Buffer.from([0, 17, length >> 8, length & 255])]);
}

/** What servers put up with: the reference's checksums are wrong. */
function sloppiness(packet: Buffer): string[] {
  const whole = packet.subarray(0, packet.readUInt16BE(2));
  const faults = checksum(pseudo(whole), whole.subarray(20)) === 0 ? [] : ['checksum of UDP'];
  // 28 of IP and UDP, and what RFC 1542 has relays count on
  return whole.length < 328 ? [...faults, 'a message that relays may drop for being short'] : faults;
}

/** Reads a client's packet; undefined when it is another's. Throws what is wrong with it. */
function parse(packet: Buffer): Heard | undefined {
  if (packet[0] !== 0x45 || packet[9] !== 17 || packet.readUInt16BE(22) !== 67) return undefined;
  if (checksum(packet.subarray(0, 20)) !== 0) throw new Error('checksum of the IP header');
  const datagram = packet.subarray(20, packet.readUInt16BE(2));
  if (datagram.readUInt16BE(4) !== datagram.length) throw new Error('length of the datagram');
  if (datagram.readUInt16BE(0) !== 68) throw new Error('port of the client');
  const message = datagram.subarray(8);
  if (message[0] !== 1 || message[1] !== 1 || message[2] !== 6) throw new Error('op, htype or hlen');
  if (message.readUInt32BE(236) !== 0x63825363) throw new Error('magic cookie');
  const options = new Map<number, string>();
  let offset = 240;
  for (; message[offset] !== 255; ) {
    const [code = 0, length = 0] = message.subarray(offset, offset + 2);
    if (code === 0 || options.has(code)) throw new Error(`option ${code} is there twice`);
    options.set(code, message.toString('hex', offset + 2, offset + 2 + length));
    offset += 2 + length;
    if (offset >= message.length) throw new Error('no end of the options');
  }
  return {
    type: Number.parseInt(options.get(53) ?? '', 16),
    xid: message.readUInt32BE(4),
    secs: message.readUInt16BE(8),
    broadcast: message.readUInt16BE(10) === 0x8000,
    ciaddr: dotted(message, 12),
    chaddr: Buffer.from(message.subarray(28, 34)),
    options,
    source: dotted(packet, 12),
    destination: dotted(packet, 16),
    at: performance.now(),
  };
}

function messageOf(
  heard: Heard,
  { type, yiaddr = '0.0.0.0', options = [], xid, op, chaddr, cut = 0 }: Reply,
): Buffer {
  const head = Buffer.alloc(240);
  head.set([op ?? 2, 1, 6]);
  head.writeUInt32BE(xid ?? heard.xid, 4);
  head.writeUInt16BE(heard.broadcast ? 0x8000 : 0, 10);
  head.set(ip(yiaddr), 16);
  head.set(chaddr ?? heard.chaddr, 28);
  head.writeUInt32BE(0x63825363, 236);
  const all = type === undefined ? options : [[53, [type]] as const, ...options];
  const bytes = all.flatMap(([code, value]) => {
    const content = [...(typeof value === 'string' ? Buffer.from(value) : value)];
    return [code, content.length, ...content];
  });
  return Buffer.concat([head, Buffer.from([...bytes, 255].slice(0, bytes.length + 1 - cut))]);
}

/** A DHCP server that does as a test tells it, on a packet socket, so that it may also do what real ones cannot. */
export class DhcpServer {
  readonly address: string;
  readonly heard: Heard[] = [];
  /** What clients did wrong on the wire. */
  readonly faults: string[] = [];
  answer: Answer;
  readonly #socket: PacketSocket;
  readonly #waiting = new Set<() => void>();
  readonly #buffer = new Uint8Array(4096);

  constructor(t: Teardown, lab: Lab, ifname: string, address: string, answer: Answer) {
    this.address = address;
    this.answer = answer;
    const [{ ifindex }] = lab.ip('link', 'show', ifname);
    this.#socket = openPacketSocket({ namespace: lab.namespace.fd, protocol: 0x0800, ifindex });
    this.#socket.startReading(() => this.#read());
    t.teardown(() => this.#socket.close());
  }

  #read(): void {
    for (;;) {
      const packet = this.#socket.receive(this.#buffer);
      if (packet === undefined) return;
      try {
        const bytes = Buffer.from(this.#buffer.subarray(0, packet.length));
        const heard = parse(bytes);
        if (heard === undefined) continue;
        this.faults.push(...sloppiness(bytes));
        this.#hear(heard, packet.address);
      } catch (error) {
        this.faults.push((error as Error).message);
      }
    }
  }

  #hear(heard: Heard, mac: Uint8Array): void {
    this.heard.push(heard);
    for (const reply of [this.answer(heard) ?? []].flat()) this.#send(heard, mac, reply);
    for (const wake of this.#waiting) wake();
  }

  #send(heard: Heard, mac: Uint8Array, reply: Reply): void {
    const payload = Buffer.from(reply.payload ?? messageOf(heard, reply));
    const toAll = heard.broadcast || (reply.yiaddr ?? '0.0.0.0') === '0.0.0.0';
    const packet = Buffer.alloc(28 + payload.length);
    packet.set([0x45, 0]);
    packet.writeUInt16BE(packet.length, 2);
    packet.set([64, 17], 8);
    packet.set(ip(this.address), 12);
    packet.set(ip(toAll ? '255.255.255.255' : (reply.yiaddr as string)), 16);
    packet.writeUInt16BE(checksum(packet.subarray(0, 20)), 10);
    packet.writeUInt16BE(67, 20);
    packet.writeUInt16BE(68, 22);
    packet.writeUInt16BE(8 + payload.length, 24);
    packet.set(payload, 28);
    packet.writeUInt16BE(checksum(pseudo(packet), packet.subarray(20)) ^ (reply.damaged ? 0x5555 : 0), 26);
    this.#socket.send(packet, toAll ? Buffer.alloc(6, 255) : mac);
  }

  of(...types: number[]): Heard[] {
    return this.heard.filter(({ type }) => types.includes(type));
  }

  /** Waits until so many messages of a type have been heard; returns the last of them. */
  async until(type: number, count = 1, timeout = 20_000): Promise<Heard> {
    const end = performance.now() + timeout;
    for (;;) {
      const last = this.of(type)[count - 1];
      if (last !== undefined) return last;
      const left = end - performance.now();
      if (left <= 0) throw new Error(`no ${count} messages of type ${type}: ${JSON.stringify(this.heard)}`);
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          clearTimeout(timer);
          this.#waiting.delete(wake);
          resolve();
        };
        const timer = setTimeout(wake, left);
        this.#waiting.add(wake);
      });
    }
  }
}

export interface Granting {
  readonly leaseTime?: number;
  readonly t1?: number;
  readonly t2?: number;
  readonly mask?: string | undefined;
  readonly router?: string | undefined;
  readonly options?: Reply['options'];
}

/** A server that gives 192.168.77.10 and up, by client identifier. */
export function granting(
  server: string,
  { leaseTime = 3600, t1, t2, mask = '255.255.255.0', router = '192.168.77.1', options = [] }: Granting = {},
): Answer {
  const clients: string[] = [];
  return ({ type, options: sent }) => {
    const id = sent.get(61) ?? '';
    if (type !== DISCOVER && type !== REQUEST) return undefined;
    if (sent.has(54) && sent.get(54) !== Buffer.from(ip(server)).toString('hex')) return undefined;
    if (!clients.includes(id)) clients.push(id);
    return {
      type: type === DISCOVER ? OFFER : ACK,
      yiaddr: `192.168.77.${10 + clients.indexOf(id)}`,
      options: [
        [54, ip(server)],
        [51, u32(leaseTime)],
        ...(t1 === undefined ? [] : [[58, u32(t1)] as const]),
        ...(t2 === undefined ? [] : [[59, u32(t2)] as const]),
        ...(mask === '' ? [] : [[1, ip(mask)] as const]),
        ...(router === '' ? [] : [[3, ip(router)] as const]),
        ...options,
      ],
    };
  };
}
