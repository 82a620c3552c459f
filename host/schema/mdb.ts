/**
 * Multicast forwarding database of bridges and VXLAN devices: RTM_NEWMDB and its kin. linux/if_bridge.h
 *
 * What the kernel tells and what it is asked carry different attributes under the same message numbers: `newmdb`,
 * `delmdb` and `getmdb` are what it tells (and what messages decode to), the names ending in `Request` are for asking.
 */
import {
  type AcceptedSet,
  type AttributeSet,
  attributeSet,
  be16,
  bytes,
  type DecodedSet,
  embedded,
  enumeration,
  family,
  flags,
  ip,
  list,
  nest,
  pad,
  s32,
  struct,
  structure,
  u8,
  u16,
  u32,
} from './definition.js';
import { routeProtocols } from './route.js';

/** struct br_mdb_entry: its state */
export const mdbStates = { temporary: 0, permanent: 1 } as const;
/** MDB_FLAGS_* */
export const mdbFlags = {
  offload: 0x1,
  'fast-leave': 0x2,
  'star-excl': 0x4,
  blocked: 0x8,
  'offload-failed': 0x10,
} as const;
/** MCAST_EXCLUDE and MCAST_INCLUDE, linux/in.h */
export const mdbGroupModes = { exclude: 0, include: 1 } as const;
/** MDB_RTR_TYPE_* */
export const mdbRouterTypes = { disabled: 0, 'temp-query': 1, perm: 2, temp: 3 } as const;

/** struct br_port_msg */
export const brPortMsg = struct('br-port-msg', { family: u8, pad0: pad(3), ifindex: u32 });

/**
 * struct br_mdb_entry. `addr` is the group: an IPv4 address in its first 4 bytes where `proto` (an ethertype) is
 * 0x0800, an IPv6 address where it is 0x86dd, a hardware address in its first 6 bytes where it is 0.
 */
export const brMdbEntry = struct('br-mdb-entry', {
  ifindex: u32,
  state: enumeration(u8, mdbStates),
  flags: flags(u8, mdbFlags),
  vid: u16,
  addr: bytes(16),
  proto: be16,
  pad0: pad(2),
});

/** MDBA_MDB_SRCATTR_*; `timer` in hundredths of a second. */
export const mdbSourceAttributes = attributeSet('mdb-srcattr', { address: [1, ip], timer: [2, u32] });
/** MDBA_MDB_SRCLIST_* */
export const mdbSourceListAttributes = attributeSet('mdb-srclist', {
  entry: [1, list(nest(mdbSourceAttributes))],
});
/** MDBA_MDB_EATTR_*; `timer` in hundredths of a second. */
export const mdbEntryInfoAttributes = attributeSet('mdb-eattr', {
  timer: [1, u32],
  srcList: [2, nest(mdbSourceListAttributes)],
  groupMode: [3, enumeration(u8, mdbGroupModes)],
  source: [4, ip],
  rtprot: [5, enumeration(u8, routeProtocols)],
  dst: [6, ip],
  dstPort: [7, u16],
  vni: [8, u32],
  ifindex: [9, s32],
  srcVni: [10, u32],
});
const entryInfo = embedded<
  typeof brMdbEntry,
  DecodedSet<typeof mdbEntryInfoAttributes>,
  AcceptedSet<typeof mdbEntryInfoAttributes>
>(brMdbEntry, (): AttributeSet => mdbEntryInfoAttributes);
/** MDBA_MDB_ENTRY_*: one group, an `info` for each port. */
export const mdbEntryAttributes = attributeSet('mdb-entry', { info: [1, list(entryInfo)] });
/** MDBA_MDB_* */
export const mdbListAttributes = attributeSet('mdb-list', { entry: [1, list(nest(mdbEntryAttributes))] });

/** MDBA_ROUTER_PATTR_*; timers in hundredths of a second. */
export const mdbRouterPortAttributes = attributeSet('mdb-router-pattr', {
  timer: [1, u32],
  type: [2, enumeration(u8, mdbRouterTypes)],
  inetTimer: [3, u32],
  inet6Timer: [4, u32],
  vid: [5, u16],
});
/** What stands before the attributes of MDBA_ROUTER_PORT: the port's index. */
export const mdbRouterPort = struct('mdb-router-port', { ifindex: u32 });
const routerPort = embedded<
  typeof mdbRouterPort,
  DecodedSet<typeof mdbRouterPortAttributes>,
  AcceptedSet<typeof mdbRouterPortAttributes>
>(mdbRouterPort, (): AttributeSet => mdbRouterPortAttributes);
/** MDBA_ROUTER_* */
export const mdbRouterAttributes = attributeSet('mdb-router', { port: [1, list(routerPort)] });

/** MDBA_* */
export const mdbAttributes = attributeSet('mdb', {
  mdb: [1, nest(mdbListAttributes)],
  router: [2, nest(mdbRouterAttributes)],
});

/** MDBE_SRCATTR_* */
export const mdbSetSourceAttributes = attributeSet('mdbe-srcattr', { address: [1, ip] });
/** MDBE_SRC_LIST_* */
export const mdbSetSourceListAttributes = attributeSet('mdbe-src-list', {
  entry: [1, list(nest(mdbSetSourceAttributes))],
});
/** MDBE_ATTR_* */
export const mdbSetEntryAttributes = attributeSet('mdbe', {
  source: [1, ip],
  srcList: [2, nest(mdbSetSourceListAttributes)],
  groupMode: [3, enumeration(u8, mdbGroupModes)],
  rtprot: [4, enumeration(u8, routeProtocols)],
  dst: [5, ip],
  dstPort: [6, u16],
  vni: [7, u32],
  ifindex: [8, s32],
  srcVni: [9, u32],
  stateMask: [10, u8],
});
/** MDBA_SET_ENTRY and MDBA_GET_ENTRY, which have the same numbers and contents. */
export const mdbRequestAttributes = attributeSet('mdb-request', {
  entry: [1, structure(brMdbEntry)],
  entryAttrs: [2, nest(mdbSetEntryAttributes)],
});

export const mdb = family({
  name: 'mdb',
  protocol: 'route',
  messages: {
    newmdb: { number: 84, header: brPortMsg, attributes: mdbAttributes },
    delmdb: { number: 85, header: brPortMsg, attributes: mdbAttributes },
    getmdb: { number: 86, header: brPortMsg, attributes: mdbAttributes },
    newmdbRequest: { number: 84, header: brPortMsg, attributes: mdbRequestAttributes },
    delmdbRequest: { number: 85, header: brPortMsg, attributes: mdbRequestAttributes },
    getmdbRequest: { number: 86, header: brPortMsg, attributes: mdbRequestAttributes },
  },
});
