import type { DecodedMessage } from '../codec/block.js';
import { NetlinkError } from '../netlink/errors.js';
import type { CallOptions } from '../netlink/socket.js';
import type { AcceptedAttributesOf, AttributesOf, DecodedStruct } from '../schema/definition.js';
import { link } from '../schema/link/link.js';
import type { ifinfomsg } from '../schema/link/message.js';
import type { Command, Context, Device, NamespaceInput } from './context.js';
import { command, Table, verbFlags } from './table.js';
import { NetworkError } from './values.js';

const { newlink, dellink, getlink, setlink, newlinkprop, dellinkprop } = link.messages;

type Attributes = AttributesOf<typeof newlink>;
type AcceptedAttributes = AcceptedAttributesOf<typeof newlink>;
type KindData = NonNullable<NonNullable<AcceptedAttributes>['linkinfo']>['data'];
type PortData = NonNullable<NonNullable<AcceptedAttributes>['linkinfo']>['slaveData'];

/** A link: the attributes of its message, its kind's settings, and the fields of its header. */
export interface Link extends Omit<Attributes, 'linkinfo' | 'ifname'> {
  readonly index: number;
  readonly ifname: string;
  /** ARPHRD_*, linux/if_arp.h */
  readonly type: number;
  readonly flags: DecodedStruct<typeof ifinfomsg>['flags'];
  /** Administratively up (IFF_UP). */
  readonly up: boolean;
  /** `veth`, `bridge`, …; physical links and `lo` have none. */
  readonly kind?: string;
  /** Settings of the kind. */
  readonly data?: unknown;
  /** Kind of the link that this one is a port of. */
  readonly slaveKind?: string;
  /** Settings as a port. */
  readonly slaveData?: unknown;
}

/** What a link shall be. Other attributes of the schema may stand beside these. */
export interface LinkInput
  extends Omit<NonNullable<AcceptedAttributes>, 'linkinfo' | 'master' | 'link' | 'netNsFd'> {
  readonly ifname?: string;
  /** Asks for an index. */
  readonly index?: number;
  readonly kind?: string;
  readonly data?: KindData;
  readonly slaveKind?: string;
  readonly slaveData?: PortData;
  /** Administratively up or down. */
  readonly up?: boolean;
  /** Receives all frames. */
  readonly promisc?: boolean;
  readonly allmulticast?: boolean;
  /** IFF_NOARP */
  readonly arp?: boolean;
  /** The bridge, bond or vrf to be a port of; null takes it out of it. */
  readonly master?: Device | null;
  /** The link below: of a vlan, macvlan, ipvlan, tunnel. */
  readonly link?: Device;
  /** The namespace to live in. */
  readonly namespace?: NamespaceInput;
  /** Of a veth or netkit pair: the other end. */
  readonly peer?: Omit<LinkInput, 'kind' | 'peer'>;
}

export interface LinkFilter {
  readonly kind?: string;
  readonly master?: Device;
  readonly ifname?: string;
  readonly index?: number;
  readonly up?: boolean;
  readonly [attribute: string]: unknown;
}

export function linkOf(message: DecodedMessage): Link {
  const header = message.header as unknown as { index: number; type: number; flags: (string | number)[] };
  const { linkinfo, ...attributes } = message.attributes as Attributes & {
    linkinfo?: Record<string, unknown>;
  };
  const { index, type, flags } = header;
  return { index, type, flags, up: flags.includes('up'), ...attributes, ...linkinfo } as unknown as Link;
}

const settable = { up: 'up', promisc: 'promisc', allmulticast: 'all-multi' } as const;

/** The header and attributes of a link message. */
function parts(input: LinkInput, context: Context): { header: object; attributes: Record<string, unknown> } {
  const {
    index,
    kind,
    data,
    slaveKind,
    slaveData,
    up,
    promisc,
    allmulticast,
    arp,
    master,
    link: below,
    namespace,
    peer,
    ...attributes
  } = input as LinkInput & Record<string, unknown>;
  const flags: string[] = [];
  const change: number[] = [];
  const bits = { up: 0x1, promisc: 0x100, allmulticast: 0x200 } as const;
  for (const name of ['up', 'promisc', 'allmulticast'] as const) {
    if (input[name] === undefined) continue;
    change.push(bits[name]);
    if (input[name]) flags.push(settable[name]);
  }
  if (arp !== undefined) {
    change.push(0x80);
    if (!arp) flags.push('no-arp');
  }
  const header = { index: index ?? 0, flags, change: change.reduce((all, bit) => all | bit, 0) };
  const out: Record<string, unknown> = { ...attributes };
  if (master !== undefined) out.master = master === null ? 0 : context.index(master);
  if (below !== undefined) out.link = context.index(below);
  if (namespace !== undefined) out.netNsFd = context.namespace(namespace);
  let kindData: unknown = data;
  if (peer !== undefined) {
    const other = parts(peer, context);
    kindData = { ...(data as object | undefined), [kind === 'netkit' ? 'peerInfo' : 'peer']: other };
  }
  if (kind !== undefined || slaveKind !== undefined)
    out.linkinfo = { kind, data: kindData, slaveKind, slaveData };
  return { header, attributes: out };
}

const TOO_MANY_QUEUES = 0x7fff_ffff;

/** Characters of a name; alternative names may be longer. */
const NAME_LENGTH = 15;

/** A link told by index or name, as header and attributes. */
function target(device: Device): {
  header: { index?: number };
  attributes: { ifname?: string; altIfname?: string };
} {
  if (typeof device === 'number') return { header: { index: device }, attributes: {} };
  const attributes = device.length > NAME_LENGTH ? { altIfname: device } : { ifname: device };
  return { header: {}, attributes };
}

export const linkCommands = {
  create: (input: LinkInput, context: Context): Command => {
    const { header, attributes } = parts(input, context);
    return command(newlink, verbFlags.add, header, attributes);
  },
  change: (device: Device, input: LinkInput, context: Context): Command => {
    const { header, attributes } = parts(input, context);
    const index = context.index(device);
    return command(newlink, verbFlags.change, { ...header, index }, attributes);
  },
  delete: (device: Device): Command => {
    const { header, attributes } = target(device);
    return command(dellink, verbFlags.delete, header, attributes);
  },
  deleteGroup: (group: number): Command => command(dellink, verbFlags.delete, {}, { group }),
  /** Settings as a port of a bridge: RTM_SETLINK of family AF_BRIDGE. */
  changePort: (device: Device, protinfo: object, context: Context): Command =>
    command(setlink, verbFlags.change, { family: 7, index: context.index(device) }, { protinfo }),
};

/** Links, also called network interfaces. */
export class Links extends Table<Link, LinkFilter, typeof newlink> {
  protected readonly reply = newlink;

  protected query({ kind, master }: LinkFilter, context: Context): Command {
    const attributes: Record<string, unknown> = {};
    if (kind !== undefined) attributes.linkinfo = { kind };
    if (master !== undefined) attributes.master = context.index(master);
    return command(getlink, 0, {}, attributes);
  }

  protected item(message: DecodedMessage): Link {
    return linkOf(message);
  }

  protected override accepts(item: Link, filter: LinkFilter, context: Context): boolean {
    const { master, ...rest } = filter;
    if (master !== undefined && item.master !== context.index(master)) return false;
    return super.accepts(item, rest, context);
  }

  /** One link, by name (alternative names too) or index. Throws NetlinkError `ENODEV`. */
  async get(device: Device, options?: CallOptions): Promise<Link> {
    const { header, attributes } = target(device);
    const [answer] = await this.executor.execute(
      () => command(getlink, verbFlags.change, header, attributes),
      options,
    );
    if (answer === undefined)
      throw new NetworkError('ERR_NOT_FOUND', `the kernel had no answer about link ${device}`);
    return linkOf(answer);
  }

  /** `get`, or `undefined` when there is no such link. */
  async find(device: Device, options?: CallOptions): Promise<Link | undefined> {
    try {
      return await this.get(device, options);
    } catch (error) {
      if (error instanceof NetlinkError && error.code === 'ENODEV') return undefined;
      throw error;
    }
  }

  /** Creates a link. Throws NetlinkError `EEXIST` when the name is taken. */
  async create(input: LinkInput, options?: CallOptions): Promise<void> {
    await this.executor.execute((context) => linkCommands.create(input, context), options);
  }

  /**
   * Can the kernel make links of a kind? Asks with a creation that it must refuse: of a kind that it knows, because no
   * link has that many queues (linux/net/core/rtnetlink.c, rtnl_create_link). A module for it is loaded, as for a real one.
   */
  async supports(kind: string, options?: CallOptions): Promise<boolean> {
    try {
      await this.create({ kind, numTxQueues: TOO_MANY_QUEUES }, options);
    } catch (error) {
      if (error instanceof NetlinkError && error.code === 'EOPNOTSUPP') return false;
      // EINVAL: something of the kind is missing, or it is the queues
      if (!(error instanceof NetlinkError) || error.code !== 'EINVAL') throw error;
    }
    return true;
  }

  /** Creates a link and returns its index, which the kernel tells in the same exchange. */
  async createAndGet(input: LinkInput, options?: CallOptions): Promise<Link> {
    const echo = 0x8;
    const [answer] = await this.executor.execute((context) => {
      const made = linkCommands.create(input, context);
      return { ...made, flags: made.flags | echo };
    }, options);
    if (answer !== undefined) return linkOf(answer);
    // kernels before 6.1 do not echo
    if (input.ifname === undefined)
      throw new NetworkError('ERR_NOT_FOUND', 'this kernel does not tell what it created');
    return await this.get(input.ifname, options);
  }

  /** Changes settings of a link: `up`, `mtu`, `master`, `address`, a new `ifname`, another `namespace`, … */
  async change(device: Device, input: LinkInput, options?: CallOptions): Promise<void> {
    await this.executor.execute((context) => linkCommands.change(device, input, context), options);
  }

  /** Changes settings that a link has as a port of a bridge (IFLA_BRPORT_*): `{ mode: 1 }` is hairpin. */
  async changePort(device: Device, protinfo: object, options?: CallOptions): Promise<void> {
    await this.executor.execute((context) => linkCommands.changePort(device, protinfo, context), options);
  }

  /** Deletes a link. False when there was none; all other refusals throw. */
  async delete(device: Device, options?: CallOptions): Promise<boolean> {
    try {
      await this.executor.execute(() => linkCommands.delete(device), { lengthy: true, ...options });
      return true;
    } catch (error) {
      if (error instanceof NetlinkError && error.code === 'ENODEV') return false;
      throw error;
    }
  }

  /** Deletes all links of a group (IFLA_GROUP) in one message. */
  async deleteGroup(group: number, options?: CallOptions): Promise<void> {
    await this.executor.execute(() => linkCommands.deleteGroup(group), { lengthy: true, ...options });
  }

  /** Adds alternative names to a link. */
  async addNames(device: Device, names: readonly string[], options?: CallOptions): Promise<void> {
    await this.executor.execute(
      (context) =>
        command(
          newlinkprop,
          verbFlags.add,
          { index: context.index(device) },
          { propList: { altIfname: names } },
        ),
      options,
    );
  }

  async deleteNames(device: Device, names: readonly string[], options?: CallOptions): Promise<void> {
    await this.executor.execute(
      (context) =>
        command(
          dellinkprop,
          verbFlags.delete,
          { index: context.index(device) },
          { propList: { altIfname: names } },
        ),
      options,
    );
  }
}
