import {
  attributeSet,
  be16,
  be32,
  binary,
  choice,
  enumeration,
  flags,
  ipv4,
  ipv6,
  list,
  nest,
  string,
  u8,
  u32,
} from '../definition.js';
import {
  connlimitAttributes,
  counterAttributes,
  limitAttributes,
  quotaAttributes,
  synproxyAttributes,
} from './nftables-expressions.js';
import { objectTypes, tunnelFlags } from './nftables-names.js';
import { timeoutData } from './timeout.js';

/* Stateful objects, which rules refer to by name: attribute sets of linux/netfilter/nf_tables.h. */

/** NFTA_CT_HELPER_* */
export const ctHelperAttributes = attributeSet('ct-helper', {
  name: [1, string],
  l3proto: [2, be16],
  l4proto: [3, u8],
});

/** NFTA_CT_TIMEOUT_* */
export const ctTimeoutAttributes = attributeSet('ct-timeout', {
  l3proto: [1, be16],
  l4proto: [2, u8],
  data: [3, timeoutData],
});

/** NFTA_CT_EXPECT_*; the timeout is in milliseconds, and in the host's byte order unlike its neighbours. */
export const ctExpectAttributes = attributeSet('ct-expect', {
  l3proto: [1, be16],
  l4proto: [2, u8],
  dport: [3, be16],
  timeout: [4, u32],
  size: [5, u8],
});

/** NFTA_SECMARK_* */
export const secmarkAttributes = attributeSet('secmark', { ctx: [1, string] });

/** NFTA_TUNNEL_KEY_IP_* */
export const tunnelKeyIpAttributes = attributeSet('tunnel-key-ip', { src: [1, ipv4], dst: [2, ipv4] });

/** NFTA_TUNNEL_KEY_IP6_* */
export const tunnelKeyIp6Attributes = attributeSet('tunnel-key-ip6', {
  src: [1, ipv6],
  dst: [2, ipv6],
  flowlabel: [3, be32],
});

/** NFTA_TUNNEL_KEY_VXLAN_* */
export const tunnelKeyVxlanAttributes = attributeSet('tunnel-key-vxlan', { gbp: [1, be32] });

/** NFTA_TUNNEL_KEY_ERSPAN_* */
export const tunnelKeyErspanAttributes = attributeSet('tunnel-key-erspan', {
  version: [1, be32],
  v1Index: [2, be32],
  v2Hwid: [3, u8],
  v2Dir: [4, u8],
});

/** NFTA_TUNNEL_KEY_GENEVE_* */
export const tunnelKeyGeneveAttributes = attributeSet('tunnel-key-geneve', {
  class: [1, be16],
  type: [2, u8],
  data: [3, binary],
});

/** NFTA_TUNNEL_KEY_OPTS_* */
export const tunnelKeyOptsAttributes = attributeSet('tunnel-key-opts', {
  vxlan: [1, nest(tunnelKeyVxlanAttributes)],
  erspan: [2, nest(tunnelKeyErspanAttributes)],
  geneve: [3, list(nest(tunnelKeyGeneveAttributes))],
});

/** NFTA_TUNNEL_KEY_* */
export const tunnelKeyAttributes = attributeSet('tunnel-key', {
  id: [1, be32],
  ip: [2, nest(tunnelKeyIpAttributes)],
  ip6: [3, nest(tunnelKeyIp6Attributes)],
  flags: [4, flags(be32, tunnelFlags)],
  tos: [5, u8],
  ttl: [6, u8],
  sport: [7, be16],
  dport: [8, be16],
  opts: [9, nest(tunnelKeyOptsAttributes)],
});

/** The data of a stateful object, chosen by its type. */
export const objectData = choice('type', {
  counter: nest(counterAttributes),
  quota: nest(quotaAttributes),
  'ct-helper': nest(ctHelperAttributes),
  limit: nest(limitAttributes),
  connlimit: nest(connlimitAttributes),
  tunnel: nest(tunnelKeyAttributes),
  'ct-timeout': nest(ctTimeoutAttributes),
  secmark: nest(secmarkAttributes),
  'ct-expect': nest(ctExpectAttributes),
  synproxy: nest(synproxyAttributes),
});

/** The type of a stateful object. */
export const objectType = enumeration(be32, objectTypes);
