import type { DecodedMessage } from '../codec/block.js';
import { decodeMessages } from '../codec/decode.js';
import { contentOf, identityOf, linkOfMessage } from './identity.js';
import { type ObjectName, objectKinds } from './objects.js';
import { partsOf } from './parts.js';

/** A message and its bytes. */
export interface Told {
  readonly object: ObjectName;
  readonly message: DecodedMessage;
  readonly bytes: Uint8Array;
}

/** What changed without having been heard. */
export interface Difference extends Told {
  readonly event: 'new' | 'delete';
}

/** A thing that is known: the bytes of the last message about it, one character each, which is how they take least room. */
interface Known {
  readonly object: ObjectName;
  readonly bytes: string;
  readonly link: number;
}

const REPLACE = 0x100;
const IPV4 = 2;
const DELETED: Readonly<Partial<Record<ObjectName, number>>> = {
  link: 17,
  address: 21,
  route: 25,
  mroute: 25,
  neighbour: 29,
  fdb: 29,
  rule: 33,
  netconf: 81,
  nsid: 89,
  nexthop: 105,
  mdb: 85,
  vlan: 113,
};
/** Of nftables, by the number of the message that tells of the new one: NFT_MSG_DEL* of NFT_MSG_NEW*. */
const deletedOf = (object: ObjectName, type: number): number => {
  if (object === 'conntrack') return (type & 0xff00) | 2;
  // NFT_MSG_NEWRULE and its kin are followed by the get and the del of the same
  if (object === 'nftables') return type + 2;
  return DELETED[object] ?? type;
};

const pack = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');

/** The bytes of a known message, as one that the kernel sends unasked; `type` in place of its own. */
function unpack(text: string, type?: number): Uint8Array {
  return unasked(new Uint8Array(Buffer.from(text, 'latin1')), type);
}

/** Makes of an answer what the kernel would have sent unasked: without a sequence number, a receiver, or the flags of a dump. */
export function unasked(bytes: Uint8Array, type?: number): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (type !== undefined) view.setUint16(4, type, true);
  view.setUint16(6, 0, true);
  view.setBigUint64(8, 0n, true);
  return bytes;
}

function decoded({ object, bytes }: Known): DecodedMessage {
  return decodeMessages(objectKinds[object].protocol, Buffer.from(bytes, 'latin1'))[0] as DecodedMessage;
}

/** What there is in a namespace, as far as it was heard: what a loss is made up for from. */
export class Mirror {
  /** By identity. Routes of IPv4 that differ by their gateway alone share theirs. */
  readonly #known = new Map<string, Known[]>();
  /** Identities by link: what is gone with it is not always told. */
  readonly #byLink = new Map<number, Set<string>>();

  /** How many things are known. */
  get size(): number {
    let count = 0;
    for (const all of this.#known.values()) count += all.length;
    return count;
  }

  /** Takes note of a message that was heard. */
  apply(event: 'new' | 'delete', told: Told): void {
    for (const part of partsOf(told)) this.#apply(event, part);
  }

  #apply(event: 'new' | 'delete', { object, message, bytes }: Told): void {
    const identity = identityOf(object, message);
    if (identity === undefined) return;
    const key = `${object}|${identity}`;
    const link = linkOfMessage(object, message);
    if (event === 'delete') {
      this.#remove(key, object, message);
      if (object === 'link') this.#dropLink(link);
      return;
    }
    this.#add(key, { object, bytes: pack(bytes), link }, message);
  }

  #add(key: string, one: Known, message: DecodedMessage): void {
    const before = this.#known.get(key);
    if (before === undefined) {
      this.#known.set(key, [one]);
      this.#index(one.link, key);
      return;
    }
    const alone = one.object !== 'route' || message.header.family !== IPV4 || (message.flags & REPLACE) !== 0;
    const others = alone ? [] : before.filter((other) => !sameContent(other, message));
    for (const other of before) if (other.link !== one.link) this.#byLink.get(other.link)?.delete(key);
    this.#known.set(key, [...others, one]);
    for (const { link } of others) this.#index(link, key);
    this.#index(one.link, key);
  }

  #index(link: number, key: string): void {
    if (link === 0) return;
    const keys = this.#byLink.get(link);
    if (keys === undefined) this.#byLink.set(link, new Set([key]));
    else keys.add(key);
  }

  #remove(key: string, object: ObjectName, message: DecodedMessage): void {
    const before = this.#known.get(key);
    if (before === undefined) return;
    const left =
      object === 'route' && before.length > 1 ? before.filter((one) => !sameContent(one, message)) : [];
    for (const { link } of before) this.#byLink.get(link)?.delete(key);
    if (left.length === 0 || left.length === before.length) this.#known.delete(key);
    else {
      this.#known.set(key, left);
      for (const { link } of left) this.#index(link, key);
    }
  }

  #dropLink(link: number): void {
    for (const key of this.#byLink.get(link) ?? []) this.#known.delete(key);
    this.#byLink.delete(link);
  }

  /**
   * Compares with all that there is of some objects, and takes that over. What is told of a link that is gone comes
   * before the link itself, what is new after the link that it is on.
   */
  compare(objects: readonly ObjectName[], present: readonly Told[]): Difference[] {
    const found = new Map<string, Told[]>();
    for (const one of present.flatMap(partsOf)) {
      const identity = identityOf(one.object, one.message);
      if (identity === undefined) continue;
      const key = `${one.object}|${identity}`;
      const same = found.get(key);
      if (same === undefined) found.set(key, [one]);
      else same.push(one);
    }
    const gone: Difference[] = [];
    for (const [key, all] of [...this.#known]) {
      const now = found.get(key) ?? [];
      for (const known of all) {
        if (!objects.includes(known.object) || (now.length > 0 && known.object !== 'route')) continue;
        const message = decoded(known);
        if (now.some((one) => contentOf(one.object, one.message) === contentOf(known.object, message)))
          continue;
        const bytes = unpack(known.bytes, deletedOf(known.object, message.type));
        const [deleted] = decodeMessages(objectKinds[known.object].protocol, bytes);
        gone.push({ event: 'delete', object: known.object, message: deleted as DecodedMessage, bytes });
      }
    }
    const made: Difference[] = [];
    for (const [key, now] of found) {
      const before = this.#known.get(key) ?? [];
      for (const one of now) {
        if (before.some((known) => sameContent(known, one.message))) continue;
        made.push({ ...one, event: 'new', bytes: unasked(one.bytes.slice()) });
      }
    }
    // links first among the new, last among the gone
    const rank = ({ object }: Told): number => (object === 'link' ? 0 : 1);
    gone.sort((a, b) => rank(b) - rank(a));
    made.sort((a, b) => rank(a) - rank(b));
    for (const one of gone) this.apply('delete', one);
    for (const one of made) this.apply('new', one);
    return [...gone, ...made];
  }
}

function sameContent(known: Known, message: DecodedMessage): boolean {
  return contentOf(known.object, decoded(known)) === contentOf(known.object, message);
}
