import type { DecodedMessage } from '../codec/block.js';
import { decodeMessages } from '../codec/decode.js';
import { type Openable, openFound } from '../inspect/open.js';
import { listNamed } from '../namespace/names.js';
import type { Namespace } from '../namespace/namespace.js';
import { closeNamespace, openNamespace } from '../netlink/native.js';
import { NetlinkSocket } from '../netlink/socket.js';
import type { Message, Protocol } from '../schema/definition.js';
import { link } from '../schema/link/link.js';
import { nftables } from '../schema/netfilter/nftables.js';
import { nsid as nsidFamily } from '../schema/nsid.js';
import { type Device, Devices } from './devices.js';
import { Mirror, type Told } from './mirror.js';
import { isForwarding, type ObjectKind, type ObjectName, objectKinds, tellingOf } from './objects.js';
import type { Place } from './text/names.js';
import { Sets } from './text/nft/sets.js';

/** A namespace that can be monitored: what `inventory` and `resolveSelectors` find. */
export interface Monitored extends Openable {
  /** As selectors have them, best first. */
  readonly names: readonly string[];
}

const { getlink } = link.messages;

/** What a dump says for a table that the kernel has not, or that is not asked for in this way. */
const absent: readonly unknown[] = [
  'EOPNOTSUPP',
  'EAFNOSUPPORT',
  'EPROTONOSUPPORT',
  'EPROTO',
  'EINVAL',
  'ENOENT',
];
/** ms between two looks for names of namespaces. */
const NAMES_AGE = 200;

/** One namespace under watch: what is known of it, and the names of what is in it. */
export class Space implements Place {
  readonly found: Monitored;
  /** Its number in the namespace of the monitor; undefined for that one itself. */
  readonly nsid: number | undefined;
  readonly mirror = new Mirror();
  readonly sets = new Sets();
  readonly #control: NetlinkSocket;
  readonly #devices = new Devices();
  #namespaces = new Map<number, string>();
  #asked = 0;

  constructor(found: Monitored, nsid: number | undefined, control: NetlinkSocket) {
    this.found = found;
    this.nsid = nsid;
    this.#control = control;
  }

  /** What a selector calls it. */
  get name(): string {
    return this.found.names[0] ?? `net:[${this.found.id.inode}]`;
  }

  /** The number in `net:[…]`. */
  get inode(): number {
    return this.found.id.inode;
  }

  /** Takes note of the name in a link's message. */
  learn(message: DecodedMessage): void {
    this.#devices.learn(message);
  }

  #ask(index: number): Device | undefined {
    const attributes = this.nsid === undefined ? {} : { targetNetnsid: this.nsid };
    try {
      for (const answer of this.#control.requestSync(getlink, { header: { index }, attributes }))
        this.learn(answer);
    } catch {
      // it is gone, or whoever asks may not: its number will do
    }
    return this.#devices.get(index);
  }

  device(index: number): string {
    if (index === 0) return '*';
    return (this.#devices.get(index) ?? this.#ask(index))?.name ?? `if${index}`;
  }

  deviceFlags(index: number): number | undefined {
    return this.#devices.get(index)?.flags;
  }

  deviceType(index: number): number | undefined {
    return this.#devices.get(index)?.type;
  }

  namespace(nsid: number): string | undefined {
    const known = this.#namespaces.get(nsid);
    if (known !== undefined || Date.now() - this.#asked < NAMES_AGE) return known;
    this.#asked = Date.now();
    this.#namespaces = this.#nameNamespaces();
    return this.#namespaces.get(nsid);
  }

  /** What this namespace calls those that `ip netns` lists. */
  #nameNamespaces(): Map<number, string> {
    const found = new Map<number, string>();
    for (const { name, path } of listNamed()) {
      try {
        const fd = openNamespace(path);
        try {
          const number = numberOf(this.#control, fd, this.nsid);
          if (number !== undefined && !found.has(number)) found.set(number, name);
        } finally {
          closeNamespace(fd);
        }
      } catch {
        // gone meanwhile
      }
    }
    return found;
  }

  /** A name that used to lead elsewhere may be of another namespace now. */
  forget(nsid: number): void {
    this.#namespaces.delete(nsid);
  }

  /**
   * All there is of some objects. The namespace is open only as long as that takes. Throws InspectError
   * `ERR_NAMESPACE_VANISHED`, SystemCallError.
   */
  read(objects: readonly ObjectName[]): Told[] {
    const namespace = this.nsid === undefined ? undefined : openFound(this.found);
    const told: Told[] = [];
    try {
      for (const protocol of ['route', 'netfilter'] as const) {
        const wanted = objects.filter((name) => objectKinds[name].protocol === protocol);
        if (wanted.length > 0) readProtocol(protocol, wanted, namespace, told);
      }
    } finally {
      namespace?.close();
    }
    this.#devices.clear();
    for (const { object, message } of told) {
      if (object === 'link') this.learn(message);
      // rules are told before the sets that they use
      else if (object === 'nftables') this.sets.learn(message);
    }
    return told;
  }
}

function readProtocol(
  protocol: Protocol,
  objects: readonly ObjectName[],
  namespace: Namespace | undefined,
  told: Told[],
): void {
  const socket = NetlinkSocket.open({ protocol, namespace: namespace?.fd });
  try {
    const dump = (message: Message, header: object, attributes: object): void => {
      let datagrams: Uint8Array[];
      try {
        datagrams = socket.dumpBytesSync(message as typeof getlink, { header, attributes });
      } catch (error) {
        if (absent.includes((error as { code?: unknown }).code)) return;
        throw error;
      }
      for (const bytes of datagrams) {
        for (const one of messagesIn(protocol, bytes)) {
          const telling = tellingOf(protocol, one.message);
          if (telling === undefined) continue;
          const { object } = telling;
          told.push({ ...one, object: object === 'neighbour' && isForwarding(one.message) ? 'fdb' : object });
        }
      }
    };
    for (const object of objects) {
      for (const { message, header = {} } of objectKinds[object].dumps as ObjectKind['dumps'])
        dump(message, header, {});
    }
    // elements are asked for set by set
    for (const { message } of [...told]) {
      if (message.name !== 'newset') continue;
      const { table, name: set } = message.attributes as { table?: string; name?: string };
      dump(nftables.messages.getsetelem, message.header, { table, set });
    }
  } finally {
    socket.close();
  }
}

const HEADER = 16;

/** The messages of a datagram, each with its bytes, which are part of the datagram's; not those that are broken. */
export function messagesIn(
  protocol: Protocol,
  datagram: Uint8Array,
): { message: DecodedMessage; bytes: Uint8Array }[] {
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength);
  const out: { message: DecodedMessage; bytes: Uint8Array }[] = [];
  let at = 0;
  for (const message of decodeMessages(protocol, datagram)) {
    if (at + HEADER > datagram.length) break;
    const length = view.getUint32(at, true);
    if (length < HEADER || at + length > datagram.length) break;
    if (message.truncated !== true) out.push({ message, bytes: datagram.subarray(at, at + length) });
    at += (length + 3) & ~3;
  }
  return out;
}

const { getnsid, newnsid } = nsidFamily.messages;

/** The number of an open namespace in the one of a socket, or in another of that one's; undefined when it has none. */
export function numberOf(control: NetlinkSocket, fd: number, target?: number): number | undefined {
  const attributes = target === undefined ? { fd } : { fd, targetNsid: target };
  const [answer] = control.requestSync(getnsid, { attributes });
  const { nsid } = (answer?.attributes ?? {}) as { nsid?: number };
  return nsid === undefined || nsid < 0 ? undefined : nsid;
}

/** All numbers that the namespace of a socket has given. */
export function listNumbers(control: NetlinkSocket): number[] {
  return control
    .dumpSync(getnsid, {}, { reply: newnsid })
    .flatMap(({ attributes }) => (attributes as { nsid?: number }).nsid ?? []);
}

/** Gives an open namespace a number, unless it has one: then what happens in it can be heard. Throws NetlinkError `EPERM`. */
export function giveNumber(control: NetlinkSocket, fd: number): number {
  const known = numberOf(control, fd);
  if (known !== undefined) return known;
  try {
    control.requestSync(newnsid, { flags: ACK, attributes: { fd, nsid: -1 } });
  } catch (error) {
    // another gave it one meanwhile
    if ((error as { code?: unknown }).code !== 'EEXIST') throw error;
  }
  return numberOf(control, fd) as number;
}

const ACK = 4;
