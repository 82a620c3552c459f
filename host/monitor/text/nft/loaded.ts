import { Unknown } from './elements.js';
import type { Field } from './fields.js';
import { bitNames, type DataType, numberIn, prefixLength } from './types.js';

/** Where in a packet something is, as far as a rule that looks there says which protocol it is. */
export type Layer = 'network' | 'transport';

/** What an expression left in a register. */
export interface Loaded {
  readonly text: string;
  readonly size: number;
  readonly type?: DataType | undefined;
  /** Several that lie behind one another. */
  readonly fields?: readonly Field[];
  /** Layers whose protocol is told by looking there. */
  readonly layers?: readonly Layer[];
  /** A constant. */
  readonly value?: Uint8Array | undefined;
  /** Bits that are left. */
  readonly mask?: Uint8Array | undefined;
  /** Bits were changed in another way. */
  readonly changed?: boolean;
  /** What comes out of a map, as long as its values. */
  readonly words?: number;
  /** Which protocol it tells, when it is compared with one. */
  readonly tells?: Layer | undefined;
  /** Whether there is a route, rather than which. */
  readonly presence?: boolean;
}

type Operator = string | number | undefined;

const signs: Readonly<Record<string, string>> = {
  eq: '',
  neq: '!= ',
  lt: '< ',
  lte: '<= ',
  gt: '> ',
  gte: '>= ',
};

export function sign(op: Operator): string {
  const text = signs[String(op)];
  if (text === undefined) throw new Unknown();
  return text;
}

const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);

function maskedText({ text, mask }: Loaded, type: DataType, op: Operator, value: Uint8Array): string {
  const bits = mask as Uint8Array;
  if (type.bits !== undefined) {
    const names = bitNames(type.bits, Number(numberIn(bits, type.host)));
    if (isZero(value)) return op === 'neq' ? `${text} ${names}` : `${text} ! ${names}`;
    if (type.name !== 'tcp_flag') throw new Unknown();
    return `${text} ${sign(op)}${type.text(value)} / ${names}`;
  }
  const length = type.prefix ? prefixLength(bits) : undefined;
  if (length !== undefined) return `${text} ${sign(op)}${type.text(value)}/${length}`;
  if (type.name !== 'mark' && !type.prefix) throw new Unknown();
  return `${text} & ${type.text(bits)} ${op === 'eq' ? '==' : sign(op).trim()} ${type.text(value)}`;
}

/** A comparison as nft writes it: `tcp dport != 80`. Throws Unknown. */
export function comparisonText(loaded: Loaded, op: Operator, value: Uint8Array): string {
  const { text, type, changed, mask, presence } = loaded;
  if (presence) return `${text} ${isZero(value) === (op === 'eq') ? 'missing' : 'exists'}`;
  if (type === undefined || changed) throw new Unknown();
  if (mask !== undefined) return maskedText(loaded, type, op, value);
  if (type.prefix && value.length < type.size) {
    const whole = new Uint8Array(type.size);
    whole.set(value);
    return `${text} ${sign(op)}${type.text(whole)}/${value.length * 8}`;
  }
  const explicit = type.bits !== undefined && op === 'eq' ? '== ' : sign(op);
  return `${text} ${explicit}${type.text(value)}`;
}

const invert = (bytes: Uint8Array): Uint8Array => bytes.map((byte) => ~byte);
const both = (a: Uint8Array, b: Uint8Array, join: (x: number, y: number) => number): Uint8Array =>
  a.map((byte, i) => join(byte, b[i] ?? 0));

/** What is left of it after `(it & mask) ^ xor`. */
export function changedBy(loaded: Loaded, mask: Uint8Array, xor: Uint8Array): Loaded {
  const { type, text } = loaded;
  if (type === undefined || loaded.mask !== undefined || loaded.changed || loaded.fields !== undefined)
    throw new Unknown();
  // an or clears bits and sets them again
  const or = both(xor, invert(mask), (x, y) => x & y);
  const flipped = both(xor, or, (x, y) => x ^ y);
  const and = both(mask, or, (x, y) => x | y);
  if (isZero(or) && isZero(flipped)) return { ...loaded, mask };
  let out = text;
  if (!isZero(invert(and))) out += ` & ${type.text(and)}`;
  if (!isZero(flipped)) out += ` ^ ${type.text(flipped)}`;
  if (!isZero(or)) out += ` | ${type.text(or)}`;
  return { ...loaded, text: out, changed: true };
}

/** As a key or as what is written somewhere: with what was done to it. */
export function operandText({ text, mask, type, value }: Loaded, as: DataType | undefined = type): string {
  if (value !== undefined) {
    if (as === undefined) throw new Unknown();
    return as.text(value);
  }
  if (mask === undefined) return text;
  if (type === undefined || type.bits !== undefined) throw new Unknown();
  return `${text} & ${type.text(mask)}`;
}
