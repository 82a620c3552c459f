import type { AttributesOf, HeaderOf, Message, Protocol } from '../schema/definition.js';
import {
  type DecodedMessage,
  type Found,
  nodesOf,
  proceed,
  rubbish,
  strideOf,
  toObject,
  visitRuns,
} from './block.js';
import { compileObject, type ObjectMaker } from './compiled.js';
import { DecodeError } from './errors.js';
import { STATUS_FLEETING, STATUS_TRUNCATED } from './layout.js';
import type { Source } from './machine.js';
import { type CompiledMessage, type Registry, registry } from './registry.js';

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

/** What makes the objects of a shape; nothing when it isn't to be met again. */
function makerOf({ machine }: Registry, found: Found): Maker | undefined {
  if (found.message === undefined || (found.status & (STATUS_FLEETING | STATUS_TRUNCATED)) !== 0)
    return undefined;
  if (machine.generation !== makersGeneration) {
    makers.clear();
    makersGeneration = machine.generation;
  }
  let maker = makers.get(found.serial);
  if (maker === undefined) {
    if (makers.size >= MAXIMUM_MAKERS) makers.clear();
    maker = { uses: 0, make: undefined };
    makers.set(found.serial, maker);
  }
  return maker;
}

let calls = 0;

/** Appends the objects of a run of messages. */
function appendRun(owner: Registry, found: Found, count: number, out: DecodedMessage[]): void {
  const { memory } = owner.machine;
  const maker = makerOf(owner, found);
  let left = count;
  while (maker?.make === undefined) {
    out.push(toObject(owner, found, memory, found.address, nodesOf(memory, found.shape)));
    if (maker !== undefined && ++maker.uses === USES_BEFORE_COMPILING) {
      maker.make = compileObject(found.message as CompiledMessage, found, nodesOf(memory, found.shape));
    }
    if (--left === 0) return;
    proceed(found, memory);
  }
  appendMade(maker.make, memory, found.address, strideOf(found), left, out);
}

function appendMade(
  make: ObjectMaker,
  memory: Source,
  address: number,
  stride: number,
  count: number,
  out: DecodedMessage[],
): void {
  const call = calls;
  for (let n = 0; n < count; n++) out.push(make(memory, address + n * stride, call));
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
  return visitRuns(
    owner,
    directory,
    address,
    length,
    (found, count) => {
      if (wanted !== undefined && found.message?.identifier !== wanted) return;
      if (found.shape === 0) out.push(rubbish(found, owner.machine.memory));
      else appendRun(owner, found, count, out);
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
