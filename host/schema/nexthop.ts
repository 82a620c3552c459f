/** Next hop objects: RTM_NEWNEXTHOP and its kin. linux/nexthop.h */

import {
  array,
  attributeSet,
  enumeration,
  family,
  flag,
  flags,
  ip,
  list,
  nest,
  pad,
  struct,
  structure,
  u8,
  u16,
  u32,
  u64,
  uint,
} from './definition.js';
import { encapsulation } from './encapsulation.js';
import { routeFlags, routeProtocols, routeScopes } from './route.js';

/** struct nhmsg */
export const nhmsg = struct('nhmsg', {
  family: u8,
  scope: enumeration(u8, routeScopes),
  protocol: enumeration(u8, routeProtocols),
  resvd: u8,
  flags: flags(u32, routeFlags),
});
/** struct nexthop_grp: `weight` is the weight less one, `weightHigh` its upper 8 bits. */
export const nexthopGrp = struct('nexthop-grp', { id: u32, weight: u8, weightHigh: u8, padResvd: pad(2) });

/** NHA_RES_GROUP_*; times in hundredths of a second. */
export const resilientGroup = attributeSet('res-group', {
  buckets: [1, u16],
  idleTimer: [2, u32],
  unbalancedTimer: [3, u32],
  unbalancedTime: [4, u64],
});
/** NHA_RES_BUCKET_* */
export const resilientBucket = attributeSet('res-bucket', {
  index: [1, u16],
  idleTime: [2, u64],
  nhId: [3, u32],
});

/** NHA_GROUP_STATS_ENTRY_* */
export const groupStatsEntry = attributeSet('group-stats-entry', {
  id: [1, u32],
  packets: [2, uint],
  packetsHw: [3, uint],
});
/** NHA_GROUP_STATS_* */
export const groupStats = attributeSet('group-stats', { entry: [1, list(nest(groupStatsEntry))] });
/** NHA_OP_FLAG_*: what a dump is to contain; in answers, whether `weightHigh` means something. */
export const nexthopOperationFlags = {
  'dump-stats': 0x1,
  'dump-hw-stats': 0x2,
  'resp-grp-resvd-0': 0x80000000,
} as const;

/** NHA_* */
export const nexthopAttributes = attributeSet('nexthop', {
  id: [1, u32],
  group: [2, array(structure(nexthopGrp))],
  groupType: [3, enumeration(u16, { mpath: 0, res: 1 })],
  blackhole: [4, flag],
  oif: [5, u32],
  gateway: [6, ip],
  ...encapsulation(7, 8),
  groups: [9, flag],
  master: [10, u32],
  fdb: [11, flag],
  resGroup: [12, nest(resilientGroup)],
  resBucket: [13, nest(resilientBucket)],
  opFlags: [14, flags(u32, nexthopOperationFlags)],
  groupStats: [15, nest(groupStats)],
  hwStatsEnable: [16, u32],
  hwStatsUsed: [17, u32],
});

export const nexthop = family({
  name: 'nexthop',
  protocol: 'route',
  messages: {
    newnexthop: { number: 104, header: nhmsg, attributes: nexthopAttributes },
    delnexthop: { number: 105, header: nhmsg, attributes: nexthopAttributes },
    getnexthop: { number: 106, header: nhmsg, attributes: nexthopAttributes },
    newnexthopbucket: { number: 116, header: nhmsg, attributes: nexthopAttributes },
    delnexthopbucket: { number: 117, header: nhmsg, attributes: nexthopAttributes },
    getnexthopbucket: { number: 118, header: nhmsg, attributes: nexthopAttributes },
  },
});
