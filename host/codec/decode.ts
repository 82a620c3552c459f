import type { AttributesOf, HeaderOf, Message, Protocol } from '../schema/definition.js';
import { type DecodedMessage, type Found, nodesOf, rubbish, toObject, visitMessages } from './block.js';
import { compileObject, type ObjectMaker } from './compiled.js';
import { DecodeError } from './errors.js';
import { STATUS_FLEETING, STATUS_TRUNCATED } from './layout.js';
import { type Registry, registry } from './registry.js';

/** A decoded message of a known kind. */
export interface MessageOf<M extends Message> extends DecodedMessage {
  name: M['name'];
  header: HeaderOf<M> & Record<string, unknown>;
  attributes: AttributesOf<M> & Record<string | number, unknown>;
}

/** Is `message` of this kind? Narrows its header and attributes to the schema's types. */
export function isMessage<M extends Message>(message: DecodedMessage, kind: M): message is MessageOf<M> {
  return message.name === kind.name;
}

interface Maker {
  uses: number;
  make: ObjectMaker | undefined;
}

/** A shape met so often gets a compiled function. */
const USES_BEFORE_COMPILING = 24;
const MAXIMUM_MAKERS = 1024;
const makers = new Map<number, Maker>();
let makersGeneration = -1;
let lastSerial = -1;
let lastMaker: Maker | undefined;

function makerOf(serial: number): Maker {
  if (serial === lastSerial && lastMaker !== undefined) return lastMaker;
  let maker = makers.get(serial);
  if (maker === undefined) {
    if (makers.size >= MAXIMUM_MAKERS) makers.clear();
    maker = { uses: 0, make: undefined };
    makers.set(serial, maker);
  }
  lastSerial = serial;
  lastMaker = maker;
  return maker;
}

let calls = 0;

function objectOf(owner: Registry, found: Found): DecodedMessage {
  const { memory, generation } = owner.machine;
  if (found.message !== undefined && (found.status & (STATUS_FLEETING | STATUS_TRUNCATED)) === 0) {
    if (generation !== makersGeneration) {
      makers.clear();
      lastSerial = -1;
      makersGeneration = generation;
    }
    const maker = makerOf(found.serial);
    if (maker.make !== undefined) {
      return maker.make(memory, found.address, found.type, found.flags, found.seq, found.pid, calls);
    }
    if (++maker.uses === USES_BEFORE_COMPILING) {
      maker.make = compileObject(found.message, found, nodesOf(memory, found.shape));
    }
  }
  return toObject(owner, found, memory, found.address, nodesOf(memory, found.shape));
}

/** Decodes messages of registered families from a block of bytes; `only` leaves out all but one kind. */
export function decodeMessages(
  protocol: Protocol,
  bytes: Uint8Array,
  only?: Message,
  owner: Registry = registry(),
): DecodedMessage[] {
  const out: DecodedMessage[] = [];
  calls = (calls + 1) | 0;
  owner.machine.loadPieces(bytes, (address, length, _before, final) =>
    appendMessages(protocol, address, length, final, out, only, owner),
  );
  return out;
}

/** `decodeMessages` for a block that is in the module's memory already; appends to `out`. */
export function decodeLoaded(
  protocol: Protocol,
  address: number,
  length: number,
  out: DecodedMessage[],
  only?: Message,
  owner: Registry = registry(),
): void {
  calls = (calls + 1) | 0;
  appendMessages(protocol, address, length, true, out, only, owner);
}

function appendMessages(
  protocol: Protocol,
  address: number,
  length: number,
  final: boolean,
  out: DecodedMessage[],
  only: Message | undefined,
  owner: Registry,
): number {
  const directory = owner.directory(protocol);
  const wanted = only === undefined ? undefined : owner.compile(only).identifier;
  return visitMessages(
    owner,
    directory,
    address,
    length,
    (found) => {
      if (wanted !== undefined && found.message?.identifier !== wanted) return;
      out.push(found.shape === 0 ? rubbish(found, owner.machine.memory) : objectOf(owner, found));
    },
    final,
  );
}

export function unknownProtocol(protocol: string, known: readonly string[]): DecodeError {
  return new DecodeError(
    'ERR_UNKNOWN_PROTOCOL',
    `unknown netlink protocol '${protocol}': expected one of ${known.join(', ')}`,
  );
}
