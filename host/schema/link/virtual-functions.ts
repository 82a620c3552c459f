/** SR-IOV virtual functions of a link (IFLA_VFINFO_LIST). linux/if_link.h */
import {
  attributeSet,
  be16,
  binary,
  bytes,
  enumeration,
  list,
  mac,
  nest,
  pad,
  string,
  struct,
  structure,
  u8,
  u16,
  u32,
  u64,
} from '../definition.js';

/** struct ifla-vf-mac */
export const iflaVfMac = struct('ifla-vf-mac', {
  vf: u32,
  mac: bytes(32),
});

/** struct ifla-vf-vlan */
export const iflaVfVlan = struct('ifla-vf-vlan', {
  vf: u32,
  vlan: u32,
  qos: u32,
});

/** struct ifla-vf-tx-rate */
export const iflaVfTxRate = struct('ifla-vf-tx-rate', {
  vf: u32,
  rate: u32,
});

/** struct ifla-vf-spoofchk */
export const iflaVfSpoofchk = struct('ifla-vf-spoofchk', {
  vf: u32,
  setting: u32,
});

export const iflaVfLinkStateEnum = {
  auto: 0,
  enable: 1,
  disable: 2,
} as const;

/** struct ifla-vf-link-state */
export const iflaVfLinkState = struct('ifla-vf-link-state', {
  vf: u32,
  linkState: enumeration(u32, iflaVfLinkStateEnum),
});

/** struct ifla-vf-rate */
export const iflaVfRate = struct('ifla-vf-rate', {
  vf: u32,
  minTxRate: u32,
  maxTxRate: u32,
});

/** struct ifla-vf-rss-query-en */
export const iflaVfRssQueryEn = struct('ifla-vf-rss-query-en', {
  vf: u32,
  setting: u32,
});

export const vfStatsAttributes = attributeSet('vf-stats', {
  rxPackets: [0, u64],
  txPackets: [1, u64],
  rxBytes: [2, u64],
  txBytes: [3, u64],
  broadcast: [4, u64],
  multicast: [5, u64],
  rxDropped: [7, u64],
  txDropped: [8, u64],
});

/** struct ifla-vf-trust */
export const iflaVfTrust = struct('ifla-vf-trust', {
  vf: u32,
  setting: u32,
});

/** struct ifla-vf-guid */
export const iflaVfGuid = struct('ifla-vf-guid', {
  vf: u32,
  pad0: pad(4),
  guid: u64,
});

/** struct ifla-vf-vlan-info */
export const iflaVfVlanInfo = struct('ifla-vf-vlan-info', {
  vf: u32,
  vlan: u32,
  qos: u32,
  vlanProto: be16,
  pad0: pad(2),
});

export const vfVlanAttributes = attributeSet('vf-vlan', {
  info: [1, list(structure(iflaVfVlanInfo))],
});

export const vfinfoAttributes = attributeSet('vfinfo', {
  mac: [1, structure(iflaVfMac)],
  vlan: [2, structure(iflaVfVlan)],
  txRate: [3, structure(iflaVfTxRate)],
  spoofchk: [4, structure(iflaVfSpoofchk)],
  linkState: [5, structure(iflaVfLinkState)],
  rate: [6, structure(iflaVfRate)],
  rssQueryEn: [7, structure(iflaVfRssQueryEn)],
  stats: [8, nest(vfStatsAttributes)],
  trust: [9, structure(iflaVfTrust)],
  ibNodeGuid: [10, structure(iflaVfGuid)],
  ibPortGuid: [11, structure(iflaVfGuid)],
  vlanList: [12, nest(vfVlanAttributes)],
  broadcast: [13, mac],
});

export const vfinfoListAttributes = attributeSet('vfinfo-list', {
  info: [1, list(nest(vfinfoAttributes))],
});

/** IFLA_PORT_*: the virtual port that a function (or the device) is in, IEEE 802.1Qbg. */
export const portAttributes = attributeSet('port', {
  vf: [1, u32],
  profile: [2, string],
  vsiType: [3, binary],
  instanceUuid: [4, bytes(16)],
  hostUuid: [5, bytes(16)],
  request: [6, u8],
  response: [7, u16],
});
/** IFLA_VF_PORT_* */
export const vfPortsAttributes = attributeSet('vf-ports', { port: [1, list(nest(portAttributes))] });
