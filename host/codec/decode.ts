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
import type { Source } from './machine.js';
import { type CompiledMessage, type Registry, registry } from './registry.js';
import { Makers, type Selection } from './selection.js';

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

/** A shape met so often gets a compiled function. */
const USES_BEFORE_COMPILING = 24;
const wholeMessages = new Makers();

let calls = 0;

/** Appends the objects of a run of messages. */
function appendRun(
  owner: Registry,
  found: Found,
  count: number,
  out: DecodedMessage[],
  selection: Selection | undefined,
): void {
  const { memory } = owner.machine;
  const maker = (selection?.makers ?? wholeMessages).of(owner, found);
  const names = selection?.names;
  let left = count;
  while (maker?.make === undefined) {
    out.push(toObject(owner, found, memory, found.address, nodesOf(memory, found.shape), names));
    if (maker !== undefined && ++maker.uses === USES_BEFORE_COMPILING) {
      maker.make = compileObject(
        found.message as CompiledMessage,
        found,
        nodesOf(memory, found.shape),
        names,
      );
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
    appendMessages(protocol, address, length, final, out, { only, owner }),
  );
  return out;
}

/** `decodeMessages` for a block that is in the memory of the process's own module already; appends to `out`. */
export function decodeLoaded(
  protocol: Protocol,
  address: number,
  length: number,
  out: DecodedMessage[],
  only?: Message,
  selection?: Selection,
): void {
  calls = (calls + 1) | 0;
  appendMessages(protocol, address, length, true, out, { only, owner: registry(), selection });
}

function appendMessages(
  protocol: Protocol,
  address: number,
  length: number,
  final: boolean,
  out: DecodedMessage[],
  {
    only,
    owner,
    selection,
  }: { only: Message | undefined; owner: Registry; selection?: Selection | undefined },
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
      else appendRun(owner, found, count, out, selection);
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
