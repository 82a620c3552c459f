import type { DecodedMessage } from '../codec/block.js';
import { NetlinkError } from '../netlink/errors.js';
import type { CallOptions } from '../netlink/socket.js';
import type { AcceptedAttributesOf, AttributesOf, HeaderOf } from '../schema/definition.js';
import { nexthop } from '../schema/nexthop.js';
import type { Command, Context, Device } from './context.js';
import { command, Table, verbFlags } from './table.js';
import { type FamilyName, familyName, familyNumber, familyOf, NetworkError, parseAddress } from './values.js';

const { newnexthop, delnexthop, getnexthop } = nexthop.messages;

/** A next hop object, which routes refer to by `nhId`. */
export interface Nexthop extends AttributesOf<typeof newnexthop> {
  readonly family: FamilyName | number;
  readonly scope: HeaderOf<typeof newnexthop>['scope'];
  readonly protocol: HeaderOf<typeof newnexthop>['protocol'];
  readonly flags: HeaderOf<typeof newnexthop>['flags'];
}

export interface NexthopInput
  extends Omit<NonNullable<AcceptedAttributesOf<typeof newnexthop>>, 'oif' | 'gateway' | 'group'> {
  /** Chosen by the kernel where it is missing. */
  readonly id?: number;
  readonly device?: Device;
  readonly gateway?: string;
  /** Members of a group; `weight` from 1 to 256. */
  readonly group?: readonly { readonly id: number; readonly weight?: number }[];
  readonly family?: FamilyName | number;
  readonly onlink?: boolean;
}

export interface NexthopFilter {
  readonly family?: FamilyName | number;
  readonly [attribute: string]: unknown;
}

function itemOf(message: DecodedMessage): Nexthop {
  const { family, scope, protocol, flags } = message.header as unknown as HeaderOf<typeof newnexthop>;
  return { family: familyName(family), scope, protocol, flags, ...message.attributes } as Nexthop;
}

const ONLINK = 4;

function build(flags: number, input: NexthopInput, context: Context): Command {
  const { device, gateway, group, family, onlink, ...attributes } = input;
  const address = gateway === undefined ? undefined : parseAddress(gateway, 'gateway');
  const found = address === undefined ? (group === undefined ? 2 : 0) : familyOf(address);
  return command(
    newnexthop,
    flags,
    {
      family: family === undefined ? found : familyNumber(family),
      protocol: 'static',
      flags: onlink ? ONLINK : 0,
    },
    {
      ...attributes,
      ...(device === undefined ? {} : { oif: context.index(device) }),
      ...(address === undefined ? {} : { gateway: address }),
      ...(group === undefined
        ? {}
        : { group: group.map(({ id, weight }) => ({ id, weight: (weight ?? 1) - 1 })) }),
    },
  );
}

export const nexthopCommands = {
  add: (input: NexthopInput, context: Context): Command => build(verbFlags.add, input, context),
  replace: (input: NexthopInput, context: Context): Command => build(verbFlags.replace, input, context),
  delete: (id: number): Command => command(delnexthop, verbFlags.delete, {}, { id }),
};

/** Next hop objects. */
export class Nexthops extends Table<Nexthop, NexthopFilter, typeof newnexthop> {
  protected readonly reply = newnexthop;

  protected query({ family }: NexthopFilter): Command {
    return command(getnexthop, 0, { family: familyNumber(family) }, {});
  }

  protected item(message: DecodedMessage): Nexthop {
    return itemOf(message);
  }

  /** Throws NetlinkError `ENOENT`. */
  async get(id: number, options?: CallOptions): Promise<Nexthop> {
    const [answer] = await this.executor.execute(
      () => command(getnexthop, verbFlags.change, {}, { id }),
      options,
    );
    if (answer === undefined)
      throw new NetworkError('ERR_NOT_FOUND', `the kernel had no answer about next hop ${id}`);
    return itemOf(answer);
  }

  async add(input: NexthopInput, options?: CallOptions): Promise<void> {
    await this.executor.execute((context) => nexthopCommands.add(input, context), options);
  }

  async replace(input: NexthopInput, options?: CallOptions): Promise<void> {
    await this.executor.execute((context) => nexthopCommands.replace(input, context), options);
  }

  /** Deletes a next hop, and with it the routes that use it; false when there was none. */
  async delete(id: number, options?: CallOptions): Promise<boolean> {
    try {
      await this.executor.execute(() => nexthopCommands.delete(id), options);
      return true;
    } catch (error) {
      if (error instanceof NetlinkError && error.code === 'ENOENT') return false;
      throw error;
    }
  }
}
