import { attributeSet, be16, be32, enumeration, family, flags, nest, string } from '../definition.js';
import { nfgenmsg } from './common.js';
import { tupleAttributes } from './conntrack.js';
import { ctDirections } from './nftables-names.js';

/* Connections that a helper awaits: linux/netfilter/nfnetlink_conntrack.h. */

/** NF_CT_EXPECT_*, linux/netfilter/nf_conntrack_common.h */
export const expectationFlags = { permanent: 1, inactive: 2, userspace: 4 } as const;

/** CTA_EXPECT_NAT_* */
export const expectationNatAttributes = attributeSet('expectation-nat', {
  dir: [1, enumeration(be32, ctDirections)],
  tuple: [2, nest(tupleAttributes)],
});

/** CTA_EXPECT_*; the timeout is in seconds. */
export const expectationAttributes = attributeSet('expectation', {
  master: [1, nest(tupleAttributes)],
  tuple: [2, nest(tupleAttributes)],
  mask: [3, nest(tupleAttributes)],
  timeout: [4, be32],
  id: [5, be32],
  helpName: [6, string],
  zone: [7, be16],
  flags: [8, flags(be32, expectationFlags)],
  class: [9, be32],
  nat: [10, nest(expectationNatAttributes)],
  fn: [11, string],
});

/** CTA_STATS_EXP_*: counts of one processor, told by `header.resId`. */
export const expectationStatsAttributes = attributeSet('expectation-stats', {
  new: [1, be32],
  create: [2, be32],
  delete: [3, be32],
});

const EXPECTATION = 2 << 8;

/** NFNL_SUBSYS_CTNETLINK_EXP */
export const conntrackExpectation = family({
  name: 'conntrackExpectation',
  protocol: 'netfilter',
  messages: {
    expNew: { number: EXPECTATION | 0, header: nfgenmsg, attributes: expectationAttributes },
    expGet: { number: EXPECTATION | 1, header: nfgenmsg, attributes: expectationAttributes },
    expDelete: { number: EXPECTATION | 2, header: nfgenmsg, attributes: expectationAttributes },
    expGetStatsCpu: { number: EXPECTATION | 3, header: nfgenmsg, attributes: expectationStatsAttributes },
  },
});
