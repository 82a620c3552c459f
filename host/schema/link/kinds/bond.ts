/** Bonds and their ports. Times in ms. linux/if_link.h, linux/if_bonding.h */
import {
  attributeSet,
  enumeration,
  indexed,
  ipv4,
  ipv6,
  mac,
  nest,
  s32,
  u8,
  u16,
  u32,
} from '../../definition.js';

export const bondModes = {
  'balance-rr': 0,
  'active-backup': 1,
  'balance-xor': 2,
  broadcast: 3,
  '802.3ad': 4,
  'balance-tlb': 5,
  'balance-alb': 6,
} as const;
export const bondTransmitHashPolicies = {
  layer2: 0,
  'layer3+4': 1,
  'layer2+3': 2,
  'encap2+3': 3,
  'encap3+4': 4,
  'vlan+srcmac': 5,
} as const;

export const bondAdInfoAttributes = attributeSet('bond-ad-info', {
  aggregator: [1, u16],
  numPorts: [2, u16],
  actorKey: [3, u16],
  partnerKey: [4, u16],
  partnerMac: [5, mac],
});

export const bondAttributes = attributeSet('bond', {
  mode: [1, enumeration(u8, bondModes)],
  activeSlave: [2, u32],
  miimon: [3, u32],
  updelay: [4, u32],
  downdelay: [5, u32],
  useCarrier: [6, u8],
  arpInterval: [7, u32],
  arpIpTarget: [8, indexed(ipv4, 0)],
  arpValidate: [9, u32],
  arpAllTargets: [10, u32],
  primary: [11, u32],
  primaryReselect: [12, u8],
  failOverMac: [13, u8],
  xmitHashPolicy: [14, enumeration(u8, bondTransmitHashPolicies)],
  resendIgmp: [15, u32],
  numPeerNotif: [16, u8],
  allSlavesActive: [17, u8],
  minLinks: [18, u32],
  lpInterval: [19, u32],
  packetsPerSlave: [20, u32],
  adLacpRate: [21, u8],
  adSelect: [22, u8],
  adInfo: [23, nest(bondAdInfoAttributes)],
  adActorSysPrio: [24, u16],
  adUserPortKey: [25, u16],
  adActorSystem: [26, mac],
  tlbDynamicLb: [27, u8],
  peerNotifDelay: [28, u32],
  adLacpActive: [29, u8],
  missedMax: [30, u8],
  nsIp6Target: [31, indexed(ipv6, 0)],
  coupledControl: [32, u8],
  broadcastNeigh: [33, u8],
});

export const bondPortAttributes = attributeSet('bond-slave', {
  state: [1, u8],
  miiStatus: [2, u8],
  linkFailureCount: [3, u32],
  permHwaddr: [4, mac],
  queueId: [5, u16],
  adAggregatorId: [6, u16],
  adActorOperPortState: [7, u8],
  adPartnerOperPortState: [8, u16],
  prio: [9, s32],
  actorPortPrio: [10, u16],
});
