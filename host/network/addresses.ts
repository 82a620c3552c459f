import type { DecodedMessage } from '../codec/block.js';
import { NetlinkError } from '../netlink/errors.js';
import type { CallOptions } from '../netlink/socket.js';
import { address } from '../schema/address.js';
import type { AcceptedAttributesOf, AttributesOf } from '../schema/definition.js';
import type { Command, Context, Device } from './context.js';
import { command, Table, verbFlags } from './table.js';
import {
  broadcastOf,
  type FamilyName,
  familyName,
  familyNumber,
  parseAddress,
  parsePrefix,
} from './values.js';

const { newaddr, deladdr, getaddr } = address.messages;

/** An address of a link. */
export interface Address extends Omit<AttributesOf<typeof newaddr>, 'address' | 'local'> {
  readonly family: FamilyName | number;
  /** Index of the link. */
  readonly index: number;
  /** The link's own address with the length of its network's prefix: `10.62.0.1/16`. */
  readonly address: string;
  /** Bits of the prefix. */
  readonly prefixlen: number;
  /** The other end of a point-to-point link. */
  readonly peer?: string;
  /** RT_SCOPE_*: 0 universe, 253 link, 254 host. */
  readonly scope: number;
}

export interface AddressInput
  extends Omit<NonNullable<AcceptedAttributesOf<typeof newaddr>>, 'address' | 'local' | 'broadcast'> {
  readonly device: Device;
  /** `10.62.0.1/16`; without a length, the whole address is the prefix. */
  readonly address: string;
  /** The other end of a point-to-point link. */
  readonly peer?: string;
  /** `auto` (the default for IPv4 where it has one) sets the network's last address; false sets none. */
  readonly broadcast?: string | 'auto' | false;
  readonly scope?: number;
}

export interface AddressFilter {
  readonly device?: Device;
  readonly family?: FamilyName | number;
  readonly [attribute: string]: unknown;
}

/** The address of a message. */
export function addressOf(message: DecodedMessage): Address {
  const header = message.header as { family: number; prefixlen: number; scope: number; index: number };
  const {
    address: prefix,
    local,
    ...rest
  } = message.attributes as AttributesOf<typeof newaddr> & Record<string, unknown>;
  const own = local ?? prefix;
  return {
    family: familyName(header.family),
    index: header.index,
    address: `${own}/${header.prefixlen}`,
    prefixlen: header.prefixlen,
    scope: header.scope,
    ...(local !== undefined && prefix !== undefined && prefix !== local ? { peer: prefix } : {}),
    ...rest,
  } as Address;
}

function build(
  message: typeof newaddr | typeof deladdr,
  flags: number,
  input: AddressInput,
  context: Context,
): Command {
  const { device, address: text, peer, broadcast, scope, ...attributes } = input;
  const prefix = parsePrefix(text, 'address');
  const other = peer === undefined ? undefined : parsePrefix(peer, 'peer');
  const last =
    typeof broadcast === 'string' && broadcast !== 'auto'
      ? parseAddress(broadcast, 'broadcast')
      : broadcast === false || message === deladdr
        ? undefined
        : broadcastOf(prefix);
  const header = {
    family: prefix.family,
    prefixlen: (other ?? prefix).length,
    scope: scope ?? 0,
    index: context.index(device),
  };
  return command(message, flags, header, {
    local: prefix.address,
    address: other?.address ?? prefix.address,
    ...(last === undefined ? {} : { broadcast: last }),
    ...attributes,
  });
}

export const addressCommands = {
  add: (input: AddressInput, context: Context): Command => build(newaddr, verbFlags.add, input, context),
  replace: (input: AddressInput, context: Context): Command =>
    build(newaddr, verbFlags.replace, input, context),
  delete: (input: AddressInput, context: Context): Command =>
    build(deladdr, verbFlags.delete, input, context),
};

/** Addresses of links. */
export class Addresses extends Table<Address, AddressFilter, typeof newaddr> {
  protected readonly reply = newaddr;

  protected query({ device, family }: AddressFilter, context: Context): Command {
    const index = device === undefined ? 0 : context.index(device);
    return command(getaddr, 0, { family: familyNumber(family), index }, {});
  }

  protected item(message: DecodedMessage): Address {
    return addressOf(message);
  }

  protected override accepts(item: Address, filter: AddressFilter, context: Context): boolean {
    const { device, family, ...rest } = filter;
    if (device !== undefined && item.index !== context.index(device)) return false;
    if (family !== undefined && familyNumber(item.family) !== familyNumber(family)) return false;
    return super.accepts(item, rest, context);
  }

  /** Adds an address. Throws NetlinkError `EEXIST` when the link has it. */
  async add(input: AddressInput, options?: CallOptions): Promise<void> {
    await this.executor.execute((context) => addressCommands.add(input, context), options);
  }

  /** Adds an address, or gives the one that is there these settings. */
  async replace(input: AddressInput, options?: CallOptions): Promise<void> {
    await this.executor.execute((context) => addressCommands.replace(input, context), options);
  }

  /** Deletes an address; false when the link had none such. */
  async delete(input: AddressInput, options?: CallOptions): Promise<boolean> {
    try {
      await this.executor.execute((context) => addressCommands.delete(input, context), options);
      return true;
    } catch (error) {
      if (error instanceof NetlinkError && error.code === 'EADDRNOTAVAIL') return false;
      throw error;
    }
  }
}
