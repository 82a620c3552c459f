import {
  attributeSet,
  binary,
  bitfield32,
  enumeration,
  family,
  flag,
  list,
  mac,
  nest,
  string,
  u8,
  u16,
  u32,
  u64,
} from '../definition.js';
import { genlmsghdr } from './header.js';

/* Devices that carry ports, and their ports: linux/devlink.h. Buffers, tables, traps, health and rates are kept raw. */

/** enum devlink_port_type */
export const devlinkPortTypes = { notset: 0, auto: 1, eth: 2, ib: 3 } as const;

/** enum devlink_port_flavour */
export const devlinkPortFlavours = {
  physical: 0,
  cpu: 1,
  dsa: 2,
  pci_pf: 3,
  pci_vf: 4,
  virtual: 5,
  unused: 6,
  pci_sf: 7,
} as const;

/** enum devlink_eswitch_mode */
export const devlinkEswitchModes = { legacy: 0, switchdev: 1 } as const;

/** enum devlink_eswitch_inline_mode */
export const devlinkInlineModes = { none: 0, link: 1, network: 2, transport: 3 } as const;

/** enum devlink_eswitch_encap_mode */
export const devlinkEncapModes = { none: 0, basic: 1 } as const;

/** enum devlink_param_cmode: when a parameter takes effect. */
export const devlinkParamCmodes = { runtime: 0, driverinit: 1, permanent: 2 } as const;

/** enum devlink_reload_action */
export const devlinkReloadActions = { unspec: 0, 'driver-reinit': 1, 'fw-activate': 2 } as const;

/** enum devlink_reload_action, as bits */
export const devlinkReloadActionMasks = { 'driver-reinit': 1 << 1, 'fw-activate': 1 << 2 } as const;

/** enum devlink_reload_limit */
export const devlinkReloadLimits = { unspec: 0, 'no-reset': 1 } as const;

/** enum devlink_reload_limit, as bits */
export const devlinkReloadLimitMasks = { 'no-reset': 1 << 1 } as const;

/** DEVLINK_FLASH_OVERWRITE_* */
export const devlinkFlashOverwrite = { settings: 1, identifiers: 2 } as const;

/** enum devlink_port_fn_state */
export const devlinkFunctionStates = { inactive: 0, active: 1 } as const;

/** enum devlink_port_fn_opstate */
export const devlinkFunctionOpstates = { detached: 0, attached: 1 } as const;

/** DEVLINK_PORT_FN_CAP_*, Linux 6.2 */
export const devlinkFunctionCaps = {
  roce: 1,
  migratable: 2,
  'ipsec-crypto': 4,
  'ipsec-packet': 8,
} as const;

/** enum devlink_port_function_attr */
export const devlinkPortFunctionAttributes = attributeSet('dl-port-function', {
  hwAddr: [1, mac],
  state: [2, enumeration(u8, devlinkFunctionStates)],
  opstate: [3, enumeration(u8, devlinkFunctionOpstates)],
  caps: [4, bitfield32(devlinkFunctionCaps)],
});

/** DEVLINK_ATTR_INFO_VERSION_*: one of a device's versions. */
export const devlinkVersionAttributes = attributeSet('dl-info-version', {
  infoVersionName: [103, string],
  infoVersionValue: [104, string],
});

/** DEVLINK_ATTR_PARAM_VALUE: the data as the parameter's type says. */
export const devlinkParamValueAttributes = attributeSet('dl-param-value', {
  paramValueData: [86, binary],
  paramValueCmode: [87, enumeration(u8, devlinkParamCmodes)],
});

/** DEVLINK_ATTR_PARAM_VALUES_LIST */
export const devlinkParamValuesAttributes = attributeSet('dl-param-values', {
  paramValue: [85, list(nest(devlinkParamValueAttributes))],
});

/** DEVLINK_ATTR_PARAM */
export const devlinkParamAttributes = attributeSet('dl-param', {
  paramName: [81, string],
  paramGeneric: [82, flag],
  paramType: [83, u8],
  paramValuesList: [84, nest(devlinkParamValuesAttributes)],
});

/** DEVLINK_ATTR_RELOAD_STATS_ENTRY */
export const devlinkReloadStatsEntryAttributes = attributeSet('dl-reload-stats-entry', {
  reloadStatsLimit: [159, enumeration(u8, devlinkReloadLimits)],
  reloadStatsValue: [160, u32],
});

/** DEVLINK_ATTR_RELOAD_ACTION_STATS */
export const devlinkReloadActStatsAttributes = attributeSet('dl-reload-act-stats', {
  reloadStatsEntry: [158, list(nest(devlinkReloadStatsEntryAttributes))],
});

/** DEVLINK_ATTR_RELOAD_ACTION_INFO */
export const devlinkReloadActInfoAttributes = attributeSet('dl-reload-act-info', {
  reloadAction: [153, enumeration(u8, devlinkReloadActions)],
  reloadActionStats: [163, nest(devlinkReloadActStatsAttributes)],
});

/** DEVLINK_ATTR_RELOAD_STATS */
export const devlinkReloadStatsAttributes = attributeSet('dl-reload-stats', {
  reloadActionInfo: [162, list(nest(devlinkReloadActInfoAttributes))],
});

/** DEVLINK_ATTR_DEV_STATS: how often the device was reloaded. */
export const devlinkDevStatsAttributes = attributeSet('dl-dev-stats', {
  reloadStats: [157, nest(devlinkReloadStatsAttributes)],
  remoteReloadStats: [161, nest(devlinkReloadStatsAttributes)],
});

/** DEVLINK_ATTR_*; a device is told by `busName` and `devName` (`pci`, `0000:01:00.0`), timeouts in seconds. */
export const devlinkAttributes = attributeSet('devlink', {
  busName: [1, string],
  devName: [2, string],
  portIndex: [3, u32],
  portType: [4, enumeration(u16, devlinkPortTypes)],
  portDesiredType: [5, enumeration(u16, devlinkPortTypes)],
  portNetdevIfindex: [6, u32],
  portNetdevName: [7, string],
  portIbdevName: [8, string],
  portSplitCount: [9, u32],
  portSplitGroup: [10, u32],
  eswitchMode: [25, enumeration(u16, devlinkEswitchModes)],
  eswitchInlineMode: [26, enumeration(u8, devlinkInlineModes)],
  eswitchEncapMode: [62, enumeration(u8, devlinkEncapModes)],
  portFlavour: [77, enumeration(u16, devlinkPortFlavours)],
  portNumber: [78, u32],
  portSplitSubportNumber: [79, u32],
  param: [80, nest(devlinkParamAttributes)],
  paramName: [81, string],
  paramGeneric: [82, flag],
  paramType: [83, u8],
  paramValueData: [86, binary],
  paramValueCmode: [87, enumeration(u8, devlinkParamCmodes)],
  infoDriverName: [98, string],
  infoSerialNumber: [99, string],
  infoVersionFixed: [100, list(nest(devlinkVersionAttributes))],
  infoVersionRunning: [101, list(nest(devlinkVersionAttributes))],
  infoVersionStored: [102, list(nest(devlinkVersionAttributes))],
  flashUpdateFileName: [122, string],
  flashUpdateComponent: [123, string],
  flashUpdateStatusMsg: [124, string],
  flashUpdateStatusDone: [125, u64],
  flashUpdateStatusTotal: [126, u64],
  portPciPfNumber: [127, u16],
  portPciVfNumber: [128, u16],
  reloadFailed: [136, u8],
  netnsFd: [138, u32],
  netnsPid: [139, u32],
  netnsId: [140, u32],
  portFunction: [145, nest(devlinkPortFunctionAttributes)],
  infoBoardSerialNumber: [146, string],
  portLanes: [147, u32],
  portSplittable: [148, u8],
  portExternal: [149, u8],
  portControllerNumber: [150, u32],
  flashUpdateStatusTimeout: [151, u64],
  flashUpdateOverwriteMask: [152, bitfield32(devlinkFlashOverwrite)],
  reloadAction: [153, enumeration(u8, devlinkReloadActions)],
  reloadActionsPerformed: [154, bitfield32(devlinkReloadActionMasks)],
  reloadLimits: [155, bitfield32(devlinkReloadLimitMasks)],
  devStats: [156, nest(devlinkDevStatsAttributes)],
  portPciSfNumber: [164, u32],
});

/** DEVLINK_CMD_*. The kernel answers `get` with `new`, and `portGet` with `portNew`. */
export const devlink = family({
  name: 'devlink',
  protocol: 'generic',
  messages: {
    get: { number: 1, header: genlmsghdr, attributes: devlinkAttributes },
    set: { number: 2, header: genlmsghdr, attributes: devlinkAttributes },
    new: { number: 3, header: genlmsghdr, attributes: devlinkAttributes },
    del: { number: 4, header: genlmsghdr, attributes: devlinkAttributes },
    portGet: { number: 5, header: genlmsghdr, attributes: devlinkAttributes },
    portSet: { number: 6, header: genlmsghdr, attributes: devlinkAttributes },
    portNew: { number: 7, header: genlmsghdr, attributes: devlinkAttributes },
    portDel: { number: 8, header: genlmsghdr, attributes: devlinkAttributes },
    portSplit: { number: 9, header: genlmsghdr, attributes: devlinkAttributes },
    portUnsplit: { number: 10, header: genlmsghdr, attributes: devlinkAttributes },
    eswitchGet: { number: 29, header: genlmsghdr, attributes: devlinkAttributes },
    eswitchSet: { number: 30, header: genlmsghdr, attributes: devlinkAttributes },
    reload: { number: 37, header: genlmsghdr, attributes: devlinkAttributes },
    paramGet: { number: 38, header: genlmsghdr, attributes: devlinkAttributes },
    paramSet: { number: 39, header: genlmsghdr, attributes: devlinkAttributes },
    paramNew: { number: 40, header: genlmsghdr, attributes: devlinkAttributes },
    paramDel: { number: 41, header: genlmsghdr, attributes: devlinkAttributes },
    portParamGet: { number: 47, header: genlmsghdr, attributes: devlinkAttributes },
    portParamSet: { number: 48, header: genlmsghdr, attributes: devlinkAttributes },
    portParamNew: { number: 49, header: genlmsghdr, attributes: devlinkAttributes },
    portParamDel: { number: 50, header: genlmsghdr, attributes: devlinkAttributes },
    infoGet: { number: 51, header: genlmsghdr, attributes: devlinkAttributes },
    flashUpdate: { number: 58, header: genlmsghdr, attributes: devlinkAttributes },
    flashUpdateEnd: { number: 59, header: genlmsghdr, attributes: devlinkAttributes },
    flashUpdateStatus: { number: 60, header: genlmsghdr, attributes: devlinkAttributes },
  },
});
