import type { Namespace } from '../namespace/namespace.js';
import { createTap as create } from '../netlink/native.js';

/** linux/if_tun.h */
const flags = {
  tap: 0x0002,
  noPacketInformation: 0x1000,
  multiQueue: 0x0100,
  vnetHeader: 0x4000,
  exclusive: 0x8000,
};
/** What the system call takes for none. */
const NOBODY = -1;

/** A link whose frames a process reads and writes (tun(4)). */
export interface TapInput {
  readonly ifname: string;
  /** User id of who may open it without CAP_NET_ADMIN. With neither owner nor group, everybody may. */
  readonly owner?: number | undefined;
  /** Group id of who may. */
  readonly group?: number | undefined;
  /** May be opened several times: a queue each. */
  readonly multiQueue?: boolean | undefined;
  /** Frames come after a struct virtio_net_hdr; whoever opens it may decide otherwise. */
  readonly vnetHeader?: boolean | undefined;
  /** SELinux context for sockets of the thread that makes it. */
  readonly securityContext?: string | undefined;
}

/**
 * Makes a persistent tap in a namespace, in one step: it is there with all its settings or not at all. Deleted as any
 * link. Throws SystemCallError: `EBUSY` when the name is taken, `EINVAL` for a name that is none, `ENOENT` without
 * /dev/net/tun.
 */
export function createTap(namespace: Namespace, input: TapInput): void {
  const { ifname, owner = NOBODY, group = NOBODY, multiQueue = false, vnetHeader = false } = input;
  const all =
    flags.tap |
    flags.noPacketInformation |
    flags.exclusive |
    (multiQueue ? flags.multiQueue : 0) |
    (vnetHeader ? flags.vnetHeader : 0);
  create(namespace.fd, ifname, all, owner, group, input.securityContext ?? '');
}
