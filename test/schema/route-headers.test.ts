import t from 'tap';
import * as address from '../../host/schema/address.js';
import type { Names, Struct } from '../../host/schema/definition.js';
import * as encapsulation from '../../host/schema/encapsulation.js';
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
import * as mdb from '../../host/schema/mdb.js';
import * as neighbour from '../../host/schema/neighbour.js';
import * as neighbourTable from '../../host/schema/neighbour-table.js';
import * as netconf from '../../host/schema/netconf.js';
import * as nexthop from '../../host/schema/nexthop.js';
import * as nsid from '../../host/schema/nsid.js';
import * as prefix from '../../host/schema/prefix.js';
import * as route from '../../host/schema/route.js';
import * as rule from '../../host/schema/rule.js';
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

t.test('routes, rules and next hops', async (t) => {
  checkHeaders(t, {
    includes: [
      'netinet/in.h',
      'linux/rtnetlink.h',
      'linux/icmpv6.h',
      'linux/fib_rules.h',
      'linux/nexthop.h',
      'linux/lwtunnel.h',
      'linux/mpls_iptunnel.h',
      'linux/ila.h',
      'linux/seg6_iptunnel.h',
      'linux/seg6_local.h',
      'linux/rpl_iptunnel.h',
      'linux/ioam6_iptunnel.h',
    ],
    numbers: [
      {
        prefix: 'RTM_',
        numbers: { ...operations(route.route), ...operations(rule.rule), ...operations(nexthop.nexthop) },
        partial: true,
      },
      {
        prefix: 'RTA_',
        numbers: route.routeAttributes,
        newer: ['flowlabel'],
        without: [
          'ALIGNTO',
          'ALIGN',
          'OK',
          'NEXT',
          'LENGTH',
          'SPACE',
          'DATA',
          'PAYLOAD',
          'PROTOINFO',
          'SESSION',
          'MP_ALGO',
        ],
      },
      { prefix: 'RTA_', numbers: route.nexthopAttributes, partial: true },
      {
        prefix: 'RTAX_',
        numbers: route.routeMetrics,
        without: ['FEATURE_ECN', 'FEATURE_SACK', 'FEATURE_TIMESTAMP', 'FEATURE_ALLFRAG'],
      },
      { prefix: 'RTN_', numbers: route.routeTypes },
      { prefix: 'RT_SCOPE_', numbers: route.routeScopes },
      { prefix: 'RTPROT_', numbers: route.routeProtocols, newer: ['ovn'] },
      { prefix: 'RTNH_F_', numbers: route.nexthopFlags },
      {
        prefix: 'RTM_F_',
        numbers: route.routeFlags,
        except: {
          ...Object.fromEntries(
            Object.keys(route.nexthopFlags).map((name) => [name, `=RTNH_F_${name.toUpperCase()}`]),
          ),
          'rt-offload': 'OFFLOAD',
          'rt-trap': 'TRAP',
          'rt-offload-failed': 'OFFLOAD_FAILED',
        },
      },
      {
        prefix: 'FRA_',
        numbers: rule.ruleAttributes,
        newer: ['dscp', 'flowlabel', 'flowlabelMask', 'sportMask', 'dportMask', 'dscpMask'],
        without: ['IFNAME', 'UNUSED2', 'UNUSED3', 'UNUSED4', 'UNUSED5'],
      },
      { prefix: 'FR_ACT_', numbers: rule.ruleActions, without: ['RES3', 'RES4'] },
      { prefix: 'FIB_RULE_', numbers: rule.ruleFlags, without: ['DEV_DETACHED'] },
      {
        prefix: 'NHA_',
        numbers: nexthop.nexthopAttributes,
        newer: ['opFlags', 'groupStats', 'hwStatsEnable', 'hwStatsUsed'],
      },
      { prefix: 'NHA_RES_GROUP_', numbers: nexthop.resilientGroup },
      { prefix: 'NHA_RES_BUCKET_', numbers: nexthop.resilientBucket },
      { prefix: 'LWTUNNEL_ENCAP_', numbers: encapsulation.encapTypes },
      { prefix: 'MPLS_IPTUNNEL_', numbers: encapsulation.mplsEncap },
      { prefix: 'LWTUNNEL_IP_', numbers: encapsulation.ipEncap },
      { prefix: 'LWTUNNEL_IP_OPTS_', numbers: encapsulation.tunnelOptions },
      { prefix: 'LWTUNNEL_IP_OPT_GENEVE_', numbers: encapsulation.geneveOption },
      { prefix: 'LWTUNNEL_IP_OPT_VXLAN_', numbers: encapsulation.vxlanOption },
      { prefix: 'LWTUNNEL_IP_OPT_ERSPAN_', numbers: encapsulation.erspanOption },
      { prefix: 'LWTUNNEL_IP6_', numbers: encapsulation.ip6Encap },
      {
        prefix: 'ILA_ATTR_',
        numbers: encapsulation.ilaEncap,
        without: ['IDENTIFIER', 'LOCATOR_MATCH', 'IFINDEX', 'DIR'],
      },
      { prefix: 'SEG6_IPTUN_MODE_', numbers: encapsulation.seg6Modes },
      { prefix: 'SEG6_IPTUNNEL_', numbers: encapsulation.seg6Encap },
      { prefix: 'SEG6_LOCAL_ACTION_', numbers: encapsulation.seg6LocalActions },
      { prefix: 'SEG6_LOCAL_BPF_', numbers: encapsulation.seg6LocalBpf, without: ['PROG_UNSPEC'] },
      { prefix: 'SEG6_LOCAL_CNT_', numbers: encapsulation.seg6LocalCounters },
      {
        prefix: 'SEG6_LOCAL_FLV_OP_',
        numbers: encapsulation.seg6LocalFlavorOperations,
        partial: true,
        except: Object.fromEntries(
          Object.keys(encapsulation.seg6LocalFlavorOperations).map((name) => [
            name,
            `=1<<SEG6_LOCAL_FLV_OP_${name.replace('-', '_').toUpperCase()}`,
          ]),
        ),
      },
      { prefix: 'SEG6_LOCAL_FLV_', numbers: encapsulation.seg6LocalFlavors },
      { prefix: 'SEG6_LOCAL_', numbers: encapsulation.seg6LocalEncap },
      { prefix: 'LWT_BPF_PROG_', numbers: encapsulation.bpfProgram },
      { prefix: 'LWT_BPF_', numbers: encapsulation.bpfEncap, without: ['MAX_HEADROOM'] },
      { prefix: 'RPL_IPTUNNEL_', numbers: encapsulation.rplEncap, without: ['SRH_SIZE'] },
      { prefix: 'IOAM6_IPTUNNEL_MODE_', numbers: encapsulation.ioam6Modes, without: ['MIN'] },
      { prefix: 'IOAM6_IPTUNNEL_', numbers: encapsulation.ioam6Encap, newer: ['src'], without: ['FREQ_MIN'] },
      { prefix: 'LWT_XFRM_', numbers: encapsulation.xfrmEncap },
    ],
    layouts: [
      { type: 'struct rtmsg', struct: route.rtmsg, fieldPrefix: 'rtm_' },
      { type: 'struct rtnexthop', struct: route.rtnexthop, fieldPrefix: 'rtnh_' },
      { type: 'struct rta_cacheinfo', struct: route.rtaCacheinfo, fieldPrefix: 'rta_' },
      { type: 'struct rta_mfc_stats', struct: route.rtaMfcStats, fieldPrefix: 'mfcs_' },
      { type: 'struct rtvia', struct: route.rtvia, fieldPrefix: 'rtvia_' },
      { type: 'struct fib_rule_hdr', struct: rule.fibRuleHdr },
      { type: 'struct fib_rule_port_range', struct: rule.fibRulePortRange },
      { type: 'struct fib_rule_uid_range', struct: rule.fibRuleUidRange },
      { type: 'struct nhmsg', struct: nexthop.nhmsg, fieldPrefix: 'nh_', except: { resvd: 'resvd' } },
      { type: 'struct nexthop_grp', struct: nexthop.nexthopGrp, except: { weightHigh: 'resvd1' } },
      { type: 'struct seg6_iptunnel_encap', struct: encapsulation.seg6IptunnelEncap },
    ],
  });
});

t.test('neighbours, addresses and the small families', async (t) => {
  checkHeaders(t, {
    includes: [
      'netinet/in.h',
      'linux/rtnetlink.h',
      'linux/if_addr.h',
      'linux/neighbour.h',
      'linux/netconf.h',
      'linux/net_namespace.h',
      'linux/if_bridge.h',
    ],
    numbers: [
      {
        prefix: 'RTM_',
        numbers: Object.assign(
          {},
          ...[address.address, neighbour.neighbour, neighbourTable.neighbourTable].map(operations),
          ...[netconf.netconf, nsid.nsid, prefix.prefix, prefix.nduseropt].map(operations),
        ) as Names,
        partial: true,
      },
      {
        prefix: 'RTM_',
        numbers: operations(mdb.mdb),
        partial: true,
        except: { newmdbRequest: 'NEWMDB', delmdbRequest: 'DELMDB', getmdbRequest: 'GETMDB' },
      },
      { prefix: 'IFA_', numbers: address.addressAttributes, without: ['RTA', 'PAYLOAD'] },
      { prefix: 'IFA_F_', numbers: address.addressFlags, without: ['TEMPORARY'] },
      { prefix: 'NDA_', numbers: neighbour.neighbourAttributes },
      { prefix: 'NFEA_', numbers: neighbour.fdbExtAttributes },
      { prefix: 'NUD_', numbers: neighbour.neighbourStates, without: ['NONE'] },
      { prefix: 'NTF_', numbers: neighbour.neighbourFlags },
      {
        prefix: 'NTF_EXT_',
        numbers: neighbour.neighbourExtFlags,
        newer: ['locked', 'ext-validated'],
        without: ['LEARNED'],
      },
      { prefix: 'NDTA_', numbers: neighbourTable.neighbourTableAttributes },
      { prefix: 'NDTPA_', numbers: neighbourTable.neighbourParameters },
      {
        prefix: 'NETCONFA_',
        numbers: netconf.netconfAttributes,
        newer: ['forceForwarding'],
        without: ['ALL', 'IFINDEX_ALL', 'IFINDEX_DEFAULT'],
      },
      { prefix: 'NETNSA_', numbers: nsid.nsidAttributes, without: ['NONE', 'NSID_NOT_ASSIGNED'] },
      { prefix: 'PREFIX_', numbers: prefix.prefixAttributes },
      { prefix: 'NDUSEROPT_', numbers: prefix.nduseroptAttributes },
      { prefix: 'MDBA_', numbers: mdb.mdbAttributes, partial: true },
      { prefix: 'MDBA_MDB_', numbers: mdb.mdbListAttributes },
      { prefix: 'MDBA_MDB_ENTRY_', numbers: mdb.mdbEntryAttributes },
      {
        prefix: 'MDBA_MDB_EATTR_',
        numbers: mdb.mdbEntryInfoAttributes,
        newer: ['dst', 'dstPort', 'vni', 'ifindex', 'srcVni'],
      },
      { prefix: 'MDBA_MDB_SRCLIST_', numbers: mdb.mdbSourceListAttributes },
      { prefix: 'MDBA_MDB_SRCATTR_', numbers: mdb.mdbSourceAttributes },
      { prefix: 'MDBA_ROUTER_', numbers: mdb.mdbRouterAttributes },
      { prefix: 'MDBA_ROUTER_PATTR_', numbers: mdb.mdbRouterPortAttributes },
      { prefix: 'MDBA_SET_', numbers: mdb.mdbRequestAttributes, without: ['ENTRY_UNSPEC'] },
      {
        prefix: 'MDBE_ATTR_',
        numbers: mdb.mdbSetEntryAttributes,
        newer: ['srcList', 'groupMode', 'rtprot', 'dst', 'dstPort', 'vni', 'ifindex', 'srcVni', 'stateMask'],
      },
      { prefix: 'MDBE_SRC_LIST_', numbers: mdb.mdbSetSourceListAttributes, newer: ['entry'] },
      { prefix: 'MDBE_SRCATTR_', numbers: mdb.mdbSetSourceAttributes, newer: ['address'] },
      { prefix: 'MDB_FLAGS_', numbers: mdb.mdbFlags, newer: ['offload-failed'] },
      { prefix: 'MDB_RTR_TYPE_', numbers: mdb.mdbRouterTypes },
      { prefix: 'MDB_', numbers: mdb.mdbStates, partial: true },
    ],
    layouts: [
      { type: 'struct ifaddrmsg', struct: address.ifaddrmsg, fieldPrefix: 'ifa_' },
      {
        type: 'struct ifa_cacheinfo',
        struct: address.ifaCacheinfo,
        except: { ifaPrefered: 'ifa_prefered', ifaValid: 'ifa_valid' },
      },
      { type: 'struct ndmsg', struct: neighbour.ndmsg, fieldPrefix: 'ndm_' },
      { type: 'struct nda_cacheinfo', struct: neighbour.ndaCacheinfo, fieldPrefix: 'ndm_' },
      { type: 'struct ndtmsg', struct: neighbourTable.ndtmsg, fieldPrefix: 'ndtm_' },
      { type: 'struct ndt_config', struct: neighbourTable.ndtConfig, fieldPrefix: 'ndtc_' },
      { type: 'struct ndt_stats', struct: neighbourTable.ndtStats, fieldPrefix: 'ndts_' },
      { type: 'struct netconfmsg', struct: netconf.netconfmsg, fieldPrefix: 'ncm_' },
      { type: 'struct rtgenmsg', struct: nsid.rtgenmsg, fieldPrefix: 'rtgen_' },
      { type: 'struct prefixmsg', struct: prefix.prefixmsg, fieldPrefix: 'prefix_' },
      { type: 'struct prefix_cacheinfo', struct: prefix.prefixCacheinfo },
      { type: 'struct nduseroptmsg', struct: prefix.nduseroptmsg, fieldPrefix: 'nduseropt_' },
      { type: 'struct br_port_msg', struct: mdb.brPortMsg },
      {
        type: 'struct br_mdb_entry',
        struct: mdb.brMdbEntry,
        except: { addr: 'addr.u', proto: 'addr.proto' },
      },
    ],
  });
});
