import type { ShapeNodes } from './block.js';
import { codeAllowed } from './code.js';
import { alignedLeaf, isIp } from './compiled.js';
import { MESSAGE_HEADER_LENGTH, TYPE_MASK } from './constants.js';
import { NODE_WORDS, RAW } from './layout.js';
import { layoutOf, leafReader } from './leaves.js';
import type { Source } from './machine.js';
import { endOf, fieldReader } from './objects.js';
import type { CompiledMessage, Registry } from './registry.js';
import type { Field } from './table.js';
import { formatIpv4Word } from './text.js';

/* What a view keeps, under symbols: attributes may have any name. */
export const SOURCE = Symbol('source');
export const ADDRESS = Symbol('address');
export const SHAPE = Symbol('shape');

/** A shape as views keep it: the nodes, where each attribute is, and what all its messages share. */
export interface ViewShape extends ShapeNodes {
  /** Node by attribute number, plus one; 0 where the message lacks the attribute. */
  readonly slots: Uint16Array;
  /** By attribute number two words: bytes from the message's start to the value (0: there is none), bytes of the value. */
  readonly places: Uint32Array;
  readonly owner: Registry;
  readonly message: CompiledMessage | undefined;
  readonly length: number;
  readonly status: number;
}

export interface Place {
  readonly [SOURCE]: Source;
  readonly [ADDRESS]: number;
  readonly [SHAPE]: ViewShape;
}

type Getter = (this: Place) => unknown;

/** Getters of a message's attributes, and of header fields where no attribute has the name. */
export function gettersOf({ definition, set }: CompiledMessage): Map<string, Getter> {
  const getters = new Map<string, Getter>();
  for (const { name, type, at, size } of layoutOf(definition.header)) {
    if (name.startsWith('pad') || size === 0) continue;
    const read = leafReader(type);
    const offset = MESSAGE_HEADER_LENGTH + at;
    getters.set(name, function (this: Place) {
      return offset + size > this[SHAPE].length
        ? undefined
        : read(this[SOURCE], this[ADDRESS] + offset, size);
    });
  }
  for (const field of set.byName.values()) {
    getters.set(field.name, field.list ? listGetter(field) : (leafGetter(field) ?? getter(field)));
  }
  return getters;
}

const leaves: readonly string[] = ['integer', 'autoInteger', 'string', 'flag', 'bitfield32', 'binary'];

/**
 * A leaf's getter, with code of its own: what the getters of all attributes share would be compiled for none of them.
 * Nothing for what is no leaf, and where code from strings is forbidden.
 */
function leafGetter({ type, number }: Field): Getter | undefined {
  if (!leaves.includes(type.kind) || !codeAllowed()) return undefined;
  const other = `read(s,a,p[${2 * number + 1}])`;
  const value = isIp(type)
    ? `p[${2 * number + 1}]===4?ipv4(s.u32[a>>2]):${other}`
    : (alignedLeaf(type, 'a') ?? other);
  const body = `return function(){const p=this[SHAPE].places,o=p[${2 * number}];if(o===0)return undefined;const s=this[SOURCE],a=this[ADDRESS]+o;return ${value}}`;
  return new Function('SOURCE', 'ADDRESS', 'SHAPE', 'read', 'ipv4', body)(
    SOURCE,
    ADDRESS,
    SHAPE,
    leafReader(type),
    formatIpv4Word,
  ) as Getter;
}

function getter(field: Field): Getter {
  return function (this: Place) {
    const shape = this[SHAPE];
    const slot = shape.slots[field.number] as number;
    return slot === 0 ? undefined : fieldReader(field)(this[SOURCE], this[ADDRESS], shape, slot - 1);
  };
}

function listGetter(field: Field): Getter {
  return function (this: Place) {
    const shape = this[SHAPE];
    const slot = shape.slots[field.number] as number;
    if (slot === 0) return undefined;
    const read = fieldReader(field);
    const out: unknown[] = [];
    for (let node = slot - 1; node < shape.count; node = endOf(shape, node)) {
      const head = shape.words[node * NODE_WORDS] as number;
      if ((head & TYPE_MASK) === field.number && head >>> 16 !== RAW) {
        out.push(read(this[SOURCE], this[ADDRESS], shape, node));
      }
    }
    return out;
  };
}
