import { extendedAckAttributes } from '../schema/control.js';
import type { AttributeSet, Family, Message, Protocol } from '../schema/definition.js';
import { type Machine, machine } from './machine.js';
import { type StructWriter, structWriter } from './structs.js';
import { type CompiledSet, structSize, Tables } from './table.js';

/** A message of a registered family, ready to be decoded and encoded. */
export interface CompiledMessage {
  readonly definition: Message;
  /** What the module calls it in records and columns. */
  readonly identifier: number;
  readonly headerSize: number;
  readonly set: CompiledSet;
  readonly headerWriter: StructWriter;
}

const PAGE_ENTRY = 12;
const PAGE_BYTES = 256 * PAGE_ENTRY;
const DIRECTORY_BYTES = 8 + 256 * 4;
const FAMILY_PAGE = 0xffff_ffff;

const empty: AttributeSet = { name: 'none', attributes: {} };

/** The families that the codec knows, as directories in the module's memory: one for each protocol. */
export class Registry {
  readonly machine: Machine;
  readonly tables: Tables;
  /** By identifier. */
  readonly messages: (CompiledMessage | undefined)[] = [undefined];
  readonly #byDefinition = new Map<Message, CompiledMessage>();
  readonly #directories = new Map<Protocol, number>();
  readonly #registered = new Set<Family>();
  /** Generic netlink: the page of a family's commands, by the number the kernel gave the family. */
  readonly #familyPages = new Map<number, number>();
  readonly #familyNames = new Map<number, string>();

  constructor(owner: Machine) {
    this.machine = owner;
    this.tables = new Tables(owner);
  }

  /** The address of a protocol's directory; its families need not be known. */
  directory(protocol: Protocol): number {
    const known = this.#directories.get(protocol);
    if (known !== undefined) return known;
    const ack = this.tables.set(extendedAckAttributes);
    const address = this.machine.allocate(DIRECTORY_BYTES);
    const { u32 } = this.machine.memory;
    u32.fill(0, address >> 2, (address + DIRECTORY_BYTES) >> 2);
    u32[address >> 2] = protocol === 'generic' ? 1 : 0;
    u32[(address >> 2) + 1] = ack.address;
    this.#directories.set(protocol, address);
    return address;
  }

  /** The extended-ack attributes' set. */
  get ack(): CompiledSet {
    return this.tables.set(extendedAckAttributes);
  }

  /**
   * Makes a family's messages known for decoding. A generic netlink family needs the number that the kernel gave
   * it (nlctrl's is 16); registering it under another number later adds that one.
   */
  register(family: Family, number?: number): void {
    if (family.protocol === 'generic') {
      const type = number ?? (family.name === 'nlctrl' ? 16 : undefined);
      if (type === undefined)
        throw new TypeError(`the number of generic netlink family ${family.name} is needed`);
      if (this.#familyNames.get(type) === family.name) return;
      this.#familyNames.set(type, family.name);
      const page = this.machine.allocate(PAGE_BYTES);
      this.machine.memory.u32.fill(0, page >> 2, (page + PAGE_BYTES) >> 2);
      this.#familyPages.set(type, page);
      const at = this.#page('generic', type) >> 2;
      this.machine.memory.u32[at] = FAMILY_PAGE;
      this.machine.memory.u32[at + 1] = page;
      for (const message of Object.values(family.messages))
        this.#enter(page + message.number * PAGE_ENTRY, message);
    } else {
      if (this.#registered.has(family)) return;
      this.#registered.add(family);
      for (const message of Object.values(family.messages)) {
        this.#enter(this.#page(family.protocol, message.number), message);
      }
    }
    this.machine.forgetShapes();
  }

  /** The name of a generic netlink family that was registered under `number`. */
  familyName(number: number): string | undefined {
    return this.#familyNames.get(number);
  }

  /** A message, compiled; its family need not be registered to encode it. */
  compile(message: Message): CompiledMessage {
    const known = this.#byDefinition.get(message);
    if (known !== undefined) return known;
    const compiled: CompiledMessage = {
      definition: message,
      identifier: this.messages.length,
      headerWriter: structWriter(message.header),
      headerSize: (structSize(message.header) + 3) & ~3,
      set: this.tables.set(message.attributes ?? empty, message.header),
    };
    this.messages.push(compiled);
    this.#byDefinition.set(message, compiled);
    return compiled;
  }

  /** The address of a type's entry in a protocol's pages. */
  #page(protocol: Protocol, type: number): number {
    const slot = (this.directory(protocol) + 8 + ((type >> 8) & 0xff) * 4) >> 2;
    let page = this.machine.memory.u32[slot] as number;
    if (page === 0) {
      page = this.machine.allocate(PAGE_BYTES);
      this.machine.memory.u32.fill(0, page >> 2, (page + PAGE_BYTES) >> 2);
      this.machine.memory.u32[slot] = page;
    }
    return page + (type & 0xff) * PAGE_ENTRY;
  }

  #enter(entry: number, message: Message): void {
    const compiled = this.compile(message);
    const { u32 } = this.machine.memory;
    // of several messages with one number the first named is decoded to
    if (u32[entry >> 2] !== 0) return;
    u32[entry >> 2] = compiled.identifier;
    u32[(entry >> 2) + 1] = compiled.set.address;
    u32[(entry >> 2) + 2] = compiled.headerSize;
  }
}

let shared: Registry | undefined;

/** The registry that the whole process shares; made at first use. */
export function registry(): Registry {
  shared ??= new Registry(machine());
  return shared;
}
