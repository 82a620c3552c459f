/** IPv4, IPv6 and MCTP settings of a link (IFLA_AF_SPEC), and what a bridge has there. linux/if_link.h, linux/ip.h, linux/ipv6.h, linux/if_bridge.h */
import {
  attributeSet,
  binary,
  enumeration,
  flags,
  ipv6,
  list,
  nest,
  s32,
  struct,
  structure,
  u8,
  u16,
  u32,
  u64,
} from '../definition.js';
import { bridgePortStates } from './kinds/bridge.js';

/** struct ipv4-devconf */
export const ipv4Devconf = struct('ipv4-devconf', {
  forwarding: s32,
  mcForwarding: s32,
  proxyArp: s32,
  acceptRedirects: s32,
  secureRedirects: s32,
  sendRedirects: s32,
  sharedMedia: s32,
  rpFilter: s32,
  acceptSourceRoute: s32,
  bootpRelay: s32,
  logMartians: s32,
  tag: s32,
  arpfilter: s32,
  mediumId: s32,
  noxfrm: s32,
  nopolicy: s32,
  forceIgmpVersion: s32,
  arpAnnounce: s32,
  arpIgnore: s32,
  promoteSecondaries: s32,
  arpAccept: s32,
  arpNotify: s32,
  acceptLocal: s32,
  srcVmark: s32,
  proxyArpPvlan: s32,
  routeLocalnet: s32,
  igmpv2UnsolicitedReportInterval: s32,
  igmpv3UnsolicitedReportInterval: s32,
  ignoreRoutesWithLinkdown: s32,
  dropUnicastInL2Multicast: s32,
  dropGratuitousArp: s32,
  bcForwarding: s32,
  arpEvictNocarrier: s32,
});

export const inetAttributes = attributeSet('inet', {
  conf: [1, structure(ipv4Devconf)],
});

/** struct ipv6-devconf */
export const ipv6Devconf = struct('ipv6-devconf', {
  forwarding: s32,
  hoplimit: s32,
  mtu6: s32,
  acceptRa: s32,
  acceptRedirects: s32,
  autoconf: s32,
  dadTransmits: s32,
  rtrSolicits: s32,
  rtrSolicitInterval: s32,
  rtrSolicitDelay: s32,
  useTempaddr: s32,
  tempValidLft: s32,
  tempPreferedLft: s32,
  regenMaxRetry: s32,
  maxDesyncFactor: s32,
  maxAddresses: s32,
  forceMldVersion: s32,
  acceptRaDefrtr: s32,
  acceptRaPinfo: s32,
  acceptRaRtrPref: s32,
  rtrProbeInterval: s32,
  acceptRaRtInfoMaxPlen: s32,
  proxyNdp: s32,
  optimisticDad: s32,
  acceptSourceRoute: s32,
  mcForwarding: s32,
  disableIpv6: s32,
  acceptDad: s32,
  forceTllao: s32,
  ndiscNotify: s32,
  mldv1UnsolicitedReportInterval: s32,
  mldv2UnsolicitedReportInterval: s32,
  suppressFragNdisc: s32,
  acceptRaFromLocal: s32,
  useOptimistic: s32,
  acceptRaMtu: s32,
  stableSecret: s32,
  useOifAddrsOnly: s32,
  acceptRaMinHopLimit: s32,
  ignoreRoutesWithLinkdown: s32,
  dropUnicastInL2Multicast: s32,
  dropUnsolicitedNa: s32,
  keepAddrOnDown: s32,
  rtrSolicitMaxInterval: s32,
  seg6Enabled: s32,
  seg6RequireHmac: s32,
  enhancedDad: s32,
  addrGenMode: s32,
  disablePolicy: s32,
  acceptRaRtInfoMinPlen: s32,
  ndiscTclass: s32,
  rplSegEnabled: s32,
  raDefrtrMetric: s32,
  ioam6Enabled: s32,
  ioam6Id: s32,
  ioam6IdWide: s32,
  ndiscEvictNocarrier: s32,
  acceptUntrackedNa: s32,
  acceptRaMinLft: s32,
  forceForwarding: s32,
});

/** struct ifla-inet6-stats */
export const iflaInet6Stats = struct('ifla-inet6-stats', {
  num: u64,
  inpkts: u64,
  inoctets: u64,
  indelivers: u64,
  outforwdatagrams: u64,
  outpkts: u64,
  outoctets: u64,
  inhdrerrors: u64,
  intoobigerrors: u64,
  innoroutes: u64,
  inaddrerrors: u64,
  inunknownprotos: u64,
  intruncatedpkts: u64,
  indiscards: u64,
  outdiscards: u64,
  outnoroutes: u64,
  reasmtimeout: u64,
  reasmreqds: u64,
  reasmoks: u64,
  reasmfails: u64,
  fragoks: u64,
  fragfails: u64,
  fragcreates: u64,
  inmcastpkts: u64,
  outmcastpkts: u64,
  inbcastpkts: u64,
  outbcastpkts: u64,
  inmcastoctets: u64,
  outmcastoctets: u64,
  inbcastoctets: u64,
  outbcastoctets: u64,
  csumerrors: u64,
  noectpkts: u64,
  ect1Pkts: u64,
  ect0Pkts: u64,
  cepkts: u64,
  reasmOverlaps: u64,
});

/** struct ifla-cacheinfo */
export const iflaCacheinfo = struct('ifla-cacheinfo', {
  maxReasmLen: u32,
  tstamp: u32,
  reachableTime: s32,
  retransTime: u32,
});

/** struct ifla-icmp6-stats */
export const iflaIcmp6Stats = struct('ifla-icmp6-stats', {
  num: u64,
  inmsgs: u64,
  inerrors: u64,
  outmsgs: u64,
  outerrors: u64,
  csumerrors: u64,
  ratelimithost: u64,
});

export const addrGenModes = { eui64: 0, none: 1, 'stable-privacy': 2, random: 3 } as const;

export const inet6Attributes = attributeSet('inet6', {
  flags: [1, u32],
  conf: [2, structure(ipv6Devconf)],
  stats: [3, structure(iflaInet6Stats)],
  mcast: [4, binary],
  cacheinfo: [5, structure(iflaCacheinfo)],
  icmp6Stats: [6, structure(iflaIcmp6Stats)],
  token: [7, ipv6],
  addrGenMode: [8, enumeration(u8, addrGenModes)],
  raMtu: [9, u32],
});
export const mctpAttributes = attributeSet('mctp', {
  net: [1, u32],
});

export const afSpecAttributes = attributeSet('af-spec', {
  inet: [2, nest(inetAttributes)],
  inet6: [10, nest(inet6Attributes)],
  mctp: [45, nest(mctpAttributes)],
});

/** BRIDGE_FLAGS_*, linux/if_bridge.h */
export const bridgeFlags = { master: 1, self: 2 } as const;
export const bridgeModes = { veb: 0, vepa: 1, undef: 0xffff } as const;
/** BRIDGE_VLAN_INFO_*, linux/if_bridge.h */
export const bridgeVlanInfoFlags = {
  master: 1,
  pvid: 2,
  untagged: 4,
  'range-begin': 8,
  'range-end': 16,
  brentry: 32,
  'only-opts': 64,
} as const;
/** struct bridge_vlan_info */
export const bridgeVlanInfo = struct('bridge-vlan-info', {
  flags: flags(u16, bridgeVlanInfoFlags),
  vid: u16,
});

export const bridgeVlanTunnelAttributes = attributeSet('bridge-vlan-tunnel', {
  id: [1, u32],
  vid: [2, u16],
  flags: [3, flags(u16, bridgeVlanInfoFlags)],
});

/** IFLA_BRIDGE_MST_ENTRY_*: the spanning tree state of a port in one instance. */
export const bridgeMstEntryAttributes = attributeSet('bridge-mst-entry', {
  msti: [1, u16],
  state: [2, enumeration(u8, bridgePortStates)],
});
/** IFLA_BRIDGE_MST_* */
export const bridgeMstAttributes = attributeSet('bridge-mst', {
  entry: [1, list(nest(bridgeMstEntryAttributes))],
});

/** IFLA_BRIDGE_*: the AF_SPEC of messages whose family is AF_BRIDGE. */
export const bridgeAfSpecAttributes = attributeSet('bridge-af-spec', {
  flags: [0, flags(u16, bridgeFlags)],
  mode: [1, enumeration(u16, bridgeModes)],
  vlanInfo: [2, list(structure(bridgeVlanInfo))],
  vlanTunnelInfo: [3, list(nest(bridgeVlanTunnelAttributes))],
  mrp: [4, binary],
  cfm: [5, binary],
  mst: [6, nest(bridgeMstAttributes)],
});
