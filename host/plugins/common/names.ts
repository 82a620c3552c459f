import { closeSync, openSync, readSync } from 'node:fs';
import { sha512 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';

/*
 * node:crypto takes longer to load than all else that a plugin needs: a fifth of a one-shot ADD. A process that hashes more
 * names than a plugin's program ever does has it nevertheless: it is more than twice as fast then.
 */
const HASHES_BEFORE_LOADING = 32;
let hashes = 0;

function sha512Digits(text: string): string {
  if (hashes < HASHES_BEFORE_LOADING) {
    hashes++;
    return bytesToHex(sha512(utf8ToBytes(text)));
  }
  return process.getBuiltinModule('node:crypto').hash('sha512', text, 'hex');
}

/** What was asked for last: an operation asks for the same few names several times. */
const remembered = new Map<string, string>();
const REMEMBERED = 64;

/** The first `length` hexadecimal digits of a SHA-512, as the reference's plugins name things. */
export function hash(text: string, length: number): string {
  let digits = remembered.get(text);
  if (digits === undefined) {
    digits = sha512Digits(text);
    if (remembered.size >= REMEMBERED) remembered.clear();
    remembered.set(text, digits);
  }
  return digits.slice(0, length);
}

/** Characters of an iptables chain's name. */
const CHAIN_LENGTH = 28;

/** The iptables chain of an attachment. */
export function chainName(network: string, containerId: string): string {
  const prefix = 'CNI-';
  return prefix + hash(network + containerId, CHAIN_LENGTH - prefix.length);
}

/** An attachment, as what is made for it names it. */
export interface Attachment {
  /** Of the network. */
  readonly name: string;
  readonly containerId: string;
  readonly ifname: string;
}

const HASH_LENGTH = 16;

/** How what belongs to a network begins: see `attachmentMark`. */
export function networkMark(name: string): string {
  return `${hash(name, HASH_LENGTH)}-`;
}

/** Begins the comment of what belongs to an attachment, as the reference's nftables rules have it. */
export function attachmentMark({ name, containerId, ifname }: Attachment): string {
  return networkMark(name) + hash(`${ifname}:${containerId}`, HASH_LENGTH);
}

/** `attachmentMark`, and the names for people to read; at most so many characters. */
export function attachmentComment(attachment: Attachment, length: number): string {
  const { name, containerId, ifname } = attachment;
  return `${attachmentMark(attachment)}, net: ${name}, if: ${ifname}, id: ${containerId}`
    .replaceAll('"', '')
    .slice(0, length);
}

/** Read, and not given out yet. */
let random = Buffer.alloc(0);
const RANDOM_STOCK = 256;

/** The kernel's own; at most 256. */
export function randomBytes(count: number): Buffer {
  if (count > random.length) {
    const stock = Buffer.alloc(RANDOM_STOCK);
    const fd = openSync('/dev/urandom', 'r');
    try {
      readSync(fd, stock);
    } finally {
      closeSync(fd);
    }
    random = stock;
  }
  const bytes = random.subarray(0, count);
  random = random.subarray(count);
  return bytes;
}

/** A name for the host's end of a veth pair. */
export function vethName(): string {
  return `veth${randomBytes(4).toString('hex')}`;
}

/** A locally administered unicast address of the first six bytes. */
export function macOf(bytes: Uint8Array): string {
  const first = ((bytes[0] as number) & 0xfe) | 0x02;
  return [first, ...bytes.subarray(1, 6)].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}

/** A locally administered unicast address. */
export function randomMac(): string {
  return macOf(randomBytes(6));
}
