import { writeSync } from 'node:fs';
import type { DecodedMessage } from '../codec/block.js';
import type { Protocol } from '../schema/definition.js';
import { Devices } from './devices.js';
import type { MonitorEvent } from './events.js';
import {
  isForwarding,
  MonitorError,
  type ObjectName,
  objectKinds,
  objectNames,
  registerObjects,
  tellingOf,
} from './objects.js';
import { messagesIn } from './space.js';
import type { Place } from './text/names.js';
import { Sets } from './text/nft/sets.js';

/*
 * A recording is what rtmon writes: netlink messages as they came, before each a message of type 15 with the time.
 * What rtmon does not know stands in messages of type 1 (NLMSG_NOOP), which `ip monitor file` passes over: magic, a
 * word that says what it is, and the rest.
 *
 *   kind 1   number of a namespace, its inode (8 bytes), its name: the messages that follow are of that namespace
 *   kind 2   a message of nfnetlink
 *   kind 3   what follows was found after a loss: how many
 *   kind 4   the namespace appeared: 1, or is gone: 0
 */

const HEADER = 16;
const NOOP = 1;
/** NLMSG_TSTAMP of iproute2: seconds and microseconds since 1970, in words. */
const STAMP = 15;
const MAGIC = 'netloom\0';
const kinds = { namespace: 1, netfilter: 2, resync: 3, presence: 4 } as const;
const MICROSECONDS = 1_000_000;

const padded = (length: number): number => (length + 3) & ~3;

function message(type: number, ...parts: readonly Uint8Array[]): Buffer {
  const length = HEADER + parts.reduce((all, part) => all + part.length, 0);
  const out = Buffer.alloc(padded(length));
  out.writeUInt32LE(length, 0);
  out.writeUInt16LE(type, 4);
  let at = HEADER;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

function words(...numbers: readonly number[]): Buffer {
  const out = Buffer.alloc(numbers.length * 4);
  for (const [i, number] of numbers.entries()) out.writeUInt32LE(number >>> 0, i * 4);
  return out;
}

const magic = Buffer.from(MAGIC, 'latin1');
const extra = (kind: number, ...parts: readonly Uint8Array[]): Buffer =>
  message(NOOP, magic, words(kind), ...parts);

/** Writes events as rtmon does, so that `ip monitor file` can read them. */
export class Recorder {
  readonly #write: (bytes: Uint8Array) => void;
  readonly #numbers = new Map<Place, number>();
  #current: Place | undefined;
  #time = -1;

  /** Writes to a descriptor, or calls back. */
  constructor(target: number | ((bytes: Uint8Array) => void)) {
    this.#write = typeof target === 'number' ? (bytes) => writeWhole(target, bytes) : target;
  }

  /** Writes an event down. Throws what writing throws. */
  record(event: MonitorEvent): void {
    const parts: Uint8Array[] = [];
    // of what was found at once, the first alone
    if (event.time !== this.#time) {
      parts.push(message(STAMP, words(Math.floor(event.time / MICROSECONDS), event.time % MICROSECONDS)));
    }
    this.#time = event.time;
    if (event.event === 'resync') {
      this.#write(Buffer.concat([...parts, extra(kinds.resync, words(event.differences))]));
      return;
    }
    if (event.space !== this.#current) parts.push(this.#namespace(event.space));
    this.#current = event.space;
    if (event.object === 'namespace') parts.push(extra(kinds.presence, words(event.event === 'new' ? 1 : 0)));
    else if (objectKinds[event.object].protocol === 'netfilter')
      parts.push(extra(kinds.netfilter, event.bytes));
    else parts.push(event.bytes, Buffer.alloc(padded(event.bytes.length) - event.bytes.length));
    this.#write(Buffer.concat(parts));
  }

  #namespace(space: Place): Buffer {
    let number = this.#numbers.get(space);
    if (number === undefined) {
      number = this.#numbers.size;
      this.#numbers.set(space, number);
    }
    const inode = [space.inode % 2 ** 32, Math.floor(space.inode / 2 ** 32)];
    return extra(kinds.namespace, words(number, ...inode), Buffer.from(space.name));
  }
}

function writeWhole(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
}

/** A namespace of a recording: its links are called what the recording says. */
class RecordedPlace implements Place {
  readonly name: string;
  readonly inode: number;
  readonly devices = new Devices();
  readonly sets = new Sets();
  /** Names of links that are spoken of before their own message comes. */
  readonly later = new Map<number, string>();

  constructor(name: string, inode: number) {
    this.name = name;
    this.inode = inode;
  }

  device(index: number): string {
    if (index === 0) return '*';
    return this.devices.get(index)?.name ?? this.later.get(index) ?? `if${index}`;
  }
  deviceFlags(index: number): number | undefined {
    return this.devices.get(index)?.flags;
  }
  deviceType(index: number): number | undefined {
    return this.devices.get(index)?.type;
  }
  namespace(): undefined {
    return undefined;
  }
}

interface Entry {
  readonly time: number;
  readonly place: RecordedPlace;
  readonly protocol: Protocol;
  /** A message; or a word about what happened. */
  readonly bytes?: Uint8Array;
  readonly resync?: number;
  readonly present?: boolean;
}

function unreadable(at: number, why: string): MonitorError {
  return new MonitorError('ERR_UNREADABLE_RECORDING', `the recording cannot be read at byte ${at}: ${why}`);
}

/** Every message, with its time and namespace; `visit` may be called again from the start. */
function* entries(file: Uint8Array): Generator<Entry> {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const places = new Map<number, RecordedPlace>();
  const unnamed = new RecordedPlace('', 0);
  let place = unnamed;
  let time = 0;
  for (let at = 0; at < file.length; ) {
    if (at + HEADER > file.length)
      throw unreadable(at, `${file.length - at} bytes are too few for a message`);
    const length = view.getUint32(at, true);
    const type = view.getUint16(at + 4, true);
    if (length < HEADER) throw unreadable(at, `a message of ${length} bytes`);
    if (at + length > file.length) throw unreadable(at, 'it ends in the middle of a message');
    const bytes = file.subarray(at, at + length);
    const body = at + HEADER;
    at += padded(length);
    if (type === STAMP) {
      if (length < HEADER + 8) throw unreadable(body, 'a time of less than 8 bytes');
      time = view.getUint32(body, true) * MICROSECONDS + view.getUint32(body + 4, true);
      continue;
    }
    if (type !== NOOP) {
      yield { time, place, protocol: 'route', bytes };
      continue;
    }
    if (length < HEADER + 12 || Buffer.from(bytes.subarray(HEADER, HEADER + 8)).toString('latin1') !== MAGIC)
      continue;
    const rest = bytes.subarray(HEADER + 12);
    const word = (i: number): number => view.getUint32(body + 12 + 4 * i, true);
    const kind = view.getUint32(body + 8, true);
    const needed = kind === kinds.namespace ? 12 : kind === kinds.netfilter ? HEADER : 4;
    if (rest.length < needed) throw unreadable(body, 'a word of netloom that is cut short');
    if (kind === kinds.namespace) {
      const known = places.get(word(0));
      place =
        known ?? new RecordedPlace(Buffer.from(rest.subarray(12)).toString(), word(1) + word(2) * 2 ** 32);
      if (known === undefined) places.set(word(0), place);
    } else if (kind === kinds.netfilter) yield { time, place, protocol: 'netfilter', bytes: rest };
    else if (kind === kinds.resync) yield { time, place, protocol: 'route', resync: word(0) };
    else if (kind === kinds.presence) yield { time, place, protocol: 'route', present: word(0) === 1 };
  }
}

function namesToCome(file: Uint8Array): Map<string, Map<number, string>> {
  const found = new Map<string, Map<number, string>>();
  for (const { place, protocol, bytes } of entries(file)) {
    if (bytes === undefined || protocol !== 'route') continue;
    for (const { message: one } of messagesIn('route', bytes)) {
      const { ifname } = one.attributes as { ifname?: string };
      if (one.name !== 'newlink' || ifname === undefined) continue;
      const key = `${place.inode}|${place.name}`;
      const names = found.get(key) ?? new Map<number, string>();
      found.set(key, names);
      const index = Number(one.header.index);
      if (!names.has(index)) names.set(index, ifname);
    }
  }
  return found;
}

/**
 * The events of a recording: one of ours, or of rtmon. Throws MonitorError `ERR_UNREADABLE_RECORDING`, when it gets to
 * what is cut short.
 */
export function* readRecording(
  file: Uint8Array,
  objects: readonly ObjectName[] = objectNames.filter((name) => name !== 'fdb'),
): Generator<MonitorEvent> {
  registerObjects(objectNames);
  const shown = new Set(objects);
  const names = namesToCome(readable(file));
  for (const { time, place, protocol, bytes, resync, present } of entries(file)) {
    if (resync !== undefined) yield { event: 'resync', time, differences: resync, problems: [] };
    if (present !== undefined)
      yield { event: present ? 'new' : 'delete', object: 'namespace', time, space: place };
    if (bytes === undefined) continue;
    if (place.later.size === 0) {
      for (const [index, name] of names.get(`${place.inode}|${place.name}`) ?? [])
        place.later.set(index, name);
    }
    for (const one of messagesIn(protocol, bytes)) {
      const event = eventOf(one, protocol, place, time, shown);
      if (event !== undefined) yield event;
    }
  }
}

/** The part of a recording before what cannot be read. */
function readable(file: Uint8Array): Uint8Array {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  let at = 0;
  while (at + HEADER <= file.length) {
    const length = view.getUint32(at, true);
    if (length < HEADER || at + length > file.length) break;
    at += padded(length);
  }
  return file.subarray(0, Math.min(at, file.length));
}

function eventOf(
  one: { message: DecodedMessage; bytes: Uint8Array },
  protocol: Protocol,
  space: RecordedPlace,
  time: number,
  shown: ReadonlySet<ObjectName>,
): MonitorEvent | undefined {
  const telling = tellingOf(protocol, one.message);
  if (telling === undefined) return undefined;
  if (telling.object === 'link') space.devices.learn(one.message);
  if (telling.object === 'nftables') space.sets.learn(one.message);
  const object =
    telling.object === 'neighbour' && shown.has('fdb') && isForwarding(one.message) ? 'fdb' : telling.object;
  if (!shown.has(object)) return undefined;
  return { event: telling.event, object, time, space, ...one, found: false };
}
