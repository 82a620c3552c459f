/** VLANs of bridges and their ports: RTM_NEWVLAN and its kin. linux/if_bridge.h */
import {
  attributeSet,
  binary,
  enumeration,
  family,
  list,
  nest,
  pad,
  struct,
  structure,
  u8,
  u16,
  u32,
  u64,
} from './definition.js';
import { bridgePortStates } from './link/kinds/bridge.js';
import { bridgeVlanInfo } from './link/protocols.js';

/** struct br_vlan_msg */
export const brVlanMsg = struct('br-vlan-msg', { family: u8, pad0: pad(3), ifindex: u32 });

/** BRIDGE_VLANDB_TINFO_* */
export const vlanTunnelAttributes = attributeSet('vlan-tunnel', { id: [1, u32], cmd: [2, u32] });

/** BRIDGE_VLANDB_STATS_* */
export const vlanStatsAttributes = attributeSet('vlan-stats', {
  rxBytes: [1, u64],
  rxPackets: [2, u64],
  txBytes: [3, u64],
  txPackets: [4, u64],
});

/** BRIDGE_VLANDB_ENTRY_*: a VLAN, or all up to `range`. */
export const vlanEntryAttributes = attributeSet('vlan-entry', {
  info: [1, structure(bridgeVlanInfo)],
  range: [2, u16],
  state: [3, enumeration(u8, bridgePortStates)],
  tunnelInfo: [4, nest(vlanTunnelAttributes)],
  stats: [5, nest(vlanStatsAttributes)],
  mcastRouter: [6, u8],
  mcastNGroups: [7, u32],
  mcastMaxGroups: [8, u32],
  neighSuppress: [9, u8],
});

/** BRIDGE_VLANDB_GOPTS_*: settings of a VLAN in a bridge, or of all up to `range`; times in hundredths of a second. */
export const vlanGlobalAttributes = attributeSet('vlan-global', {
  id: [1, u16],
  range: [2, u16],
  mcastSnooping: [3, u8],
  mcastIgmpVersion: [4, u8],
  mcastMldVersion: [5, u8],
  mcastLastMemberCnt: [6, u32],
  mcastStartupQueryCnt: [7, u32],
  mcastLastMemberIntvl: [8, u64],
  mcastMembershipIntvl: [10, u64],
  mcastQuerierIntvl: [11, u64],
  mcastQueryIntvl: [12, u64],
  mcastQueryResponseIntvl: [13, u64],
  mcastStartupQueryIntvl: [14, u64],
  mcastQuerier: [15, u8],
  mcastRouterPorts: [16, binary],
  mcastQuerierState: [17, binary],
  msti: [18, u16],
});

/** BRIDGE_VLANDB_* */
export const vlanAttributes = attributeSet('vlan', {
  entry: [1, list(nest(vlanEntryAttributes))],
  globalOptions: [2, list(nest(vlanGlobalAttributes))],
});

/** BRIDGE_VLANDB_DUMP_* */
export const vlanDumpAttributes = attributeSet('vlan-dump', { flags: [1, u32] });

export const bridgeVlan = family({
  name: 'bridgeVlan',
  protocol: 'route',
  messages: {
    newvlan: { number: 112, header: brVlanMsg, attributes: vlanAttributes },
    delvlan: { number: 113, header: brVlanMsg, attributes: vlanAttributes },
    getvlan: { number: 114, header: brVlanMsg, attributes: vlanDumpAttributes },
  },
});
