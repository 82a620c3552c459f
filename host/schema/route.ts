/** Routes: RTM_NEWROUTE and its kin. linux/rtnetlink.h */
import {
  type AcceptedSet,
  type AttributeSet,
  array,
  attributeSet,
  be16,
  be32,
  binary,
  type DecodedSet,
  enumeration,
  family,
  flags,
  ip,
  nest,
  s32,
  sequence,
  string,
  struct,
  structure,
  u8,
  u16,
  u32,
  u64,
} from './definition.js';
import { encapsulation } from './encapsulation.js';

export { encapTypes } from './encapsulation.js';

/** RTN_* */
export const routeTypes = {
  unspec: 0,
  unicast: 1,
  local: 2,
  broadcast: 3,
  anycast: 4,
  multicast: 5,
  blackhole: 6,
  unreachable: 7,
  prohibit: 8,
  throw: 9,
  nat: 10,
  xresolve: 11,
} as const;
/** RT_SCOPE_* */
export const routeScopes = { universe: 0, site: 200, link: 253, host: 254, nowhere: 255 } as const;
/** RTPROT_*: who made the route. */
export const routeProtocols = {
  unspec: 0,
  redirect: 1,
  kernel: 2,
  boot: 3,
  static: 4,
  gated: 8,
  ra: 9,
  mrt: 10,
  zebra: 11,
  bird: 12,
  dnrouted: 13,
  xorp: 14,
  ntk: 15,
  dhcp: 16,
  mrouted: 17,
  keepalived: 18,
  babel: 42,
  ovn: 84,
  openr: 99,
  bgp: 186,
  isis: 187,
  ospf: 188,
  rip: 189,
  eigrp: 192,
} as const;
/** RTM_F_* and RTNH_F_*, which share the word. */
export const routeFlags = {
  dead: 0x1,
  pervasive: 0x2,
  onlink: 0x4,
  offload: 0x8,
  linkdown: 0x10,
  unresolved: 0x20,
  trap: 0x40,
  notify: 0x100,
  cloned: 0x200,
  equalize: 0x400,
  prefix: 0x800,
  'lookup-table': 0x1000,
  'fib-match': 0x2000,
  'rt-offload': 0x4000,
  'rt-trap': 0x8000,
  'rt-offload-failed': 0x20000000,
} as const;
/** RTNH_F_* */
export const nexthopFlags = {
  dead: 1,
  pervasive: 2,
  onlink: 4,
  offload: 8,
  linkdown: 16,
  unresolved: 32,
  trap: 64,
} as const;

/** struct rtmsg */
export const rtmsg = struct('rtmsg', {
  family: u8,
  dstLen: u8,
  srcLen: u8,
  tos: u8,
  table: u8,
  protocol: enumeration(u8, routeProtocols),
  scope: enumeration(u8, routeScopes),
  type: enumeration(u8, routeTypes),
  flags: flags(u32, routeFlags),
});

/** struct rtnexthop: `hops` is the weight less one. */
export const rtnexthop = struct('rtnexthop', {
  len: u16,
  flags: flags(u8, nexthopFlags),
  hops: u8,
  ifindex: s32,
});

/** RTAX_*; times in ms, `rto-min` too. */
export const routeMetrics = attributeSet('metrics', {
  lock: [1, u32],
  mtu: [2, u32],
  window: [3, u32],
  rtt: [4, u32],
  rttvar: [5, u32],
  ssthresh: [6, u32],
  cwnd: [7, u32],
  advmss: [8, u32],
  reordering: [9, u32],
  hoplimit: [10, u32],
  initcwnd: [11, u32],
  features: [12, u32],
  rtoMin: [13, u32],
  initrwnd: [14, u32],
  quickack: [15, u32],
  ccAlgo: [16, string],
  fastopenNoCookie: [17, u32],
});

/** struct rta_cacheinfo */
export const rtaCacheinfo = struct('rta-cacheinfo', {
  clntref: u32,
  lastuse: u32,
  expires: s32,
  error: u32,
  used: u32,
  id: u32,
  ts: u32,
  tsage: u32,
});

/** struct rta_mfc_stats: what a multicast forwarding cache entry has seen. */
export const rtaMfcStats = struct('rta-mfc-stats', { packets: u64, bytes: u64, wrongIf: u64 });

/** struct rtvia: a gateway of another address family than the route's. */
export const rtvia = struct('rtvia', { family: u16, addr: binary });

/** Attributes of one next hop inside `multipath`. */
export const nexthopAttributes = attributeSet('multipath', {
  gateway: [5, ip],
  flow: [11, u32],
  via: [18, structure(rtvia)],
  newdst: [19, array(be32)],
  ...encapsulation(21, 22),
});

/** RTA_*; `newdst` is a stack of MPLS labels, as RFC 3032 codes them. */
export const routeAttributes = attributeSet('route', {
  dst: [1, ip],
  src: [2, ip],
  iif: [3, u32],
  oif: [4, u32],
  gateway: [5, ip],
  priority: [6, u32],
  prefsrc: [7, ip],
  metrics: [8, nest(routeMetrics)],
  multipath: [
    9,
    sequence<typeof rtnexthop, DecodedSet<typeof nexthopAttributes>, AcceptedSet<typeof nexthopAttributes>>(
      rtnexthop,
      (): AttributeSet => nexthopAttributes,
    ),
  ],
  flow: [11, u32],
  cacheinfo: [12, structure(rtaCacheinfo)],
  table: [15, u32],
  mark: [16, u32],
  mfcStats: [17, structure(rtaMfcStats)],
  via: [18, structure(rtvia)],
  newdst: [19, array(be32)],
  pref: [20, enumeration(u8, { medium: 0, high: 1, low: 3 })],
  ...encapsulation(21, 22),
  expires: [23, u32],
  uid: [25, u32],
  ttlPropagate: [26, u8],
  ipProto: [27, u8],
  sport: [28, be16],
  dport: [29, be16],
  nhId: [30, u32],
  flowlabel: [31, be32],
});

export const route = family({
  name: 'route',
  protocol: 'route',
  messages: {
    newroute: { number: 24, header: rtmsg, attributes: routeAttributes },
    delroute: { number: 25, header: rtmsg, attributes: routeAttributes },
    getroute: { number: 26, header: rtmsg, attributes: routeAttributes },
  },
});
