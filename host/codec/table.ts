import type { AttributeSet, SetReference, Struct, TypeData } from '../schema/definition.js';
import type { SetWriter } from './compiled-writers.js';
import type { KeyOrders } from './key-order.js';
import { kinds, SIZE_AUTO, selectorModes } from './layout.js';
import type { Machine } from './machine.js';
import type { FieldReader } from './objects.js';
import type { FieldWriter } from './writers.js';

/** An attribute as readers and writers see it: its type, with the schemas below it compiled. */
export interface Field {
  readonly name: string;
  readonly number: number;
  /** May it stand several times? Then values are gathered in an array, and `type` is that of one. */
  readonly list: boolean;
  readonly type: TypeData;
  /** The set below a nest, an embedded set or a sequence's records. */
  readonly set?: CompiledSet;
  /** The elements of an indexed or keyed nest. */
  readonly element?: Field;
  /** A choice: its variants in the table's order, and their names. */
  readonly variants?: readonly Field[];
  readonly variantNames?: readonly string[];
  readonly otherwise?: Field;
  /** Made when first needed. */
  reader?: FieldReader;
  writer?: FieldWriter;
}

/** An attribute set, compiled: a table in the module's memory, and the same by name for the host. */
export class CompiledSet {
  readonly name: string;
  /** Of the table; 0 for the empty set. */
  address = 0;
  readonly byNumber: (Field | undefined)[] = [];
  readonly byName = new Map<string, Field>();
  /** Functions for orders of attributes that keep being written. */
  orders: KeyOrders<SetWriter> | undefined;
  constructor(name: string) {
    this.name = name;
  }
}

const SET_HEADER = 8;
const ENTRY = 8;

/** Bytes of a struct, or 0 when its last field takes what is left. */
export function structSize(struct: Struct): number {
  let size = 0;
  for (const type of Object.values(struct.fields)) {
    const bytes = fixedSize(type);
    if (bytes === 0) return 0;
    size += bytes;
  }
  return size;
}

/** Bytes of a type whose payload has but one length, else 0. */
export function fixedSize(type: TypeData): number {
  switch (type.kind) {
    case 'integer':
      return type.size;
    case 'bitfield32':
      return 8;
    case 'binary':
    case 'string':
      return type.length ?? 0;
    case 'struct':
      return structSize(type.struct);
    default:
      return 0;
  }
}

/** Compiles schemas to tables, each set once. */
export class Tables {
  readonly #machine: Machine;
  readonly #sets = new Map<AttributeSet, CompiledSet>();
  constructor(machine: Machine) {
    this.#machine = machine;
  }

  set(reference: SetReference, header?: Struct): CompiledSet {
    const schema = typeof reference === 'function' ? reference() : reference;
    const known = this.#sets.get(schema);
    if (known !== undefined) return known;
    const compiled = new CompiledSet(schema.name);
    this.#sets.set(schema, compiled);
    let count = 0;
    for (const [number] of Object.values(schema.attributes)) count = Math.max(count, number + 1);
    const address = this.#machine.allocate(SET_HEADER + count * ENTRY);
    compiled.address = address;
    const { u32 } = this.#machine.memory;
    u32[address >> 2] = count;
    u32.fill(0, (address + SET_HEADER) >> 2, (address + SET_HEADER + count * ENTRY) >> 2);
    for (const [name, [number, type]] of Object.entries(schema.attributes)) {
      const field = this.#field(name, number, type, schema, header);
      compiled.byNumber[number] = field;
      compiled.byName.set(name, field);
      this.#entry(address + SET_HEADER + number * ENTRY, field, schema, header);
    }
    return compiled;
  }

  #field(
    name: string,
    number: number,
    type: TypeData,
    schema: AttributeSet,
    header: Struct | undefined,
  ): Field {
    const list = type.kind === 'list';
    const own = list ? type.element : type;
    const base = { name, number, list, type: own };
    switch (own.kind) {
      case 'nest':
      case 'embedded':
      case 'sequence':
        return { ...base, set: this.set(own.set, header) };
      case 'indexed':
      case 'keyed':
        return { ...base, element: this.#field(name, 0, own.element, schema, header) };
      case 'choice': {
        const variantNames = Object.keys(own.variants);
        const variants = variantNames.map((key) =>
          this.#field(name, number, own.variants[key] as TypeData, schema, header),
        );
        const otherwise =
          own.otherwise === undefined ? undefined : this.#field(name, number, own.otherwise, schema, header);
        return otherwise === undefined
          ? { ...base, variants, variantNames }
          : { ...base, variants, variantNames, otherwise };
      }
      default:
        return base;
    }
  }

  /** Writes the 8 bytes that describe a field to the module. */
  #entry(address: number, field: Field, schema: AttributeSet, header: Struct | undefined): void {
    let kind: number = kinds.leaf;
    let size = 0;
    let target = 0;
    const { type } = field;
    switch (type.kind) {
      case 'nest':
        kind = kinds.nest;
        target = field.set?.address ?? 0;
        break;
      case 'embedded':
      case 'sequence':
        kind = type.kind === 'embedded' ? kinds.embedded : kinds.sequence;
        size = structSize(type.struct);
        target = field.set?.address ?? 0;
        break;
      case 'indexed':
      case 'keyed':
        kind = kinds.elements;
        target = this.#machine.allocate(ENTRY);
        this.#entry(target, field.element as Field, schema, header);
        break;
      case 'choice':
        kind = kinds.choice;
        target = this.#choice(field, type.selector, schema, header);
        break;
      case 'autoInteger':
        size = SIZE_AUTO;
        break;
      case 'struct':
        break; // may be shorter or longer than known
      default:
        size = fixedSize(type);
    }
    const { u32 } = this.#machine.memory;
    u32[address >> 2] = kind | (size << 16);
    u32[(address >> 2) + 1] = target;
  }

  #choice(field: Field, selector: string, schema: AttributeSet, header: Struct | undefined): number {
    const variants = field.variants as readonly Field[];
    const names = field.variantNames as readonly string[];
    const address = this.#machine.allocate(20 + variants.length * 16);
    const where = selectorOf(selector, schema, header);
    const words = [
      where.mode | (where.bigEndian ? 0x100 : 0) | (where.size << 16),
      where.at,
      variants.length,
    ];
    words.forEach((word, i) => {
      this.#machine.memory.u32[(address >> 2) + i] = word;
    });
    if (field.otherwise === undefined) {
      this.#machine.memory.u32[(address >> 2) + 3] = kinds.leaf;
      this.#machine.memory.u32[(address >> 2) + 4] = 0;
    } else this.#entry(address + 12, field.otherwise, schema, header);
    variants.forEach((variant, i) => {
      const at = address + 20 + i * 16;
      const name = names[i] as string;
      let key: number;
      if (where.mode === selectorModes.string) {
        key = this.#machine.allocate(name.length);
        for (let c = 0; c < name.length; c++) this.#machine.memory.u8[key + c] = name.charCodeAt(c);
      } else key = where.names?.[name] ?? Number(name);
      this.#machine.memory.u32[at >> 2] = key;
      this.#machine.memory.u32[(at >> 2) + 1] = name.length;
      this.#entry(at + 8, variant, schema, header);
    });
    return address;
  }
}

interface Selector {
  mode: number;
  at: number;
  size: number;
  bigEndian: boolean;
  names?: Readonly<Record<string, number>> | undefined;
}

function selectorOf(selector: string, schema: AttributeSet, header: Struct | undefined): Selector {
  if (selector.startsWith('header.')) {
    const wanted = selector.slice('header.'.length);
    let at = 16; // behind nlmsghdr
    for (const [name, type] of Object.entries(header?.fields ?? {})) {
      if (name === wanted && type.kind === 'integer') {
        return {
          mode: selectorModes.header,
          at,
          size: type.size,
          bigEndian: type.bigEndian,
          names: type.names,
        };
      }
      at += fixedSize(type);
    }
    throw new TypeError(`schema ${schema.name}: no field ${wanted} in the header to choose by`);
  }
  const attribute = schema.attributes[selector];
  if (attribute === undefined)
    throw new TypeError(`schema ${schema.name}: no attribute ${selector} to choose by`);
  const [at, type] = attribute;
  if (type.kind === 'string') return { mode: selectorModes.string, at, size: 0, bigEndian: false };
  if (type.kind !== 'integer')
    throw new TypeError(`schema ${schema.name}: ${selector} is neither string nor number`);
  return { mode: selectorModes.number, at, size: 0, bigEndian: type.bigEndian, names: type.names };
}
