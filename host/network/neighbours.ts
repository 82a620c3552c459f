import type { DecodedMessage } from '../codec/block.js';
import { NetlinkError } from '../netlink/errors.js';
import type { CallOptions } from '../netlink/socket.js';
import type { AcceptedAttributesOf, AcceptedHeaderOf, AttributesOf, HeaderOf } from '../schema/definition.js';
import { neighbour } from '../schema/neighbour.js';
import type { Command, Context, Device } from './context.js';
import { command, Table, verbFlags } from './table.js';
import { type FamilyName, familyName, familyNumber, familyOfText } from './values.js';

const { newneigh, delneigh, getneigh } = neighbour.messages;

type Header = HeaderOf<typeof newneigh>;
type AcceptedHeader = NonNullable<AcceptedHeaderOf<typeof newneigh>>;

/** A neighbour: an address on a link and its hardware address; or (family `bridge`) an entry of a forwarding database. */
export interface Neighbour extends AttributesOf<typeof newneigh> {
  readonly family: FamilyName | number;
  /** Index of the link. */
  readonly index: number;
  readonly state: Header['state'];
  readonly flags: Header['flags'];
  /** RTN_*: 1 unicast … */
  readonly type: number;
}

export interface NeighbourInput
  extends Omit<NonNullable<AcceptedAttributesOf<typeof newneigh>>, 'master' | 'ifindex'> {
  readonly device: Device;
  /** `bridge` for the forwarding database; else found from `dst`. */
  readonly family?: FamilyName | number;
  /** `['permanent']` by default. */
  readonly state?: AcceptedHeader['state'];
  /** Of the forwarding database: `['self']` means the device's own, `['master']` that of the bridge it is a port of. */
  readonly flags?: AcceptedHeader['flags'];
}

export interface NeighbourFilter {
  readonly family?: FamilyName | number;
  readonly device?: Device;
  /** Entries of links that are ports of this one. */
  readonly master?: Device;
  readonly [attribute: string]: unknown;
}

/** The item of a message of the kernel's. */
export function neighbourOf(message: DecodedMessage): Neighbour {
  const { family, ifindex, state, flags, type } = message.header as unknown as Header;
  return {
    family: familyName(family),
    index: ifindex,
    state,
    flags,
    type,
    ...message.attributes,
  } as Neighbour;
}

function build(
  message: typeof newneigh | typeof delneigh,
  flags: number,
  input: NeighbourInput,
  context: Context,
): Command {
  const { device, family, state, flags: own, ...attributes } = input;
  const { dst } = attributes;
  const number =
    family === undefined ? (typeof dst === 'string' ? familyOfText(dst) : 7) : familyNumber(family);
  return command(
    message,
    flags,
    {
      family: number,
      ifindex: context.index(device),
      state: state ?? (message === delneigh ? 0 : ['permanent']),
      flags: own ?? 0,
    },
    attributes,
  );
}

export const neighbourCommands = {
  add: (input: NeighbourInput, context: Context): Command => build(newneigh, verbFlags.add, input, context),
  append: (input: NeighbourInput, context: Context): Command =>
    build(newneigh, verbFlags.append, input, context),
  replace: (input: NeighbourInput, context: Context): Command =>
    build(newneigh, verbFlags.replace, input, context),
  delete: (input: NeighbourInput, context: Context): Command =>
    build(delneigh, verbFlags.delete, input, context),
};

/** Neighbours (ARP and NDP) and forwarding databases. */
export class Neighbours extends Table<Neighbour, NeighbourFilter, typeof newneigh> {
  protected readonly reply = newneigh;

  protected query({ family, device, master }: NeighbourFilter, context: Context): Command {
    const number = familyNumber(family);
    const attributes = {
      ...(device === undefined || number === 7 ? {} : { ifindex: context.index(device) }),
      ...(master === undefined ? {} : { master: context.index(master) }),
    };
    // for the forwarding database the header names the device
    const ifindex = number === 7 && device !== undefined ? context.index(device) : 0;
    return command(getneigh, 0, { family: number, ifindex }, attributes);
  }

  protected item(message: DecodedMessage): Neighbour {
    return neighbourOf(message);
  }

  protected override accepts(item: Neighbour, filter: NeighbourFilter, context: Context): boolean {
    const { device, family, master: _master, ...rest } = filter;
    if (device !== undefined && item.index !== context.index(device)) return false;
    if (family !== undefined && familyNumber(item.family) !== familyNumber(family)) return false;
    return super.accepts(item, rest, context);
  }

  /** Adds an entry. Throws NetlinkError `EEXIST` when there is one. */
  async add(input: NeighbourInput, options?: CallOptions): Promise<void> {
    await this.executor.execute((context) => neighbourCommands.add(input, context), options);
  }

  /** Adds one more destination to an entry of a VXLAN's forwarding database. */
  async append(input: NeighbourInput, options?: CallOptions): Promise<void> {
    await this.executor.execute((context) => neighbourCommands.append(input, context), options);
  }

  async replace(input: NeighbourInput, options?: CallOptions): Promise<void> {
    await this.executor.execute((context) => neighbourCommands.replace(input, context), options);
  }

  /** Deletes an entry; false when there was none. */
  async delete(input: NeighbourInput, options?: CallOptions): Promise<boolean> {
    try {
      await this.executor.execute((context) => neighbourCommands.delete(input, context), options);
      return true;
    } catch (error) {
      if (error instanceof NetlinkError && error.code === 'ENOENT') return false;
      throw error;
    }
  }
}
