import { attributeSet, enumeration, family, flags, list, nest, u32, u64, uint } from '../definition.js';
import { genlmsghdr } from './header.js';

/** 64 bits of which only the lower 32 have names. */
const mask64 = u64 as unknown as typeof u32;

/** enum netdev_xdp_act, linux/netdev.h */
export const xdpFeatures = {
  basic: 0x01,
  redirect: 0x02,
  'ndo-xmit': 0x04,
  'xsk-zerocopy': 0x08,
  'hw-offload': 0x10,
  'rx-sg': 0x20,
  'ndo-xmit-sg': 0x40,
} as const;

/** enum netdev_xdp_rx_metadata, linux/netdev.h */
export const xdpRxMetadata = { timestamp: 1, hash: 2, 'vlan-tag': 4 } as const;

/** enum netdev_xsk_flags, linux/netdev.h */
export const xskFlags = { 'tx-timestamp': 1, 'tx-checksum': 2 } as const;

/** NETDEV_A_DEV_*, linux/netdev.h */
export const devAttributes = attributeSet('dev', {
  ifindex: [1, u32],
  xdpFeatures: [3, flags(mask64, xdpFeatures)],
  xdpZcMaxSegs: [4, u32],
  xdpRxMetadataFeatures: [5, flags(mask64, xdpRxMetadata)],
  xskFeatures: [6, flags(mask64, xskFlags)],
});

/** NETDEV_A_PAGE_POOL_*, linux/netdev.h */
export const pagePoolAttributes = attributeSet('page-pool', {
  id: [1, uint],
  ifindex: [2, u32],
  napiId: [3, uint],
  inflight: [4, uint],
  inflightMem: [5, uint],
  detachTime: [6, uint],
  dmabuf: [7, u32],
});

/** NETDEV_A_PAGE_POOL_STATS_*, linux/netdev.h */
export const pagePoolStatsAttributes = attributeSet('page-pool-stats', {
  info: [1, nest(pagePoolAttributes)],
  allocFast: [8, uint],
  allocSlow: [9, uint],
  allocSlowHighOrder: [10, uint],
  allocEmpty: [11, uint],
  allocRefill: [12, uint],
  allocWaive: [13, uint],
  recycleCached: [14, uint],
  recycleCacheFull: [15, uint],
  recycleRing: [16, uint],
  recycleRingFull: [17, uint],
  recycleReleasedRefcnt: [18, uint],
});

/** enum netdev_queue_type, linux/netdev.h */
export const queueTypes = {
  rx: 0,
  tx: 1,
} as const;

/** NETDEV_A_QUEUE_*, linux/netdev.h */
export const queueAttributes = attributeSet('queue', {
  id: [1, u32],
  ifindex: [2, u32],
  type: [3, enumeration(u32, queueTypes)],
  napiId: [4, u32],
  dmabuf: [5, u32],
});

/** NETDEV_A_NAPI_*, linux/netdev.h; timeouts in nanoseconds */
export const napiAttributes = attributeSet('napi', {
  ifindex: [1, u32],
  id: [2, u32],
  irq: [3, u32],
  pid: [4, u32],
  deferHardIrqs: [5, u32],
  groFlushTimeout: [6, uint],
  irqSuspendTimeout: [7, uint],
});

/** NETDEV_A_QSTATS_*, linux/netdev.h: per device, or per queue with `scope` */
export const qstatsAttributes = attributeSet('qstats', {
  ifindex: [1, u32],
  queueType: [2, enumeration(u32, queueTypes)],
  queueId: [3, u32],
  scope: [4, uint],
  rxPackets: [8, uint],
  rxBytes: [9, uint],
  txPackets: [10, uint],
  txBytes: [11, uint],
  rxAllocFail: [12, uint],
  rxHwDrops: [13, uint],
  rxHwDropOverruns: [14, uint],
  rxCsumComplete: [15, uint],
  rxCsumUnnecessary: [16, uint],
  rxCsumNone: [17, uint],
  rxCsumBad: [18, uint],
  rxHwGroPackets: [19, uint],
  rxHwGroBytes: [20, uint],
  rxHwGroWirePackets: [21, uint],
  rxHwGroWireBytes: [22, uint],
  rxHwDropRatelimits: [23, uint],
  txHwDrops: [24, uint],
  txHwDropErrors: [25, uint],
  txCsumNone: [26, uint],
  txNeedsCsum: [27, uint],
  txHwGsoPackets: [28, uint],
  txHwGsoBytes: [29, uint],
  txHwGsoWirePackets: [30, uint],
  txHwGsoWireBytes: [31, uint],
  txHwDropRatelimits: [32, uint],
  txStop: [33, uint],
  txWake: [34, uint],
});

/** NETDEV_A_DMABUF_*, linux/netdev.h */
export const dmabufAttributes = attributeSet('dmabuf', {
  ifindex: [1, u32],
  queues: [2, list(nest(queueAttributes))],
  fd: [3, u32],
  id: [4, u32],
});

/** What network devices' drivers can do, and their queues: NETDEV_CMD_*, linux/netdev.h (Linux 6.3). */
export const netdev = family({
  name: 'netdev',
  protocol: 'generic',
  messages: {
    devGet: { number: 1, header: genlmsghdr, attributes: devAttributes },
    devAddNtf: { number: 2, header: genlmsghdr, attributes: devAttributes },
    devDelNtf: { number: 3, header: genlmsghdr, attributes: devAttributes },
    devChangeNtf: { number: 4, header: genlmsghdr, attributes: devAttributes },
    pagePoolGet: { number: 5, header: genlmsghdr, attributes: pagePoolAttributes },
    pagePoolAddNtf: { number: 6, header: genlmsghdr, attributes: pagePoolAttributes },
    pagePoolDelNtf: { number: 7, header: genlmsghdr, attributes: pagePoolAttributes },
    pagePoolChangeNtf: { number: 8, header: genlmsghdr, attributes: pagePoolAttributes },
    pagePoolStatsGet: { number: 9, header: genlmsghdr, attributes: pagePoolStatsAttributes },
    queueGet: { number: 10, header: genlmsghdr, attributes: queueAttributes },
    napiGet: { number: 11, header: genlmsghdr, attributes: napiAttributes },
    qstatsGet: { number: 12, header: genlmsghdr, attributes: qstatsAttributes },
    bindRx: { number: 13, header: genlmsghdr, attributes: dmabufAttributes },
    napiSet: { number: 14, header: genlmsghdr, attributes: napiAttributes },
  },
});
