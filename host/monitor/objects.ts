import type { DecodedMessage } from '../codec/block.js';
import { registry } from '../codec/registry.js';
import { NetloomError } from '../netlink/errors.js';
import { address } from '../schema/address.js';
import { bridgeVlan } from '../schema/bridge-vlan.js';
import type { Family, Message, Protocol } from '../schema/definition.js';
import { link } from '../schema/link/link.js';
import { mdb } from '../schema/mdb.js';
import { neighbour } from '../schema/neighbour.js';
import { netconf } from '../schema/netconf.js';
import { conntrack } from '../schema/netfilter/conntrack.js';
import { nftables } from '../schema/netfilter/nftables.js';
import { nexthop } from '../schema/nexthop.js';
import { nsid } from '../schema/nsid.js';
import { prefix } from '../schema/prefix.js';
import { route } from '../schema/route.js';
import { rule } from '../schema/rule.js';

/** `ERR_INVALID_OBJECT`, `ERR_UNREADABLE_RECORDING`, `ERR_NAMESPACE_UNHEARD`. */
export class MonitorError extends NetloomError {
  override readonly name = 'MonitorError';
}

/** What one kind of object is heard by and read with. */
export interface ObjectKind {
  readonly protocol: Protocol;
  readonly families: readonly Family[];
  /** Multicast groups: RTNLGRP_* (linux/rtnetlink.h) or NFNLGRP_* (linux/netfilter/nfnetlink.h). */
  readonly groups: readonly number[];
  /** What stands before its lines, in brackets, as in `ip monitor label` and `bridge monitor`. */
  readonly label: string;
  /** Requests of the dumps that tell all there are, with the family in their header. */
  readonly dumps: readonly { readonly message: Message; readonly header?: object }[];
}

const AF_BRIDGE = 7;
const RTNL_FAMILY_IPMR = 128;
const RTNL_FAMILY_IP6MR = 129;

const ofFamilies = (message: Message, ...families: number[]): ObjectKind['dumps'] =>
  families.map((family) => ({ message, header: { family } }));

/** The first ones are what `ip monitor` has. */
export const objectNames = [
  'link',
  'address',
  'route',
  'mroute',
  'prefix',
  'neighbour',
  'netconf',
  'rule',
  'nsid',
  'nexthop',
  'fdb',
  'mdb',
  'vlan',
  'nftables',
  'conntrack',
] as const;
export type ObjectName = (typeof objectNames)[number];

export const objectKinds: Readonly<Record<ObjectName, ObjectKind>> = {
  link: {
    protocol: 'route',
    families: [link],
    groups: [1],
    label: 'LINK',
    dumps: [{ message: link.messages.getlink }],
  },
  address: {
    protocol: 'route',
    families: [address],
    groups: [5, 9],
    label: 'ADDR',
    dumps: [{ message: address.messages.getaddr }],
  },
  route: {
    protocol: 'route',
    families: [route],
    groups: [7, 11, 27],
    label: 'ROUTE',
    dumps: ofFamilies(route.messages.getroute, 2, 10),
  },
  mroute: {
    protocol: 'route',
    families: [route],
    groups: [6, 10],
    label: 'MROUTE',
    dumps: ofFamilies(route.messages.getroute, RTNL_FAMILY_IPMR, RTNL_FAMILY_IP6MR),
  },
  prefix: { protocol: 'route', families: [prefix], groups: [18], label: 'PREFIX', dumps: [] },
  neighbour: {
    protocol: 'route',
    families: [neighbour],
    groups: [3],
    label: 'NEIGH',
    dumps: ofFamilies(neighbour.messages.getneigh, 0),
  },
  netconf: {
    protocol: 'route',
    families: [netconf],
    groups: [24, 25, 29],
    label: 'NETCONF',
    dumps: ofFamilies(netconf.messages.getnetconf, 2, 10),
  },
  rule: {
    protocol: 'route',
    families: [rule],
    groups: [8, 19],
    label: 'RULE',
    dumps: ofFamilies(rule.messages.getrule, 2, 10),
  },
  nsid: {
    protocol: 'route',
    families: [nsid],
    groups: [28],
    label: 'NSID',
    dumps: [{ message: nsid.messages.getnsid }],
  },
  nexthop: {
    protocol: 'route',
    families: [nexthop],
    groups: [32],
    label: 'NEXTHOP',
    dumps: [{ message: nexthop.messages.getnexthop }],
  },
  fdb: {
    protocol: 'route',
    families: [neighbour],
    groups: [3],
    label: 'FDB',
    dumps: ofFamilies(neighbour.messages.getneigh, AF_BRIDGE),
  },
  mdb: {
    protocol: 'route',
    families: [mdb],
    groups: [26],
    label: 'MDB',
    dumps: ofFamilies(mdb.messages.getmdb, AF_BRIDGE),
  },
  vlan: {
    protocol: 'route',
    families: [bridgeVlan],
    groups: [33],
    label: 'VLAN',
    dumps: ofFamilies(bridgeVlan.messages.getvlan, AF_BRIDGE),
  },
  nftables: {
    protocol: 'netfilter',
    families: [nftables],
    groups: [7],
    label: 'NFT',
    dumps: (['gettable', 'getchain', 'getrule', 'getset', 'getobj', 'getflowtable'] as const).map((name) => ({
      message: nftables.messages[name],
    })),
  },
  conntrack: {
    protocol: 'netfilter',
    families: [conntrack],
    groups: [1, 2, 3],
    label: 'CT',
    dumps: [{ message: conntrack.messages.get }],
  },
};

/** What `ip monitor` tells of when it is not told what. */
export const usualObjects: readonly ObjectName[] = objectNames.slice(0, objectNames.indexOf('fdb'));

const otherNames: Readonly<Record<string, readonly ObjectName[]>> = {
  addr: ['address'],
  neigh: ['neighbour'],
  neighbor: ['neighbour'],
  nft: ['nftables'],
  ct: ['conntrack'],
  ip: usualObjects,
  all: objectNames,
};

/** The objects that words name, each once: `link`, `addr`, … `ip` for what `ip monitor` has, `all`. Throws MonitorError `ERR_INVALID_OBJECT`. */
export function parseObjects(words: readonly string[]): ObjectName[] {
  const chosen = new Set<ObjectName>();
  for (const word of words.flatMap((text) => text.split(',')).filter((text) => text !== '')) {
    const named =
      otherNames[word] ??
      ((objectNames as readonly string[]).includes(word) ? [word as ObjectName] : undefined);
    if (named === undefined) {
      throw new MonitorError(
        'ERR_INVALID_OBJECT',
        `there is nothing called '${word}' to monitor: expected ${objectNames.join(', ')}, ip or all`,
      );
    }
    for (const name of named) chosen.add(name);
  }
  return objectNames.filter((name) => chosen.has(name));
}

/** Makes the messages of objects known to the codec. */
export function registerObjects(names: readonly ObjectName[]): void {
  for (const name of names) for (const family of objectKinds[name].families) registry().register(family);
}

const byMessage: Readonly<Record<string, readonly ['new' | 'delete', ObjectName]>> = {
  newlink: ['new', 'link'],
  dellink: ['delete', 'link'],
  newaddr: ['new', 'address'],
  deladdr: ['delete', 'address'],
  newroute: ['new', 'route'],
  delroute: ['delete', 'route'],
  newprefix: ['new', 'prefix'],
  newneigh: ['new', 'neighbour'],
  delneigh: ['delete', 'neighbour'],
  newrule: ['new', 'rule'],
  delrule: ['delete', 'rule'],
  newnetconf: ['new', 'netconf'],
  delnetconf: ['delete', 'netconf'],
  newnsid: ['new', 'nsid'],
  delnsid: ['delete', 'nsid'],
  newnexthop: ['new', 'nexthop'],
  delnexthop: ['delete', 'nexthop'],
  newmdb: ['new', 'mdb'],
  // what the kernel answers a dump with
  getmdb: ['new', 'mdb'],
  delmdb: ['delete', 'mdb'],
  newvlan: ['new', 'vlan'],
  delvlan: ['delete', 'vlan'],
};

/** What a message tells of. */
export interface Told {
  readonly event: 'new' | 'delete';
  readonly object: ObjectName;
}

const told = new Map<string, Told>(
  Object.entries(byMessage).map(([name, [event, object]]) => [name, { event, object }]),
);
const conntrackNew: Told = { event: 'new', object: 'conntrack' };
const conntrackDelete: Told = { event: 'delete', object: 'conntrack' };
const nftNew: Told = { event: 'new', object: 'nftables' };
const nftDelete: Told = { event: 'delete', object: 'nftables' };
const multicastNew: Told = { event: 'new', object: 'mroute' };
const multicastDelete: Told = { event: 'delete', object: 'mroute' };

/** RTM_F_CLONED: an entry of the kernel's cache, which `ip monitor` passes over. */
const cloned = 'cloned';

const CONNTRACK = 1;
const NFTABLES = 10;

/** What a message of rtnetlink or nfnetlink tells of; undefined where it is none of the objects. */
export function tellingOf(protocol: Protocol, message: DecodedMessage): Told | undefined {
  if (protocol === 'netfilter') {
    const subsystem = message.type >> 8;
    if (subsystem === CONNTRACK) return message.name === 'delete' ? conntrackDelete : conntrackNew;
    if (subsystem === NFTABLES) return message.name.startsWith('del') ? nftDelete : nftNew;
    return undefined;
  }
  const known = told.get(message.name);
  if (known?.object !== 'route') return known;
  const { family, flags } = message.header as { family: number; flags: readonly unknown[] };
  if (flags.includes(cloned)) return undefined;
  if (family !== RTNL_FAMILY_IPMR && family !== RTNL_FAMILY_IP6MR) return known;
  return known.event === 'new' ? multicastNew : multicastDelete;
}

/** A message about an entry of a forwarding database rather than about a neighbour. */
export function isForwarding(message: DecodedMessage): boolean {
  return message.header.family === AF_BRIDGE;
}

/** Ports of a bridge are told as links once more. */
export const isBridgePort = isForwarding;
