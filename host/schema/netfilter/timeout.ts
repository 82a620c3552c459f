import { attributeSet, be16, be32, choice, family, keyed, nest, string, u8 } from '../definition.js';
import { nfgenmsg } from './common.js';

/*
 * How long conntrack keeps an entry in each state of its protocol: linux/netfilter/nfnetlink_cttimeout.h.
 * Everything is in seconds.
 */

/** CTA_TIMEOUT_GENERIC_* */
export const timeoutGenericAttributes = attributeSet('timeout-generic', { timeout: [1, be32] });

/** CTA_TIMEOUT_TCP_* */
export const timeoutTcpAttributes = attributeSet('timeout-tcp', {
  synSent: [1, be32],
  synRecv: [2, be32],
  established: [3, be32],
  finWait: [4, be32],
  closeWait: [5, be32],
  lastAck: [6, be32],
  timeWait: [7, be32],
  close: [8, be32],
  synSent2: [9, be32],
  retrans: [10, be32],
  unack: [11, be32],
});

/** CTA_TIMEOUT_UDP_*, and the same for UDP-Lite and GRE */
export const timeoutUdpAttributes = attributeSet('timeout-udp', {
  unreplied: [1, be32],
  replied: [2, be32],
});

/** CTA_TIMEOUT_ICMP_* and CTA_TIMEOUT_ICMPV6_* */
export const timeoutIcmpAttributes = attributeSet('timeout-icmp', { timeout: [1, be32] });

/** CTA_TIMEOUT_DCCP_* */
export const timeoutDccpAttributes = attributeSet('timeout-dccp', {
  request: [1, be32],
  respond: [2, be32],
  partopen: [3, be32],
  open: [4, be32],
  closereq: [5, be32],
  closing: [6, be32],
  timewait: [7, be32],
});

/** CTA_TIMEOUT_SCTP_* */
export const timeoutSctpAttributes = attributeSet('timeout-sctp', {
  closed: [1, be32],
  cookieWait: [2, be32],
  cookieEchoed: [3, be32],
  established: [4, be32],
  shutdownSent: [5, be32],
  shutdownRecd: [6, be32],
  shutdownAckSent: [7, be32],
  heartbeatSent: [8, be32],
  heartbeatAcked: [9, be32],
});

/** The states' timeouts, chosen by the IP protocol in `l4proto`; an unknown protocol's are told by attribute number. */
export const timeoutData = choice(
  'l4proto',
  {
    1: nest(timeoutIcmpAttributes),
    6: nest(timeoutTcpAttributes),
    17: nest(timeoutUdpAttributes),
    33: nest(timeoutDccpAttributes),
    47: nest(timeoutUdpAttributes),
    58: nest(timeoutIcmpAttributes),
    132: nest(timeoutSctpAttributes),
    136: nest(timeoutUdpAttributes),
    255: nest(timeoutGenericAttributes),
  },
  keyed(be32),
);

/** CTA_TIMEOUT_* */
export const timeoutAttributes = attributeSet('timeout', {
  name: [1, string],
  l3proto: [2, be16],
  l4proto: [3, u8],
  data: [4, timeoutData],
  use: [5, be32],
});

const TIMEOUT = 8 << 8;

/** NFNL_SUBSYS_CTNETLINK_TIMEOUT: named timeout policies, and the defaults of a protocol. */
export const conntrackTimeout = family({
  name: 'conntrackTimeout',
  protocol: 'netfilter',
  messages: {
    timeoutnew: { number: TIMEOUT | 0, header: nfgenmsg, attributes: timeoutAttributes },
    timeoutget: { number: TIMEOUT | 1, header: nfgenmsg, attributes: timeoutAttributes },
    timeoutdelete: { number: TIMEOUT | 2, header: nfgenmsg, attributes: timeoutAttributes },
    timeoutdefaultset: { number: TIMEOUT | 3, header: nfgenmsg, attributes: timeoutAttributes },
    timeoutdefaultget: { number: TIMEOUT | 4, header: nfgenmsg, attributes: timeoutAttributes },
  },
});
