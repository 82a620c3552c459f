/** What IPv6 router advertisements say, as notified: RTM_NEWPREFIX, RTM_NEWNDUSEROPT. linux/rtnetlink.h */
import {
  attributeSet,
  family,
  flags,
  ip,
  ipv6,
  pad,
  s32,
  struct,
  structure,
  u8,
  u16,
  u32,
} from './definition.js';

/** IF_PREFIX_*, net/if_inet6.h: what the prefix may be used for. */
export const prefixFlags = { onlink: 0x1, autoconf: 0x2 } as const;

/** struct prefixmsg */
export const prefixmsg = struct('prefixmsg', {
  family: u8,
  pad1: pad(1),
  pad2: pad(2),
  ifindex: s32,
  type: u8,
  len: u8,
  flags: flags(u8, prefixFlags),
  pad3: pad(1),
});
/** struct prefix_cacheinfo: lifetimes in seconds. */
export const prefixCacheinfo = struct('prefix-cacheinfo', { preferredTime: u32, validTime: u32 });
/** PREFIX_* */
export const prefixAttributes = attributeSet('prefix', {
  address: [1, ipv6],
  cacheinfo: [2, structure(prefixCacheinfo)],
});

export const prefix = family({
  name: 'prefix',
  protocol: 'route',
  messages: { newprefix: { number: 52, header: prefixmsg, attributes: prefixAttributes } },
});

/**
 * struct nduseroptmsg. `optsLen` bytes of neighbour discovery options (RFC 4861, section 4.6) stand between it and
 * the attributes; the schema language has no word for them.
 */
export const nduseroptmsg = struct('nduseroptmsg', {
  family: u8,
  pad1: pad(1),
  optsLen: u16,
  ifindex: s32,
  icmpType: u8,
  icmpCode: u8,
  pad2: pad(2),
  pad3: pad(4),
});
/** NDUSEROPT_* */
export const nduseroptAttributes = attributeSet('nduseropt', { srcaddr: [1, ip] });

export const nduseropt = family({
  name: 'nduseropt',
  protocol: 'route',
  messages: { newnduseropt: { number: 68, header: nduseroptmsg, attributes: nduseroptAttributes } },
});
