/** Neighbours (ARP, NDP, and a bridge's or VXLAN's forwarding database): RTM_NEWNEIGH and its kin. linux/neighbour.h */
import {
  attributeSet,
  be16,
  family,
  flag,
  flags,
  ip,
  mac,
  nest,
  pad,
  s32,
  struct,
  structure,
  u8,
  u16,
  u32,
} from './definition.js';

/** NUD_* */
export const neighbourStates = {
  incomplete: 0x01,
  reachable: 0x02,
  stale: 0x04,
  delay: 0x08,
  probe: 0x10,
  failed: 0x20,
  noarp: 0x40,
  permanent: 0x80,
} as const;
/** NTF_* */
export const neighbourFlags = {
  use: 0x01,
  self: 0x02,
  master: 0x04,
  proxy: 0x08,
  'ext-learned': 0x10,
  offloaded: 0x20,
  sticky: 0x40,
  router: 0x80,
} as const;
/** NTF_EXT_* */
export const neighbourExtFlags = { managed: 0x1, locked: 0x2, 'ext-validated': 0x4 } as const;

/** struct ndmsg */
export const ndmsg = struct('ndmsg', {
  family: u8,
  pad0: pad(3),
  ifindex: s32,
  state: flags(u16, neighbourStates),
  flags: flags(u8, neighbourFlags),
  type: u8,
});

/** struct nda_cacheinfo: ages in hundredths of a second. */
export const ndaCacheinfo = struct('nda-cacheinfo', { confirmed: u32, used: u32, updated: u32, refcnt: u32 });

/** NFEA_*; bits of `activityNotify`: 1 to be told, 2 inactive. */
export const fdbExtAttributes = attributeSet('fdb-ext', { activityNotify: [1, u8], dontRefresh: [2, flag] });

/** NDA_*; for the forwarding database `lladdr` is the address forwarded to, `dst` the VXLAN peer. */
export const neighbourAttributes = attributeSet('neighbour', {
  dst: [1, ip],
  lladdr: [2, mac],
  cacheinfo: [3, structure(ndaCacheinfo)],
  probes: [4, u32],
  vlan: [5, u16],
  port: [6, be16],
  vni: [7, u32],
  ifindex: [8, u32],
  master: [9, u32],
  linkNetnsid: [10, u32],
  srcVni: [11, u32],
  protocol: [12, u8],
  nhId: [13, u32],
  fdbExtAttrs: [14, nest(fdbExtAttributes)],
  flagsExt: [15, flags(u32, neighbourExtFlags)],
  ndmStateMask: [16, u16],
  ndmFlagsMask: [17, u8],
});

export const neighbour = family({
  name: 'neighbour',
  protocol: 'route',
  messages: {
    newneigh: { number: 28, header: ndmsg, attributes: neighbourAttributes },
    delneigh: { number: 29, header: ndmsg, attributes: neighbourAttributes },
    getneigh: { number: 30, header: ndmsg, attributes: neighbourAttributes },
  },
});
