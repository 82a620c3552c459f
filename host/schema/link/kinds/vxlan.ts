/** VXLAN. Ages in seconds. linux/if_link.h */
import { attributeSet, be16, be32, flag, ipv4, ipv6, struct, structure, u8, u32 } from '../../definition.js';

/** struct ifla_vxlan_port_range */
export const vxlanPortRange = struct('ifla-vxlan-port-range', { low: be16, high: be16 });

export const vxlanAttributes = attributeSet('vxlan', {
  id: [1, u32],
  group: [2, ipv4],
  link: [3, u32],
  local: [4, ipv4],
  ttl: [5, u8],
  tos: [6, u8],
  learning: [7, u8],
  ageing: [8, u32],
  limit: [9, u32],
  portRange: [10, structure(vxlanPortRange)],
  proxy: [11, u8],
  rsc: [12, u8],
  l2miss: [13, u8],
  l3miss: [14, u8],
  port: [15, be16],
  group6: [16, ipv6],
  local6: [17, ipv6],
  udpCsum: [18, u8],
  udpZeroCsum6Tx: [19, u8],
  udpZeroCsum6Rx: [20, u8],
  remcsumTx: [21, u8],
  remcsumRx: [22, u8],
  gbp: [23, flag],
  remcsumNopartial: [24, flag],
  collectMetadata: [25, u8],
  label: [26, be32],
  gpe: [27, flag],
  ttlInherit: [28, flag],
  df: [29, u8],
  vnifilter: [30, u8],
  localbypass: [31, u8],
  labelPolicy: [32, u32],
});
