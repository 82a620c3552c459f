import type { TypeData } from '../schema/definition.js';
import { type DecodedMessage, type Found, headerReader, type ShapeNodes } from './block.js';
import { codeAllowed } from './code.js';
import { MESSAGE_HEADER_LENGTH, TYPE_MASK } from './constants.js';
import { RAW } from './layout.js';
import { type LeafReader, layoutOf, leafReader, readBytes } from './leaves.js';
import type { Source } from './machine.js';
import { children, endOf, fieldReader } from './objects.js';
import type { CompiledMessage } from './registry.js';
import type { CompiledSet, Field } from './table.js';
import { formatIpv4Word } from './text.js';

/*
 * A shape that keeps coming back gets a function of its own, made of one object literal: every offset is a
 * constant in it, and every object it makes has the same hidden class. Only schemas, which are part of the
 * program, go into the source text, never a byte of a message. Where the host forbids code from strings (a
 * content security policy), messages are read node by node as those of rare shapes are.
 */

/** An expression for a leaf of the source `s` that can be read as it lies at `at`, a multiple of 4; nothing for others. */
export function alignedLeaf(type: TypeData, at: string): string | undefined {
  if (type.kind === 'flag') return 'true';
  if (type.kind !== 'integer' || type.names !== undefined || type.signed || type.bigEndian) return undefined;
  if (type.size === 1) return `s.u8[${at}]`;
  if (type.size === 2) return `s.u16[(${at})>>1]`;
  return type.size === 4 ? `s.u32[(${at})>>2]` : undefined;
}

/** Is this an IPv4 address when it has four bytes? */
export function isIp(type: TypeData): boolean {
  return type.kind === 'binary' && type.format === 'ip';
}

/** Makes the object of the message at address `b` of `s`. */
export type ObjectMaker = (
  s: Source,
  b: number,
  /** Number of the call that decodes: messages of one may share what is equal. */
  call: number,
) => DecodedMessage;

class Writer {
  readonly values: unknown[] = [];
  readonly #names = new Map<unknown, string>();

  /** The name under which `value` is known to the function. */
  use(value: unknown): string {
    let name = this.#names.get(value);
    if (name === undefined) {
      name = `r${this.values.length}`;
      this.values.push(value);
      this.#names.set(value, name);
    }
    return name;
  }

  /** An expression for a leaf at a constant offset from `b`. */
  leaf(read: LeafReader, field: { type: Field['type'] }, offset: number, length: number): string {
    const at = `b+${offset}`;
    if (offset % 4 === 0) {
      if (length === 4 && isIp(field.type)) return `${this.use(formatIpv4Word)}(s.u32[(${at})>>2])`;
      const aligned = alignedLeaf(field.type, at);
      if (aligned !== undefined) return aligned;
    }
    return `${this.use(read)}(s,${at},${length})`;
  }

  struct(field: { struct: Parameters<typeof layoutOf>[0] }, offset: number, length: number): string {
    const parts: string[] = [];
    for (const { name, type, at, size } of layoutOf(field.struct)) {
      if (at + size > length) break;
      if (name.startsWith('pad')) continue;
      const bytes = size === 0 ? length - at : size;
      parts.push(`${JSON.stringify(name)}:${this.leaf(leafReader(type), { type }, offset + at, bytes)}`);
    }
    return `{${parts.join(',')}}`;
  }

  set(set: CompiledSet, nodes: ShapeNodes, node: number, end: number, names?: ReadonlySet<string>): string {
    const values = new Map<string, string | string[]>();
    const add = (key: string, value: string, list: boolean): void => {
      const before = values.get(key);
      if (Array.isArray(before)) before.push(value);
      else values.set(key, list ? [value] : value);
    };
    for (; node < end; node = endOf(nodes, node)) {
      const at = nodes.first + node * 4;
      const head = nodes.words[at] as number;
      const offset = nodes.words[at + 1] as number;
      const length = nodes.words[at + 2] as number;
      const type = head & 0xffff;
      const field = set.byNumber[type & TYPE_MASK];
      if (names !== undefined && !names.has(field?.name ?? '')) continue;
      if (field === undefined || head >>> 16 === RAW) {
        const key = String(type);
        const value = `${this.use(readBytes)}(s,b+${offset},${length})`;
        const before = values.get(key);
        if (typeof before === 'string') values.set(key, [before, value]);
        else add(key, value, false);
      } else add(field.name, this.value(field, nodes, node, head >>> 16, offset, length), field.list);
    }
    const parts = [...values].map(
      ([key, value]) => `${JSON.stringify(key)}:${Array.isArray(value) ? `[${value.join(',')}]` : value}`,
    );
    return `{${parts.join(',')}}`;
  }

  value(
    field: Field,
    nodes: ShapeNodes,
    node: number,
    variant: number,
    offset: number,
    length: number,
  ): string {
    const { type } = field;
    switch (type.kind) {
      case 'nest':
        return this.set(field.set as CompiledSet, nodes, node + 1, endOf(nodes, node));
      case 'embedded':
        return `{header:${this.struct(type, offset, length)},attributes:${this.set(
          field.set as CompiledSet,
          nodes,
          node + 1,
          endOf(nodes, node),
        )}}`;
      case 'choice': {
        const chosen = variant === 0 ? field.otherwise : field.variants?.[variant - 1];
        return chosen === undefined
          ? `${this.use(readBytes)}(s,b+${offset},${length})`
          : this.value(chosen, nodes, node, 0, offset, length);
      }
      case 'sequence':
        return `[${children(nodes, node)
          .map((record) => {
            const at = nodes.first + record * 4;
            const from = nodes.words[at + 1] as number;
            const bytes = nodes.words[at + 2] as number;
            const attributes = this.set(field.set as CompiledSet, nodes, record + 1, endOf(nodes, record));
            return `{header:${this.struct(type, from, bytes)},attributes:${attributes}}`;
          })
          .join(',')}]`;
      case 'indexed':
      case 'keyed': {
        // rare in messages that come by the thousand: read from a copy of the nodes
        const copy = { words: nodes.words.slice(nodes.first, nodes.first + nodes.count * 4), first: 0 };
        const read = fieldReader(field);
        return `${this.use((source: Source, message: number) => read(source, message, copy, node))}(s,b)`;
      }
      case 'struct':
        return this.struct(type, offset, length);
      default:
        return this.leaf(leafReader(type), field, offset, length);
    }
  }
}

/** All messages of a shape are of one type; the rest of nlmsghdr is read, `u` being the words and `i` the first one's number. */
function literal(message: CompiledMessage, type: number, header: string, attributes: string): string {
  const name = JSON.stringify(message.definition.name);
  return `return{name:${name},type:${type},flags:u[i+1]>>>16,seq:u[i+2],pid:u[i+3],header:${header},attributes:${attributes}}`;
}

const begin = 'return function(s,b,call){const u=s.u32,i=b>>2;';

/**
 * Messages of one call whose headers are the same words share one object for it, which is frozen: in a dump of routes
 * nearly all do. Only within a call: what was handed out before is its owner's.
 */
function sharing(words: number, header: string, make: (header: string) => string): string {
  const numbers = Array.from({ length: words }, (_, n) => n);
  const word = (n: number): string => `u[i+${MESSAGE_HEADER_LENGTH / 4 + n}]`;
  const same = numbers.map((n) => `${word(n)}===w${n}`).join('&&');
  const keep = numbers.map((n) => `w${n}=${word(n)};`).join('');
  return `let last=-1,shared,frozen=false,${numbers.map((n) => `w${n}=0`).join(',')};
${begin}let h;
if(last===call&&${same}){h=shared;if(!frozen){Object.freeze(h);frozen=true}}else{h=${header};shared=h;frozen=false;last=call;${keep}}
${make('h')}}`;
}

/** A function for messages of this shape, or nothing where code from strings is forbidden; with `only` for the attributes that are called so. */
export function compileObject(
  message: CompiledMessage,
  found: Found,
  nodes: ShapeNodes,
  only?: ReadonlySet<string>,
): ObjectMaker | undefined {
  if (!codeAllowed()) return undefined;
  const writer = new Writer();
  const header =
    found.length >= MESSAGE_HEADER_LENGTH + message.headerSize
      ? writer.struct({ struct: message.definition.header }, MESSAGE_HEADER_LENGTH, message.headerSize)
      : `${writer.use(headerReader(message))}(s,b+16,${found.length - MESSAGE_HEADER_LENGTH})`;
  const attributes = writer.set(message.set, nodes, 0, nodes.count, only);
  const words = message.headerSize / 4;
  const whole = found.length >= MESSAGE_HEADER_LENGTH + message.headerSize && words > 0;
  const make = (made: string): string => literal(message, found.type, made, attributes);
  const body = whole ? sharing(words, header, make) : `${begin}${make(header)}}`;
  const names = writer.values.map((_, i) => `r${i}`);
  return new Function(...names, body)(...writer.values) as ObjectMaker;
}
