import { policyTypeAttributes } from '../control.js';
import { attributeSet, family, flags, indexed, keyed, nest, string, u16, u32 } from '../definition.js';
import { genlmsghdr } from './header.js';

/** GENL_* of an operation, linux/genetlink.h: what it can do, and whether it needs CAP_NET_ADMIN. */
export const operationFlags = {
  'admin-perm': 0x01,
  'cmd-cap-do': 0x02,
  'cmd-cap-dump': 0x04,
  'cmd-cap-haspol': 0x08,
  'uns-admin-perm': 0x10,
} as const;

/** CTRL_ATTR_OP_*, linux/genetlink.h */
export const operationAttributes = attributeSet('op', {
  id: [1, u32],
  flags: [2, flags(u32, operationFlags)],
});

/** CTRL_ATTR_MCAST_GRP_*, linux/genetlink.h */
export const multicastGroupAttributes = attributeSet('mcast-group', {
  name: [1, string],
  id: [2, u32],
});

/** CTRL_ATTR_POLICY_*, linux/genetlink.h: the index of an operation's policy. */
export const operationPolicyAttributes = attributeSet('op-policy', {
  do: [1, u32],
  dump: [2, u32],
});

/** CTRL_ATTR_*, linux/genetlink.h; `policy` is by policy index and attribute number, `opPolicy` by command. */
export const controllerAttributes = attributeSet('ctrl', {
  familyId: [1, u16],
  familyName: [2, string],
  version: [3, u32],
  hdrsize: [4, u32],
  maxattr: [5, u32],
  ops: [6, indexed(nest(operationAttributes))],
  mcastGroups: [7, indexed(nest(multicastGroupAttributes))],
  policy: [8, keyed(keyed(nest(policyTypeAttributes)))],
  opPolicy: [9, keyed(nest(operationPolicyAttributes))],
  op: [10, u32],
});

/** The generic netlink controller, GENL_ID_CTRL: which families the kernel has, under which numbers. CTRL_CMD_*, linux/genetlink.h */
export const controller = family({
  name: 'nlctrl',
  protocol: 'generic',
  version: 2,
  messages: {
    newfamily: { number: 1, header: genlmsghdr, attributes: controllerAttributes },
    delfamily: { number: 2, header: genlmsghdr, attributes: controllerAttributes },
    getfamily: { number: 3, header: genlmsghdr, attributes: controllerAttributes },
    newmcastGrp: { number: 7, header: genlmsghdr, attributes: controllerAttributes },
    delmcastGrp: { number: 8, header: genlmsghdr, attributes: controllerAttributes },
    getpolicy: { number: 10, header: genlmsghdr, attributes: controllerAttributes },
  },
});
