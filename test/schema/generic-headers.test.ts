import t from 'tap';
import { policyTypeAttributes } from '../../host/schema/control.js';
import * as controller from '../../host/schema/generic/controller.js';
import * as devlink from '../../host/schema/generic/devlink.js';
import { ethtool } from '../../host/schema/generic/ethtool.js';
import * as eth from '../../host/schema/generic/ethtool-attributes.js';
import { genlmsghdr } from '../../host/schema/generic/header.js';
import * as mptcp from '../../host/schema/generic/mptcp-pm.js';
import * as wireguard from '../../host/schema/generic/wireguard.js';
import { checkHeaders, operations } from './support/headers.js';

const wholeEthtool = operations(ethtool);

t.test('generic netlink families', async (t) => {
  checkHeaders(t, {
    includes: [
      'linux/types.h',
      'linux/time_types.h',
      'netinet/in.h',
      'linux/netlink.h',
      'linux/genetlink.h',
      'linux/ethtool_netlink.h',
      'linux/devlink.h',
      'linux/wireguard.h',
      'linux/mptcp.h',
    ],
    numbers: [
      { prefix: 'CTRL_CMD_', numbers: operations(controller.controller), partial: true },
      { prefix: 'CTRL_ATTR_', numbers: controller.controllerAttributes },
      { prefix: 'CTRL_ATTR_OP_', numbers: controller.operationAttributes, without: ['POLICY'] },
      { prefix: 'CTRL_ATTR_MCAST_GRP_', numbers: controller.multicastGroupAttributes },
      { prefix: 'CTRL_ATTR_POLICY_', numbers: controller.operationPolicyAttributes, without: ['DUMP_MAX'] },
      { prefix: 'NL_POLICY_TYPE_ATTR_', numbers: policyTypeAttributes },
      { prefix: 'GENL_', numbers: controller.operationFlags, partial: true },

      {
        prefix: 'ETHTOOL_MSG_',
        numbers: wholeEthtool,
        newer: ['rssGet', 'rssGetReply'].filter((name) => name in wholeEthtool),
        partial: true,
      },
      { prefix: 'ETHTOOL_FLAG_', numbers: eth.ethtoolHeaderFlags, without: ['ALL'] },
      { prefix: 'ETHTOOL_A_HEADER_', numbers: eth.ethtoolHeaderAttributes, newer: ['phyIndex'] },
      { prefix: 'ETHTOOL_A_BITSET_BIT_', numbers: eth.bitsetBitAttributes },
      { prefix: 'ETHTOOL_A_BITSET_BITS_', numbers: eth.bitsetBitsAttributes },
      { prefix: 'ETHTOOL_A_BITSET_', numbers: eth.bitsetAttributes },
      { prefix: 'ETHTOOL_A_STRING_', numbers: eth.stringAttributes },
      { prefix: 'ETHTOOL_A_STRINGS_', numbers: eth.stringsAttributes },
      { prefix: 'ETHTOOL_A_STRINGSET_', numbers: eth.stringsetAttributes },
      { prefix: 'ETHTOOL_A_STRINGSETS_', numbers: eth.stringsetsAttributes },
      { prefix: 'ETHTOOL_A_STRSET_', numbers: eth.strsetAttributes },
      { prefix: 'ETHTOOL_A_LINKINFO_', numbers: eth.linkinfoAttributes },
      { prefix: 'ETHTOOL_A_LINKMODES_', numbers: eth.linkmodesAttributes },
      { prefix: 'ETHTOOL_A_LINKSTATE_', numbers: eth.linkstateAttributes, newer: ['extDownCnt'] },
      { prefix: 'ETHTOOL_A_DEBUG_', numbers: eth.debugAttributes },
      { prefix: 'ETHTOOL_A_WOL_', numbers: eth.wolAttributes },
      { prefix: 'ETHTOOL_A_FEATURES_', numbers: eth.featuresAttributes },
      { prefix: 'ETHTOOL_A_PRIVFLAGS_', numbers: eth.privflagsAttributes },
      {
        prefix: 'ETHTOOL_A_RINGS_',
        numbers: eth.ringsAttributes,
        newer: ['rxPush', 'txPushBufLen', 'txPushBufLenMax'],
      },
      { prefix: 'ETHTOOL_A_CHANNELS_', numbers: eth.channelsAttributes },
      {
        prefix: 'ETHTOOL_A_IRQ_MODERATION_',
        numbers: eth.irqModerationAttributes,
        newer: ['usec', 'pkts', 'comps'],
      },
      { prefix: 'ETHTOOL_A_PROFILE_', numbers: eth.profileAttributes, newer: ['irqModeration'] },
      {
        prefix: 'ETHTOOL_A_COALESCE_',
        numbers: eth.coalesceAttributes,
        except: { useAdaptiveRx: 'USE_ADAPTIVE_RX', useAdaptiveTx: 'USE_ADAPTIVE_TX' },
        newer: ['txAggrMaxBytes', 'txAggrMaxFrames', 'txAggrTimeUsecs', 'rxProfile', 'txProfile'],
      },
      { prefix: 'ETHTOOL_A_PAUSE_STAT_', numbers: eth.pauseStatAttributes },
      { prefix: 'ETHTOOL_A_PAUSE_', numbers: eth.pauseAttributes, newer: ['statsSrc'] },
      { prefix: 'ETHTOOL_A_EEE_', numbers: eth.eeeAttributes },
      { prefix: 'ETHTOOL_A_TS_STAT_', numbers: eth.tsStatAttributes, newer: ['txPkts', 'txLost', 'txErr'] },
      { prefix: 'ETHTOOL_A_TSINFO_', numbers: eth.tsinfoAttributes, newer: ['stats'] },
      { prefix: 'ETHTOOL_A_FEC_STAT_', numbers: eth.fecStatAttributes },
      { prefix: 'ETHTOOL_A_FEC_', numbers: eth.fecAttributes },
      { prefix: 'ETHTOOL_A_MODULE_EEPROM_', numbers: eth.moduleEepromAttributes },
      { prefix: 'ETHTOOL_A_MODULE_', numbers: eth.moduleAttributes },
      { prefix: 'ETHTOOL_A_PHC_VCLOCKS_', numbers: eth.phcVclocksAttributes },
      {
        prefix: 'ETHTOOL_A_RSS_',
        numbers: eth.rssAttributes,
        newer: Object.keys(eth.rssAttributes.attributes),
      },
      { prefix: 'ETHTOOL_A_STATS_GRP_', numbers: eth.statsGrpAttributes, partial: true },
      { prefix: 'ETHTOOL_A_STATS_GRP_', numbers: eth.statsHistogramAttributes, partial: true },
      { prefix: 'ETHTOOL_A_STATS_', numbers: eth.statsAttributes, newer: ['src'], partial: true },

      { prefix: 'DEVLINK_CMD_', numbers: operations(devlink.devlink), partial: true },
      { prefix: 'DEVLINK_ATTR_', numbers: devlink.devlinkAttributes, partial: true },
      { prefix: 'DEVLINK_ATTR_', numbers: devlink.devlinkVersionAttributes, partial: true },
      { prefix: 'DEVLINK_ATTR_', numbers: devlink.devlinkParamAttributes, partial: true },
      { prefix: 'DEVLINK_ATTR_', numbers: devlink.devlinkParamValuesAttributes, partial: true },
      { prefix: 'DEVLINK_ATTR_', numbers: devlink.devlinkParamValueAttributes, partial: true },
      { prefix: 'DEVLINK_ATTR_', numbers: devlink.devlinkReloadStatsEntryAttributes, partial: true },
      { prefix: 'DEVLINK_ATTR_', numbers: devlink.devlinkReloadActStatsAttributes, partial: true },
      { prefix: 'DEVLINK_ATTR_', numbers: devlink.devlinkReloadActInfoAttributes, partial: true },
      { prefix: 'DEVLINK_ATTR_', numbers: devlink.devlinkReloadStatsAttributes, partial: true },
      { prefix: 'DEVLINK_ATTR_', numbers: devlink.devlinkDevStatsAttributes, partial: true },
      {
        prefix: 'DEVLINK_PORT_FN_ATTR_',
        numbers: devlink.devlinkPortFunctionAttributes,
        except: { hwAddr: '=DEVLINK_PORT_FUNCTION_ATTR_HW_ADDR' },
        newer: ['caps'],
      },
      { prefix: 'DEVLINK_PORT_TYPE_', numbers: devlink.devlinkPortTypes },
      { prefix: 'DEVLINK_PORT_FLAVOUR_', numbers: devlink.devlinkPortFlavours },
      { prefix: 'DEVLINK_ESWITCH_MODE_', numbers: devlink.devlinkEswitchModes },
      { prefix: 'DEVLINK_ESWITCH_INLINE_MODE_', numbers: devlink.devlinkInlineModes },
      { prefix: 'DEVLINK_ESWITCH_ENCAP_MODE_', numbers: devlink.devlinkEncapModes },
      { prefix: 'DEVLINK_PARAM_CMODE_', numbers: devlink.devlinkParamCmodes },
      { prefix: 'DEVLINK_RELOAD_ACTION_', numbers: devlink.devlinkReloadActions },
      { prefix: 'DEVLINK_RELOAD_LIMIT_', numbers: devlink.devlinkReloadLimits },
      {
        prefix: 'DEVLINK_FLASH_OVERWRITE_',
        numbers: devlink.devlinkFlashOverwrite,
        without: ['SETTINGS_BIT', 'IDENTIFIERS_BIT', 'MAX_BIT'],
      },
      { prefix: 'DEVLINK_PORT_FN_STATE_', numbers: devlink.devlinkFunctionStates },
      { prefix: 'DEVLINK_PORT_FN_OPSTATE_', numbers: devlink.devlinkFunctionOpstates },
      {
        prefix: 'DEVLINK_PORT_FN_CAP_',
        numbers: devlink.devlinkFunctionCaps,
        newer: Object.keys(devlink.devlinkFunctionCaps),
      },

      { prefix: 'MPTCP_PM_CMD_', numbers: operations(mptcp.mptcpPm), without: ['GRP_NAME'] },
      { prefix: 'MPTCP_PM_ATTR_', numbers: mptcp.mptcpAttributes },
      { prefix: 'MPTCP_PM_ADDR_ATTR_', numbers: mptcp.mptcpAddressAttributes },
      { prefix: 'MPTCP_PM_ADDR_FLAG_', numbers: mptcp.mptcpAddressFlags },

      { prefix: 'WG_CMD_', numbers: operations(wireguard.wireguard) },
      { prefix: 'WGDEVICE_A_', numbers: wireguard.wireguardDeviceAttributes },
      { prefix: 'WGDEVICE_F_', numbers: wireguard.wireguardDeviceFlags },
      { prefix: 'WGPEER_A_', numbers: wireguard.wireguardPeerAttributes },
      { prefix: 'WGPEER_F_', numbers: wireguard.wireguardPeerFlags },
      { prefix: 'WGALLOWEDIP_A_', numbers: wireguard.wireguardAllowedipAttributes, newer: ['flags'] },
      { prefix: 'WGALLOWEDIP_F_', numbers: wireguard.wireguardAllowedipFlags, newer: ['remove-me'] },
    ],
    layouts: [
      { type: 'struct genlmsghdr', struct: genlmsghdr },
      {
        type: 'struct sockaddr_in',
        struct: wireguard.socketAddress,
        except: { data: 'sin_addr' },
        fieldPrefix: 'sin_',
      },
      {
        type: 'struct sockaddr_in6',
        struct: wireguard.socketAddress,
        except: { data: 'sin6_flowinfo' },
        fieldPrefix: 'sin6_',
      },
      {
        type: 'struct __kernel_timespec',
        struct: wireguard.kernelTimespec,
        fieldPrefix: 'tv_',
      },
    ],
  });
});
