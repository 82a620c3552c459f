/** vlan, vrf, macvlan, macvtap, ipvlan, ipvtap, tun, hsr, ifb. linux/if_link.h */
import {
  attributeSet,
  be16,
  enumeration,
  flags,
  list,
  mac,
  nest,
  s32,
  string,
  struct,
  structure,
  u8,
  u16,
  u32,
} from '../../definition.js';

/** linux/if_tun.h, IFF_TUN and IFF_TAP */
export const tunTypes = { tun: 1, tap: 2 } as const;

export const tunAttributes = attributeSet('tun', {
  owner: [1, u32],
  group: [2, u32],
  type: [3, enumeration(u8, tunTypes)],
  pi: [4, u8],
  vnetHdr: [5, u8],
  persist: [6, u8],
  multiQueue: [7, u8],
  numQueues: [8, u32],
  numDisabledQueues: [9, u32],
});

export const vlanFlags = {
  'reorder-hdr': 1,
  gvrp: 2,
  'loose-binding': 4,
  mvrp: 8,
  'bridge-binding': 16,
} as const;

/** struct ifla-vlan-flags */
export const iflaVlanFlags = struct('ifla-vlan-flags', {
  flags: flags(u32, vlanFlags),
  mask: u32,
});

/** struct ifla-vlan-qos-mapping */
export const iflaVlanQosMapping = struct('ifla-vlan-qos-mapping', {
  from: u32,
  to: u32,
});

export const iflaVlanQosAttributes = attributeSet('ifla-vlan-qos', {
  mapping: [1, list(structure(iflaVlanQosMapping))],
});

export const vlanProtocols = {
  '8021q': 33024,
  '8021ad': 34984,
} as const;

export const vlanAttributes = attributeSet('vlan', {
  id: [1, u16],
  flag: [2, structure(iflaVlanFlags)],
  egressQos: [3, nest(iflaVlanQosAttributes)],
  ingressQos: [4, nest(iflaVlanQosAttributes)],
  protocol: [5, enumeration(be16, vlanProtocols)],
});

export const vrfAttributes = attributeSet('vrf', {
  table: [1, u32],
});

export const vrfPortAttributes = attributeSet('vrf-port', { table: [1, u32] });

/** enum macvlan_mode */
export const macvlanModes = { private: 1, vepa: 2, bridge: 4, passthru: 8, source: 16 } as const;
export const macvlanFlags = { nopromisc: 1, nodst: 2 } as const;
/** enum macvlan_macaddr_mode */
export const macvlanAddressModes = { add: 0, del: 1, flush: 2, set: 3 } as const;

const macvlanAddressList = attributeSet('macvlan-macaddr-data', { macaddr: [4, list(mac)] });

/** IFLA_MACVLAN_* */
export const macvlanAttributes = attributeSet('macvlan', {
  mode: [1, enumeration(u32, macvlanModes)],
  flags: [2, flags(u16, macvlanFlags)],
  macaddrMode: [3, enumeration(u32, macvlanAddressModes)],
  macaddr: [4, mac],
  macaddrData: [5, nest(macvlanAddressList)],
  macaddrCount: [6, u32],
  bcQueueLen: [7, u32],
  bcQueueLenUsed: [8, u32],
  bcCutoff: [9, s32],
});

export const ipvlanModes = { l2: 0, l3: 1, l3s: 2 } as const;
export const ipvlanFlags = { private: 1, vepa: 2 } as const;
/** IFLA_IPVLAN_* */
export const ipvlanAttributes = attributeSet('ipvlan', {
  mode: [1, enumeration(u16, ipvlanModes)],
  flags: [2, flags(u16, ipvlanFlags)],
});

/** IFLA_BATADV_*, linux/batman_adv.h */
export const batadvAttributes = attributeSet('batadv', { algoName: [1, string] });

/** IFLA_HSR_* */
export const hsrAttributes = attributeSet('hsr', {
  slave1: [1, u32],
  slave2: [2, u32],
  multicastSpec: [3, u8],
  supervisionAddr: [4, mac],
  seqNr: [5, u16],
  version: [6, u8],
  protocol: [7, u8],
  interlink: [8, u32],
});
