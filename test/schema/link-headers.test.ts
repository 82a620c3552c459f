import t from 'tap';
import type { Names, Struct } from '../../host/schema/definition.js';
import * as bond from '../../host/schema/link/kinds/bond.js';
import * as bridge from '../../host/schema/link/kinds/bridge.js';
import * as can from '../../host/schema/link/kinds/can.js';
import * as devices from '../../host/schema/link/kinds/devices.js';
import * as tunnels from '../../host/schema/link/kinds/tunnels.js';
import * as vxlan from '../../host/schema/link/kinds/vxlan.js';
import * as link from '../../host/schema/link/link.js';
import * as linkinfo from '../../host/schema/link/linkinfo.js';
import * as message from '../../host/schema/link/message.js';
import * as protocols from '../../host/schema/link/protocols.js';
import * as settings from '../../host/schema/link/settings.js';
import * as functions from '../../host/schema/link/virtual-functions.js';
import { checkHeaders, operations } from './support/headers.js';

/** A struct that the kernel writes as an array of s32 or u64, its fields numbered by an enumeration from `first`. */
function order({ fields }: Struct, first: number): Names {
  return Object.fromEntries(Object.keys(fields).map((name, i) => [name, first + i]));
}

t.test('links', async (t) => {
  checkHeaders(t, {
    includes: [
      'sys/socket.h',
      'linux/rtnetlink.h',
      'linux/if.h',
      'linux/if_link.h',
      'linux/if_bridge.h',
      'linux/ip.h',
      'linux/ipv6.h',
      'linux/snmp.h',
    ],
    numbers: [
      { prefix: 'RTM_', numbers: operations(link.link), partial: true },
      {
        prefix: 'IFF_',
        numbers: message.ifinfoFlags,
        except: {
          'point-to-point': 'POINTOPOINT',
          'no-trailers': 'NOTRAILERS',
          'no-arp': 'NOARP',
          'all-multi': 'ALLMULTI',
          'auto-media': 'AUTOMEDIA',
        },
        without: ['VOLATILE'],
      },
      {
        prefix: 'IFLA_',
        numbers: link.linkAttributes,
        partial: true,
        newer: [
          'devlinkPort',
          'gsoIpv4MaxSize',
          'groIpv4MaxSize',
          'dpllPin',
          'maxPacingOffloadHorizon',
          'netnsImmutable',
          'headroom',
          'tailroom',
        ],
      },
      { prefix: 'IFLA_', numbers: settings.propertyAttributes, partial: true },
      { prefix: 'IFLA_EVENT_', numbers: settings.linkEvents },
      { prefix: 'IFLA_PROTO_DOWN_REASON_', numbers: settings.protoDownReasonAttributes },
      { prefix: 'IFLA_XDP_', numbers: settings.xdpAttributes },
      { prefix: 'IF_OPER_', numbers: settings.operationalStates },
      { prefix: 'IF_LINK_MODE_', numbers: settings.linkModes },
      { prefix: 'RTEXT_FILTER_', numbers: settings.extFilters },
      { prefix: 'IFLA_INFO_', numbers: linkinfo.linkinfoAttributes },
      {
        prefix: 'IFLA_STATS_',
        numbers: link.statsAttributes,
        except: { link64: 'LINK_64' },
        without: ['FILTER_BIT', 'GETSET_UNSPEC', 'GET_FILTERS', 'SET_OFFLOAD_XSTATS_L3_STATS'],
      },
      {
        prefix: 'IFLA_OFFLOAD_XSTATS_',
        numbers: link.linkOffloadXstatsAttributes,
        except: { hwSInfo: 'HW_S_INFO' },
      },
      { prefix: 'IFLA_OFFLOAD_XSTATS_HW_S_INFO_', numbers: link.hwSInfoOneAttributes },
      { prefix: 'IFLA_VF_', numbers: functions.vfinfoListAttributes, partial: true },
      {
        prefix: 'IFLA_VF_',
        numbers: functions.vfinfoAttributes,
        without: ['PORTS', 'PORT', 'PORT_UNSPEC', 'INFO', 'INFO_UNSPEC'],
      },
      { prefix: 'IFLA_VF_STATS_', numbers: functions.vfStatsAttributes },
      { prefix: 'IFLA_VF_VLAN_', numbers: functions.vfVlanAttributes, without: ['LIST', 'INFO_UNSPEC'] },
      { prefix: 'IFLA_VF_LINK_STATE_', numbers: functions.iflaVfLinkStateEnum },
      { prefix: 'IFLA_VF_', numbers: functions.vfPortsAttributes, partial: true },
      { prefix: 'IFLA_PORT_', numbers: functions.portAttributes, without: ['SELF'] },
      { prefix: 'AF_', numbers: protocols.afSpecAttributes, partial: true },
      { prefix: 'IFLA_INET_', numbers: protocols.inetAttributes },
      { prefix: 'IFLA_INET6_', numbers: protocols.inet6Attributes, except: { icmp6Stats: 'ICMP6STATS' } },
      { prefix: 'IFLA_MCTP_', numbers: protocols.mctpAttributes },
      { prefix: 'IN6_ADDR_GEN_MODE_', numbers: protocols.addrGenModes },
      { prefix: 'IPV4_DEVCONF_', numbers: order(protocols.ipv4Devconf, 1) },
      { prefix: 'DEVCONF_', numbers: order(protocols.ipv6Devconf, 0), newer: ['forceForwarding'] },
      {
        prefix: 'IPSTATS_MIB_',
        numbers: order(protocols.iflaInet6Stats, 0),
        except: { ect1Pkts: 'ECT1PKTS', ect0Pkts: 'ECT0PKTS' },
      },
      { prefix: 'ICMP6_MIB_', numbers: order(protocols.iflaIcmp6Stats, 0) },
    ],
    layouts: [
      { type: 'struct ifinfomsg', struct: message.ifinfomsg, fieldPrefix: 'ifi_' },
      { type: 'struct rtnl_link_stats', struct: message.rtnlLinkStats },
      { type: 'struct rtnl_link_stats64', struct: message.rtnlLinkStats64 },
      { type: 'struct rtnl_link_ifmap', struct: message.rtnlLinkIfmap },
      { type: 'struct if_stats_msg', struct: link.ifStatsMsg },
      { type: 'struct ifla_cacheinfo', struct: protocols.iflaCacheinfo },
      { type: 'struct ifla_vf_mac', struct: functions.iflaVfMac },
      { type: 'struct ifla_vf_vlan', struct: functions.iflaVfVlan },
      { type: 'struct ifla_vf_tx_rate', struct: functions.iflaVfTxRate },
      { type: 'struct ifla_vf_spoofchk', struct: functions.iflaVfSpoofchk },
      { type: 'struct ifla_vf_link_state', struct: functions.iflaVfLinkState },
      { type: 'struct ifla_vf_rate', struct: functions.iflaVfRate },
      { type: 'struct ifla_vf_rss_query_en', struct: functions.iflaVfRssQueryEn },
      { type: 'struct ifla_vf_trust', struct: functions.iflaVfTrust },
      { type: 'struct ifla_vf_guid', struct: functions.iflaVfGuid },
      { type: 'struct ifla_vf_vlan_info', struct: functions.iflaVfVlanInfo },
    ],
  });
});

t.test('kinds of links', async (t) => {
  checkHeaders(t, {
    includes: [
      'sys/socket.h',
      'linux/if_link.h',
      'linux/if_bridge.h',
      'linux/if_vlan.h',
      'linux/if_bonding.h',
      'linux/if_tunnel.h',
      'linux/ip6_tunnel.h',
      'linux/veth.h',
      'linux/can/netlink.h',
      'linux/can/vxcan.h',
      'linux/batman_adv.h',
    ],
    numbers: [
      {
        prefix: 'IFLA_BR_',
        numbers: bridge.bridgeAttributes,
        except: { nfCallIp6Tables: 'NF_CALL_IP6TABLES' },
        newer: ['fdbNLearned', 'fdbMaxLearned'],
      },
      { prefix: 'BRIDGE_QUERIER_', numbers: bridge.bridgeQuerierAttributes },
      {
        prefix: 'IFLA_BRPORT_',
        numbers: bridge.bridgePortAttributes,
        newer: ['mab', 'mcastNGroups', 'mcastMaxGroups', 'neighVlanSuppress', 'backupNhid'],
        except: { mcastNGroups: 'MCAST_N_GROUPS' },
      },
      { prefix: 'BR_STATE_', numbers: bridge.bridgePortStates },
      { prefix: 'IFLA_BRIDGE_', numbers: protocols.bridgeAfSpecAttributes, partial: true },
      {
        prefix: 'IFLA_BRIDGE_VLAN_TUNNEL_',
        numbers: protocols.bridgeVlanTunnelAttributes,
        without: ['INFO'],
      },
      { prefix: 'IFLA_BRIDGE_MST_', numbers: protocols.bridgeMstAttributes },
      { prefix: 'IFLA_BRIDGE_MST_ENTRY_', numbers: protocols.bridgeMstEntryAttributes },
      { prefix: 'BRIDGE_FLAGS_', numbers: protocols.bridgeFlags },
      { prefix: 'BRIDGE_MODE_', numbers: protocols.bridgeModes, partial: true },
      { prefix: 'BRIDGE_VLAN_INFO_', numbers: protocols.bridgeVlanInfoFlags },
      { prefix: 'VETH_INFO_', numbers: linkinfo.vethAttributes },
      { prefix: 'VXCAN_INFO_', numbers: linkinfo.vethAttributes },
      { prefix: 'IFLA_TUN_', numbers: devices.tunAttributes },
      { prefix: 'IFLA_VLAN_', numbers: devices.vlanAttributes, except: { flag: 'FLAGS' } },
      { prefix: 'IFLA_VLAN_QOS_', numbers: devices.iflaVlanQosAttributes },
      { prefix: 'VLAN_FLAG_', numbers: devices.vlanFlags },
      { prefix: 'ETH_P_', numbers: devices.vlanProtocols, partial: true },
      { prefix: 'IFLA_VRF_', numbers: devices.vrfAttributes },
      { prefix: 'IFLA_VRF_PORT_', numbers: devices.vrfPortAttributes },
      { prefix: 'IFLA_MACVLAN_', numbers: devices.macvlanAttributes, newer: ['bcCutoff'] },
      { prefix: 'MACVLAN_MODE_', numbers: devices.macvlanModes },
      { prefix: 'MACVLAN_FLAG_', numbers: devices.macvlanFlags },
      { prefix: 'MACVLAN_MACADDR_', numbers: devices.macvlanAddressModes },
      { prefix: 'IFLA_IPVLAN_', numbers: devices.ipvlanAttributes },
      { prefix: 'IPVLAN_MODE_', numbers: devices.ipvlanModes },
      { prefix: 'IPVLAN_F_', numbers: devices.ipvlanFlags },
      { prefix: 'IFLA_HSR_', numbers: devices.hsrAttributes, newer: ['interlink'] },
      { prefix: 'IFLA_BATADV_', numbers: devices.batadvAttributes },
      { prefix: 'IFLA_BOND_', numbers: bond.bondAttributes, newer: ['broadcastNeigh'] },
      { prefix: 'IFLA_BOND_AD_INFO_', numbers: bond.bondAdInfoAttributes },
      { prefix: 'IFLA_BOND_SLAVE_', numbers: bond.bondPortAttributes },
      {
        prefix: 'BOND_MODE_',
        numbers: bond.bondModes,
        except: {
          'balance-rr': 'ROUNDROBIN',
          'active-backup': 'ACTIVEBACKUP',
          'balance-xor': 'XOR',
          '802.3ad': '8023AD',
          'balance-tlb': 'TLB',
          'balance-alb': 'ALB',
        },
      },
      {
        prefix: 'BOND_XMIT_POLICY_',
        numbers: bond.bondTransmitHashPolicies,
        except: {
          'layer3+4': 'LAYER34',
          'layer2+3': 'LAYER23',
          'encap2+3': 'ENCAP23',
          'encap3+4': 'ENCAP34',
          'vlan+srcmac': 'VLAN_SRCMAC',
        },
      },
      {
        prefix: 'IFLA_VXLAN_',
        numbers: vxlan.vxlanAttributes,
        newer: ['localbypass', 'labelPolicy', 'reservedBits', 'mcRoute'],
      },
      { prefix: 'IFLA_GENEVE_', numbers: tunnels.geneveAttributes, newer: ['portRange'] },
      { prefix: 'IFLA_GRE_', numbers: tunnels.greAttributes },
      { prefix: 'IFLA_IPTUN_', numbers: tunnels.iptunAttributes },
      { prefix: 'IFLA_IPTUN_', numbers: tunnels.ip6tnlAttributes },
      { prefix: 'IP6_TNL_F_', numbers: tunnels.ip6TunnelFlags },
      { prefix: 'IFLA_VTI_', numbers: tunnels.vtiAttributes },
      { prefix: 'IFLA_XFRM_', numbers: tunnels.xfrmAttributes },
      { prefix: 'IFLA_CAN_', numbers: can.canAttributes },
      { prefix: 'IFLA_CAN_TDC_', numbers: can.canTdcAttributes },
      { prefix: 'IFLA_CAN_CTRLMODE_', numbers: can.canCtrlmodeExtAttributes, without: ['EXT'] },
      { prefix: 'CAN_STATE_', numbers: can.canStates },
      { prefix: 'CAN_CTRLMODE_', numbers: can.canControlModes },
    ],
    layouts: [
      { type: 'struct ifla_bridge_id', struct: bridge.bridgeId },
      { type: 'struct br_boolopt_multi', struct: bridge.brBooloptMulti },
      { type: 'struct bridge_vlan_info', struct: protocols.bridgeVlanInfo },
      { type: 'struct ifla_vlan_flags', struct: devices.iflaVlanFlags },
      { type: 'struct ifla_vlan_qos_mapping', struct: devices.iflaVlanQosMapping },
      { type: 'struct ifla_vxlan_port_range', struct: vxlan.vxlanPortRange },
      { type: 'struct can_bittiming', struct: can.canBittiming },
      { type: 'struct can_bittiming_const', struct: can.canBittimingConst },
      { type: 'struct can_clock', struct: can.canClock },
      { type: 'struct can_ctrlmode', struct: can.canCtrlmode },
      { type: 'struct can_berr_counter', struct: can.canBerrCounter },
    ],
  });
});
