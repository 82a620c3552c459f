import t from 'tap';
import * as address from '../../host/schema/address.js';
import * as vlan from '../../host/schema/bridge-vlan.js';
import type { Names } from '../../host/schema/definition.js';
import * as encapsulation from '../../host/schema/encapsulation.js';
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
      { prefix: 'RTM_', numbers: operations(vlan.bridgeVlan), partial: true },
      {
        prefix: 'BRIDGE_VLANDB_ENTRY_',
        numbers: vlan.vlanEntryAttributes,
        newer: ['mcastNGroups', 'mcastMaxGroups', 'neighSuppress'],
      },
      { prefix: 'BRIDGE_VLANDB_GOPTS_', numbers: vlan.vlanGlobalAttributes },
      { prefix: 'BRIDGE_VLANDB_STATS_', numbers: vlan.vlanStatsAttributes },
      { prefix: 'BRIDGE_VLANDB_TINFO_', numbers: vlan.vlanTunnelAttributes },
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
