import type { AcceptedAttributesOf, AcceptedHeaderOf, Message } from '../schema/definition.js';
import { EncodeError } from './errors.js';
import { ENCODE_NO_ROOM, ENCODE_TOO_LONG } from './layout.js';
import { type CompiledMessage, type Registry, registry } from './registry.js';
import { bytesOf, cut } from './slab.js';
import { writeStruct } from './structs.js';
import { Program, writeSet } from './writers.js';

/** What `encode` makes a message of. Fields and attributes that are `undefined` are not sent. */
export interface MessageInput<M extends Message> {
  /** nlmsg_flags, see `messageFlags`; 0 by default. */
  readonly flags?: number;
  /** nlmsg_seq */
  readonly seq?: number;
  /** nlmsg_pid: 0 for the kernel. */
  readonly pid?: number;
  /** nlmsg_type of a generic netlink family, which the kernel assigns; other messages know theirs. */
  readonly type?: number;
  readonly header?: AcceptedHeaderOf<M>;
  readonly attributes?: AcceptedAttributesOf<M>;
}

/** An input whose types were checked where it was made. */
export interface AnyMessageInput {
  readonly flags?: number;
  readonly seq?: number;
  readonly pid?: number;
  readonly type?: number;
  readonly header?: object;
  readonly attributes?: object;
}

const GUESS = 256;

/** Encodes one message; returns its bytes, nlmsghdr included. Throws EncodeError with the path of a value that does not fit. */
export function encode<M extends Message>(message: M, input: MessageInput<M> = {}): Uint8Array {
  const owner = registry();
  const length = encodeInto(owner, owner.compile(message), input as AnyMessageInput, 0);
  return taken(owner, length);
}

/** A copy of the output region's first bytes. */
function taken({ machine }: Registry, length: number): Uint8Array {
  const count = (length + 3) >> 2;
  const piece = cut(count);
  const { words, first } = piece;
  const { u32 } = machine.memory;
  const from = machine.output.address >> 2;
  for (let i = 0; i < count; i++) words[first + i] = u32[from + i] as number;
  return bytesOf(piece, 0, length);
}

/**
 * Encodes a message into the output region, `offset` bytes behind its start; returns its length in bytes (not
 * padded). What stood before `offset` stays.
 */
export function encodeInto(
  owner: Registry,
  message: CompiledMessage,
  input: AnyMessageInput,
  offset: number,
): number {
  const { machine } = owner;
  const program = new Program(machine);
  const header = (input.header ?? {}) as Record<string, unknown>;
  try {
    writeHeader(program, message, header);
  } catch (error) {
    throw error instanceof EncodeError ? error.within('header') : error;
  }
  if (input.attributes !== undefined) {
    try {
      writeSet(program, message.set, input.attributes as Record<string, unknown>, header);
    } catch (error) {
      throw error instanceof EncodeError ? error.within('attributes') : error;
    }
  }
  const type = input.type ?? typeOf(message);
  const typeAndFlags = (type & 0xffff) | ((input.flags ?? 0) << 16);
  for (let room = program.length + GUESS; ; room *= 2) {
    const output = machine.output.reserve(offset + room, true);
    const length = machine.exports.encode(
      machine.program.address,
      machine.program.address + program.length,
      message.headerSize,
      output + offset,
      output + machine.output.capacity,
      typeAndFlags,
      input.seq ?? 0,
      input.pid ?? 0,
    );
    if (length > 0) return length;
    if (length === ENCODE_TOO_LONG) {
      throw new EncodeError(
        'ERR_ATTRIBUTE_TOO_LONG',
        'attributes',
        'an attribute is longer than 65,535 bytes',
      );
    }
    if (length !== ENCODE_NO_ROOM) {
      throw new EncodeError('ERR_INVALID_VALUE', 'attributes', 'attributes are nested too deeply');
    }
  }
}

function typeOf({ definition }: CompiledMessage): number {
  if (definition.protocol !== 'generic') return definition.number;
  if (definition.family === 'nlctrl') return 16;
  throw new EncodeError(
    'ERR_UNKNOWN_FAMILY',
    'type',
    `the kernel's number of family ${definition.family} is needed`,
  );
}

function writeHeader(program: Program, message: CompiledMessage, header: Record<string, unknown>): void {
  const { definition, headerSize } = message;
  if (headerSize === 0) return;
  const at = program.room(headerSize);
  const { u32 } = program.machine.memory;
  for (let i = at >> 2; i < (at + headerSize) >> 2; i++) u32[i] = 0;
  writeStruct(program.machine.memory, at, message.headerWriter, header);
  if (definition.protocol === 'generic') {
    // genlmsghdr: the command is the message's number
    if (header.cmd === undefined) program.machine.memory.u8[at] = definition.number;
    if (header.version === undefined) program.machine.memory.u8[at + 1] = definition.version;
  }
}
