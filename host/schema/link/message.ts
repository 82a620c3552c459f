/** What all link messages share: ifinfomsg and its flags, counters. linux/rtnetlink.h, linux/if.h, linux/if_link.h */
import { flags, pad, s32, struct, u8, u16, u32, u64 } from '../definition.js';

export const ifinfoFlags = {
  up: 1,
  broadcast: 2,
  debug: 4,
  loopback: 8,
  'point-to-point': 16,
  'no-trailers': 32,
  running: 64,
  'no-arp': 128,
  promisc: 256,
  'all-multi': 512,
  master: 1024,
  slave: 2048,
  multicast: 4096,
  portsel: 8192,
  'auto-media': 16384,
  dynamic: 32768,
  'lower-up': 65536,
  dormant: 131072,
  echo: 262144,
} as const;

/** struct ifinfomsg */
export const ifinfomsg = struct('ifinfomsg', {
  family: u8,
  pad0: pad(1),
  type: u16,
  index: s32,
  flags: flags(u32, ifinfoFlags),
  change: u32,
});

/** struct rtnl-link-stats */
export const rtnlLinkStats = struct('rtnl-link-stats', {
  rxPackets: u32,
  txPackets: u32,
  rxBytes: u32,
  txBytes: u32,
  rxErrors: u32,
  txErrors: u32,
  rxDropped: u32,
  txDropped: u32,
  multicast: u32,
  collisions: u32,
  rxLengthErrors: u32,
  rxOverErrors: u32,
  rxCrcErrors: u32,
  rxFrameErrors: u32,
  rxFifoErrors: u32,
  rxMissedErrors: u32,
  txAbortedErrors: u32,
  txCarrierErrors: u32,
  txFifoErrors: u32,
  txHeartbeatErrors: u32,
  txWindowErrors: u32,
  rxCompressed: u32,
  txCompressed: u32,
  rxNohandler: u32,
});

/** struct rtnl-link-stats64 */
export const rtnlLinkStats64 = struct('rtnl-link-stats64', {
  rxPackets: u64,
  txPackets: u64,
  rxBytes: u64,
  txBytes: u64,
  rxErrors: u64,
  txErrors: u64,
  rxDropped: u64,
  txDropped: u64,
  multicast: u64,
  collisions: u64,
  rxLengthErrors: u64,
  rxOverErrors: u64,
  rxCrcErrors: u64,
  rxFrameErrors: u64,
  rxFifoErrors: u64,
  rxMissedErrors: u64,
  txAbortedErrors: u64,
  txCarrierErrors: u64,
  txFifoErrors: u64,
  txHeartbeatErrors: u64,
  txWindowErrors: u64,
  rxCompressed: u64,
  txCompressed: u64,
  rxNohandler: u64,
  rxOtherhostDropped: u64,
});

/** struct rtnl-link-ifmap */
export const rtnlLinkIfmap = struct('rtnl-link-ifmap', {
  memStart: u64,
  memEnd: u64,
  baseAddr: u64,
  irq: u16,
  dma: u8,
  port: u8,
  pad0: pad(4),
});
