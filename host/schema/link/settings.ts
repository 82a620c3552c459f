/** Attributes of a link, but for its kind (IFLA_*). linux/if_link.h */
import {
  attributeSet,
  binary,
  choice,
  enumeration,
  flags,
  list,
  mac,
  nest,
  s32,
  string,
  structure,
  u8,
  u16,
  u32,
  uint,
} from '../definition.js';
import { bridgePortAttributes } from './kinds/bridge.js';
import { rtnlLinkIfmap, rtnlLinkStats, rtnlLinkStats64 } from './message.js';
import { afSpecAttributes, bridgeAfSpecAttributes, inet6Attributes } from './protocols.js';
import { portAttributes, vfinfoListAttributes, vfPortsAttributes } from './virtual-functions.js';

/** RFC 2863, linux/if.h */
export const operationalStates = {
  unknown: 0,
  notpresent: 1,
  down: 2,
  lowerlayerdown: 3,
  testing: 4,
  dormant: 5,
  up: 6,
} as const;
export const linkModes = { default: 0, dormant: 1, testing: 2 } as const;
/** Why a link message was sent (IFLA_EVENT). */
export const linkEvents = {
  none: 0,
  reboot: 1,
  features: 2,
  'bonding-failover': 3,
  'notify-peers': 4,
  'igmp-resend': 5,
  'bonding-options': 6,
} as const;
export const extFilters = {
  vf: 1,
  brvlan: 2,
  'brvlan-compressed': 4,
  'skip-stats': 8,
  mrp: 16,
  'cfm-config': 32,
  'cfm-status': 64,
  mst: 128,
} as const;

export const propertyAttributes = attributeSet('prop-list', { altIfname: [53, list(string)] });
export const protoDownReasonAttributes = attributeSet('proto-down-reason', {
  mask: [1, u32],
  value: [2, u32],
});
export const xdpAttributes = attributeSet('xdp', {
  fd: [1, s32],
  attached: [2, u8],
  flags: [3, u32],
  progId: [4, u32],
  drvProgId: [5, u32],
  skbProgId: [6, u32],
  hwProgId: [7, u32],
  expectedFd: [8, s32],
});
export const linkDpllPinAttributes = attributeSet('link-dpll-pin', {
  id: [1, u32],
});

const settings = attributeSet('link', {
  address: [1, mac],
  broadcast: [2, mac],
  ifname: [3, string],
  mtu: [4, u32],
  link: [5, u32],
  qdisc: [6, string],
  stats: [7, structure(rtnlLinkStats)],
  master: [10, u32],
  protinfo: [12, choice('header.family', { '7': nest(bridgePortAttributes), '10': nest(inet6Attributes) })],
  txqlen: [13, u32],
  map: [14, structure(rtnlLinkIfmap)],
  weight: [15, u32],
  operstate: [16, enumeration(u8, operationalStates)],
  linkmode: [17, enumeration(u8, linkModes)],
  netNsPid: [19, u32],
  ifalias: [20, string],
  numVf: [21, u32],
  vfinfoList: [22, nest(vfinfoListAttributes)],
  stats64: [23, structure(rtnlLinkStats64)],
  vfPorts: [24, nest(vfPortsAttributes)],
  portSelf: [25, nest(portAttributes)],
  afSpec: [26, choice('header.family', { '7': nest(bridgeAfSpecAttributes) }, nest(afSpecAttributes))],
  group: [27, u32],
  netNsFd: [28, u32],
  extMask: [29, flags(u32, extFilters)],
  promiscuity: [30, u32],
  numTxQueues: [31, u32],
  numRxQueues: [32, u32],
  carrier: [33, u8],
  physPortId: [34, binary],
  carrierChanges: [35, u32],
  physSwitchId: [36, binary],
  linkNetnsid: [37, s32],
  physPortName: [38, string],
  protoDown: [39, u8],
  gsoMaxSegs: [40, u32],
  gsoMaxSize: [41, u32],
  xdp: [43, nest(xdpAttributes)],
  event: [44, enumeration(u32, linkEvents)],
  newNetnsid: [45, s32],
  targetNetnsid: [46, s32],
  carrierUpCount: [47, u32],
  carrierDownCount: [48, u32],
  newIfindex: [49, s32],
  minMtu: [50, u32],
  maxMtu: [51, u32],
  propList: [52, nest(propertyAttributes)],
  altIfname: [53, string],
  permAddress: [54, mac],
  protoDownReason: [55, nest(protoDownReasonAttributes)],
  parentDevName: [56, string],
  parentDevBusName: [57, string],
  groMaxSize: [58, u32],
  tsoMaxSize: [59, u32],
  tsoMaxSegs: [60, u32],
  allmulti: [61, u32],
  devlinkPort: [62, binary],
  gsoIpv4MaxSize: [63, u32],
  groIpv4MaxSize: [64, u32],
  dpllPin: [65, nest(linkDpllPinAttributes)],
  maxPacingOffloadHorizon: [66, uint],
  netnsImmutable: [67, u8],
  headroom: [68, u16],
  tailroom: [69, u16],
});

type Settings = typeof settings;
/** Named, so that declarations refer to it instead of repeating it. */
export interface LinkSettings extends Settings {}
/** Every attribute of a link message but `linkinfo`, which refers to them again. */
export const linkSettings: LinkSettings = settings;
