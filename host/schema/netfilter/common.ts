import { be16, be32, enumeration, type IntegerType, struct, type Type, u8 } from '../definition.js';

/** A signed 32-bit number in network byte order, as nf_tables' hook priorities are. */
export const beS32 = { ...be32, signed: true } as Type<number, number, IntegerType>;

/** NFPROTO_*, linux/netfilter.h: what a table, chain or message is about. */
export const protocolFamilies = {
  unspec: 0,
  inet: 1,
  ipv4: 2,
  arp: 3,
  netdev: 5,
  bridge: 7,
  ipv6: 10,
} as const;

/** struct nfgenmsg, linux/netfilter/nfnetlink.h; the version is 0, resId means something in few messages. */
export const nfgenmsg = struct('nfgenmsg', {
  nfgenFamily: enumeration(u8, protocolFamilies),
  version: u8,
  resId: be16,
});

/** NFNL_SUBSYS_*, linux/netfilter/nfnetlink.h: the upper byte of a message's number. */
export const subsystems = {
  none: 0,
  ctnetlink: 1,
  'ctnetlink-exp': 2,
  queue: 3,
  ulog: 4,
  osf: 5,
  ipset: 6,
  acct: 7,
  'ctnetlink-timeout': 8,
  cthelper: 9,
  nftables: 10,
  'nft-compat': 11,
  hook: 12,
  count: 13,
} as const;

/** NFNLGRP_*, linux/netfilter/nfnetlink.h: multicast groups to subscribe to. */
export const netfilterGroups = {
  'conntrack-new': 1,
  'conntrack-update': 2,
  'conntrack-destroy': 3,
  'conntrack-exp-new': 4,
  'conntrack-exp-update': 5,
  'conntrack-exp-destroy': 6,
  nftables: 7,
  'acct-quota': 8,
  nftrace: 9,
} as const;
