/** Tunnels: GRE family, ipip, sit, ip6tnl, vti, geneve, xfrm interfaces. linux/if_tunnel.h, linux/if_link.h */
import {
  attributeSet,
  be16,
  be32,
  flag,
  flags,
  ip,
  struct,
  structure,
  u8,
  u16,
  u32,
} from '../../definition.js';

export const greAttributes = attributeSet('gre', {
  link: [1, u32],
  iflags: [2, be16],
  oflags: [3, be16],
  ikey: [4, be32],
  okey: [5, be32],
  local: [6, ip],
  remote: [7, ip],
  ttl: [8, u8],
  tos: [9, u8],
  pmtudisc: [10, u8],
  encapLimit: [11, u8],
  flowinfo: [12, be32],
  flags: [13, u32],
  encapType: [14, u16],
  encapFlags: [15, u16],
  encapSport: [16, be16],
  encapDport: [17, be16],
  collectMetadata: [18, flag],
  ignoreDf: [19, u8],
  fwmark: [20, u32],
  erspanIndex: [21, u32],
  erspanVer: [22, u8],
  erspanDir: [23, u8],
  erspanHwid: [24, u16],
});

/** struct ifla_geneve_port_range: source ports, both ends included. */
export const genevePortRange = struct('ifla-geneve-port-range', { low: be16, high: be16 });

export const geneveAttributes = attributeSet('geneve', {
  id: [1, u32],
  remote: [2, ip],
  ttl: [3, u8],
  tos: [4, u8],
  port: [5, be16],
  collectMetadata: [6, flag],
  remote6: [7, ip],
  udpCsum: [8, u8],
  udpZeroCsum6Tx: [9, u8],
  udpZeroCsum6Rx: [10, u8],
  label: [11, be32],
  ttlInherit: [12, u8],
  df: [13, u8],
  innerProtoInherit: [14, flag],
  portRange: [15, structure(genevePortRange)],
});

export const iptunAttributes = attributeSet('iptun', {
  link: [1, u32],
  local: [2, ip],
  remote: [3, ip],
  ttl: [4, u8],
  tos: [5, u8],
  encapLimit: [6, u8],
  flowinfo: [7, be32],
  flags: [8, u16],
  proto: [9, u8],
  pmtudisc: [10, u8],
  '6rdPrefix': [11, ip],
  '6rdRelayPrefix': [12, ip],
  '6rdPrefixlen': [13, u16],
  '6rdRelayPrefixlen': [14, u16],
  encapType: [15, u16],
  encapFlags: [16, u16],
  encapSport: [17, be16],
  encapDport: [18, be16],
  collectMetadata: [19, flag],
  fwmark: [20, u32],
});

/** IP6_TNL_F_*, linux/ip6_tunnel.h */
export const ip6TunnelFlags = {
  'ign-encap-limit': 0x1,
  'use-orig-tclass': 0x2,
  'use-orig-flowlabel': 0x4,
  'mip6-dev': 0x8,
  'rcv-dscp-copy': 0x10,
  'use-orig-fwmark': 0x20,
  'allow-local-remote': 0x40,
} as const;
/** An ip6tnl's attributes are those of ipip and sit, but for the width of its flags. */
export const ip6tnlAttributes = attributeSet('ip6tnl', {
  ...iptunAttributes.attributes,
  flags: [8, flags(u32, ip6TunnelFlags)],
});

/** IFLA_VTI_*, linux/if_tunnel.h */
export const vtiAttributes = attributeSet('vti', {
  link: [1, u32],
  ikey: [2, be32],
  okey: [3, be32],
  local: [4, ip],
  remote: [5, ip],
  fwmark: [6, u32],
});

/** IFLA_XFRM_*, linux/if_link.h */
export const xfrmAttributes = attributeSet('xfrm', {
  link: [1, u32],
  ifId: [2, u32],
  collectMetadata: [3, flag],
});
