import type { IntegerType, TypeData } from '../schema/definition.js';
import { codeAllowed } from './code.js';
import { EncodeError } from './errors.js';
import { operations } from './layout.js';
import type { Source } from './machine.js';
import type { Part } from './structs.js';
import type { Field } from './table.js';
import { parseIpv4 } from './text.js';
import { integerValue } from './values.js';
import type { FieldWriter, Program } from './writers.js';

/*
 * Functions that write objects with certain keys in a certain order. As where objects are read, only schemas go into
 * their source text, and there are none where code from strings is forbidden.
 */

/** Writes the attributes of an object. */
export type SetWriter = (program: Program, values: object, header: object) => void;
/** Writes the fields of an object to an address whose bytes are zero. */
export type FieldsWriter = (source: Source, at: number, values: object) => void;

const STEP = 12;
const MAXIMUM: Readonly<Record<number, number>> = { 1: 0xff, 2: 0xffff };

/** Names under which values are known to a function. */
class Names {
  readonly values: unknown[] = [EncodeError, integerValue, parseIpv4];

  use(value: unknown): string {
    this.values.push(value);
    return `r${this.values.length - 1}`;
  }

  function<T>(source: string): T {
    return new Function(
      'EncodeError',
      'integerValue',
      'parseIpv4',
      ...this.values.slice(3).map((_, i) => `r${i + 3}`),
      source,
    )(...this.values) as T;
  }
}

/** An expression for the number of an integer that is `x`. */
function numberOf(names: Names, type: IntegerType): string {
  const general = `integerValue(${names.use(type)},x)`;
  if (type.signed) return general;
  const maximum = MAXIMUM[type.size];
  const fits = maximum === undefined ? '' : `&&x<=${maximum}`;
  return `typeof x==='number'&&x>>>0===x${fits}?x:${general}`;
}

/** A statement that writes the attribute `x` to the words at `u[a]`; nothing for types that are not worth one. */
function direct(
  names: Names,
  { type, number, list }: Field,
  coded: (type: IntegerType) => number,
): string | undefined {
  if (list) return undefined;
  if (type.kind === 'integer' && type.size !== 8) {
    const head = number | (operations.number << 16) | (coded(type) << 24);
    return `u[a+1]=${numberOf(names, type)};u[a]=${head};a+=2`;
  }
  return undefined;
}

/** A test for an IPv4 address given as text or as four bytes, with what writes it. */
function addressOf({ type, number, list }: Field): string | undefined {
  if (list || type.kind !== 'binary' || type.format !== 'ip' || (type.length ?? 4) !== 4) return undefined;
  const head = number | (operations.bytes << 16);
  const write = (word: string): string => `u[a]=${head};u[a+1]=4;u[a+2]=${word};a+=3;`;
  const bytes = 'x[0]|x[1]<<8|x[2]<<16|x[3]<<24';
  return (
    `if(typeof x==='string'&&(w=parseIpv4(x))>=0){${write('w')}}` +
    `else if(x instanceof Uint8Array&&x.length===4){${write(bytes)}}else `
  );
}

/**
 * A function for objects with the attributes `fields`, in this order. `writerOf` gives what writes any attribute,
 * `coded` the size of an integer as the module reads it. Undefined where no function may be made.
 */
export function compileSetWriter(
  fields: readonly Field[],
  writerOf: (field: Field) => FieldWriter,
  coded: (type: IntegerType) => number,
): SetWriter | undefined {
  if (!codeAllowed()) return undefined;
  const names = new Names();
  const room = fields.length * STEP;
  const body = fields.map((field) => {
    const key = JSON.stringify(field.name);
    // what a general writer writes may move the program
    const general = (): string =>
      `{p.end(a<<2);${names.use(writerOf(field))}(p,${field.number},x,v,h);a=p.begin(${room})>>2;u=p.machine.memory.u32}`;
    const write = direct(names, field, coded) ?? `${addressOf(field) ?? ''}${general()}`;
    return `k=${key};x=v[${key}];if(x!==undefined){${write}}`;
  });
  return names.function(
    `return function(p,v,h){let a=p.begin(${room})>>2,u=p.machine.memory.u32,x,w,k='';try{${body.join('\n')}}` +
      'catch(e){throw e instanceof EncodeError?e.within(k):e}p.end(a<<2)}',
  );
}

function fieldOf(names: Names, { type, at }: { type: TypeData; at: number }, part: Part): string {
  if (type.kind !== 'integer' || type.size === 8) return `${names.use(part.place)}(s,b+${at},x)`;
  const value = numberOf(names, type);
  if (type.size === 1) return `s.u8[b+${at}]=${value}`;
  return `s.view.setUint${type.size * 8}(b+${at},${value},${!type.bigEndian})`;
}

/** A function for objects with the fields `parts` of a struct, in this order. Undefined where no function may be made. */
export function compileFieldsWriter(parts: readonly Part[]): FieldsWriter | undefined {
  if (!codeAllowed()) return undefined;
  const names = new Names();
  const body = parts.map((part) => {
    const key = JSON.stringify(part.name);
    return `k=${key};x=v[${key}];if(x!==undefined){${fieldOf(names, part, part)}}`;
  });
  return names.function(
    `return function(s,b,v){let x,k='';try{${body.join('\n')}}` +
      'catch(e){throw e instanceof EncodeError?e.within(k):e}}',
  );
}
