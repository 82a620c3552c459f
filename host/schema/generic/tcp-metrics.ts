import { attributeSet, binary, family, ipv4, ipv6, nest, s32, u16, u32, u64 } from '../definition.js';
import { genlmsghdr } from './header.js';

/** TCP_METRIC_* and one, linux/tcp_metrics.h: round-trip times are in eighths, their variances in quarters of the unit. */
export const tcpMetricAttributes = attributeSet('metrics', {
  rtt: [1, u32],
  rttvar: [2, u32],
  ssthresh: [3, u32],
  cwnd: [4, u32],
  reordering: [5, u32],
  rttUs: [6, u32],
  rttvarUs: [7, u32],
});

/** TCP_METRICS_ATTR_*, linux/tcp_metrics.h; ages in milliseconds. */
export const tcpMetricsAttributes = attributeSet('tcp-metrics', {
  addrIpv4: [1, ipv4],
  addrIpv6: [2, ipv6],
  age: [3, u64],
  twTsval: [4, u32],
  twTsStamp: [5, s32],
  vals: [6, nest(tcpMetricAttributes)],
  fopenMss: [7, u16],
  fopenSynDrops: [8, u16],
  fopenSynDropTs: [9, u64],
  fopenCookie: [10, binary],
  saddrIpv4: [11, ipv4],
  saddrIpv6: [12, ipv6],
});

/** What the kernel remembers of TCP's way to a destination: TCP_METRICS_CMD_*, linux/tcp_metrics.h */
export const tcpMetrics = family({
  name: 'tcp_metrics',
  protocol: 'generic',
  version: 1,
  messages: {
    get: { number: 1, header: genlmsghdr, attributes: tcpMetricsAttributes },
    del: { number: 2, header: genlmsghdr, attributes: tcpMetricsAttributes },
  },
});
