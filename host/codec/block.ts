import { nlmsgerr, nlmsghdr } from '../schema/control.js';
import { controlTypes, MESSAGE_HEADER_LENGTH } from './constants.js';
import { RECORD_SIZE, SHAPE_NODES, SHAPE_SIZE, STATUS_TRUNCATED } from './layout.js';
import { structReader } from './leaves.js';
import type { Source } from './machine.js';
import { type Nodes, readSet } from './objects.js';
import type { CompiledMessage, Registry } from './registry.js';

/** A message as a plain object. */
export interface DecodedMessage {
  /** The kernel's name of the message (`newroute`), `noop`, `error`, `done`, `overrun`, or `unknown`. */
  name: string;
  /** nlmsg_type */
  type: number;
  /** nlmsg_flags */
  flags: number;
  /** nlmsg_seq */
  seq: number;
  /** nlmsg_pid */
  pid: number;
  /** The family's header. Of an error: `error` (0 or a negative errno) and `request`, the header of what it answers. */
  header: Record<string, unknown>;
  /** The attributes; of an error or done message those of the extended acknowledgement. */
  attributes: Record<string | number, unknown>;
  /** The message was cut short, or its attributes do not add up; what could be read is here. */
  truncated?: true;
  /** The bytes behind nlmsghdr of a message that no registered family has, or that is no message at all. */
  raw?: Uint8Array;
}

/** What the module found out about one message; offsets count from the block's start. */
export interface Found {
  /** Address of the message in the source. */
  address: number;
  length: number;
  type: number;
  flags: number;
  seq: number;
  pid: number;
  message: CompiledMessage | undefined;
  status: number;
  /** Address of the shape; 0 when the bytes are no message. */
  shape: number;
  serial: number;
}

const RECORDS = 1024;

const readError = structReader(nlmsgerr);
const readRequest = structReader(nlmsghdr);

/** Words of the record of a run. */
export const runWords = {
  address: 0,
  length: 1,
  count: 2,
  identifierAndStatus: 5,
  shape: 6,
  serial: 7,
} as const;

/** Gets records `first` to `last`, both given as numbers of words. It must not call back into the codec. */
type TakeRecords = (u32: Uint32Array, first: number, last: number) => void;

export const RECORD_WORDS = RECORD_SIZE / 4;

/**
 * Walks the messages in a piece of the module's memory. `take` gets what the module wrote down about runs of
 * them that are built the same, some at a time. Unless the piece is the `final` one of its block, a message that it cuts off is left for the next. Returns
 * the bytes of what was walked.
 */
export function scanRecords(
  { machine }: Registry,
  directory: number,
  start: number,
  length: number,
  final: boolean,
  take: TakeRecords,
): number {
  const { exports, memory } = machine;
  const end = start + length;
  const out = machine.records.reserve(RECORDS * RECORD_SIZE);
  const first = out >> 2;
  let at = start;
  let single = false;
  while (at < end) {
    const count = exports.scan(directory, at, end, out, RECORDS);
    at = exports.position.value as number;
    const { u32 } = memory;
    const last = first + count * RECORD_WORDS;
    if (!final && at >= end && count > 0) {
      const cut = last - RECORD_WORDS;
      if (((u32[cut + runWords.identifierAndStatus] as number) >>> 16) & STATUS_TRUNCATED) {
        take(u32, first, cut);
        return (u32[cut] as number) - start;
      }
    }
    take(u32, first, last);
    if (count < RECORDS && at < end) {
      machine.makeRoomForShapes(count === 0 && single);
      single = count === 0;
    } else single = false;
  }
  return length;
}

/**
 * Visits the runs of messages in a piece of memory (see `scanRecords`); `found` is the same object each time and
 * describes the first of `count` messages.
 */
export function visitRuns(
  owner: Registry,
  directory: number,
  start: number,
  length: number,
  visit: (found: Found, count: number) => void,
  final = true,
): number {
  const found: Found = {
    address: 0,
    length: 0,
    type: 0,
    flags: 0,
    seq: 0,
    pid: 0,
    message: undefined,
    status: 0,
    shape: 0,
    serial: 0,
  };
  return scanRecords(owner, directory, start, length, final, (u32, first, last) => {
    for (let record = first; record < last; record += RECORD_WORDS) {
      const tail = u32[record + runWords.identifierAndStatus] as number;
      found.address = u32[record + runWords.address] as number;
      found.length = u32[record + runWords.length] as number;
      found.message = owner.messages[tail & 0xffff];
      found.status = tail >>> 16;
      found.shape = u32[record + runWords.shape] as number;
      found.serial = u32[record + runWords.serial] as number;
      if (found.shape === 0) found.type = found.flags = found.seq = found.pid = 0;
      else readHeader(found, u32);
      visit(found, u32[record + runWords.count] as number);
    }
  });
}

function readHeader(found: Found, u32: Uint32Array): void {
  const at = found.address >> 2;
  const head = u32[at + 1] as number;
  found.type = head & 0xffff;
  found.flags = head >>> 16;
  found.seq = u32[at + 2] as number;
  found.pid = u32[at + 3] as number;
}

/** Bytes from a message to the next of its run. */
export function strideOf({ length }: Found): number {
  return (length + 3) & ~3;
}

/** Makes `found` describe the next message of its run. */
export function proceed(found: Found, { u32 }: Source): void {
  found.address += strideOf(found);
  readHeader(found, u32);
}

/** A shape's nodes, and how many there are. */
export interface ShapeNodes extends Nodes {
  readonly count: number;
}

/** The nodes of a shape where the module has them: good until shapes are forgotten. */
export function nodesOf(memory: Source, shape: number): ShapeNodes {
  return {
    words: memory.u32,
    first: (shape + SHAPE_SIZE) >> 2,
    count: memory.u32[(shape + SHAPE_NODES) >> 2] as number,
  };
}

const controlNames: Record<number, string> = Object.fromEntries(
  Object.entries(controlTypes).map(([name, type]) => [type, name]),
);

/** The plain object of a message, read node by node; with `names` only the attributes that are called so. `message` is its address in `source`. */
export function toObject(
  owner: Registry,
  found: Found,
  source: Source,
  message: number,
  nodes: ShapeNodes,
  names?: ReadonlySet<string>,
): DecodedMessage {
  const { type, length } = found;
  const out: DecodedMessage = {
    name: 'unknown',
    type,
    flags: found.flags,
    seq: found.seq,
    pid: found.pid,
    header: {},
    attributes: {},
  };
  const payload = message + MESSAGE_HEADER_LENGTH;
  if (found.message !== undefined) {
    const { definition, headerSize, set } = found.message;
    out.name = definition.name;
    out.header = headerReader(found.message)(
      source,
      payload,
      Math.min(headerSize, length - MESSAGE_HEADER_LENGTH),
    ) as Record<string, unknown>;
    out.attributes = readSet(set, source, message, nodes, 0, nodes.count, names);
  } else if (controlNames[type] !== undefined) {
    out.name = controlNames[type];
    if (type === controlTypes.error || type === controlTypes.done) {
      out.header = readError(source, payload, length - MESSAGE_HEADER_LENGTH) as Record<string, unknown>;
      if (type === controlTypes.error && length >= 2 * MESSAGE_HEADER_LENGTH + 4) {
        out.header.request = readRequest(source, payload + 4, MESSAGE_HEADER_LENGTH);
      }
      out.attributes = readSet(owner.ack, source, message, nodes, 0, nodes.count);
    }
  } else out.raw = source.u8.slice(payload, message + length);
  if (found.status & STATUS_TRUNCATED) out.truncated = true;
  return out;
}

const headerReaders = new WeakMap<CompiledMessage, ReturnType<typeof structReader>>();
export function headerReader(message: CompiledMessage): ReturnType<typeof structReader> {
  let reader = headerReaders.get(message);
  if (reader === undefined) {
    reader = structReader(message.definition.header);
    headerReaders.set(message, reader);
  }
  return reader;
}

/** What is left at the end of a block and is no message. */
export function rubbish(found: Found, source: Source): DecodedMessage {
  const raw = source.u8.slice(found.address, found.address + found.length);
  return {
    name: 'unknown',
    type: 0,
    flags: 0,
    seq: 0,
    pid: 0,
    header: {},
    attributes: {},
    truncated: true,
    raw,
  };
}
