import { randomInt } from 'node:crypto';
import type { CniError } from '../../cni/errors.js';
import type { AttachmentRequest, GcRequest, Side } from '../../cni/plugin.js';
import type { IpConfig, Result } from '../../cni/result.js';
import { NetlinkError } from '../../netlink/errors.js';
import type { Link, LinkInput } from '../../network/links.js';
import { checkInterface, type ExpectedInterface } from './check-interface.js';
import { configureInterface, failed } from './interface.js';
import { everyStep } from './undo.js';

type Request = AttachmentRequest<unknown>;

const INDEX_ATTEMPTS = 10;
const FIRST_INDEX = 0x10000;
const LAST_INDEX = 0x7fffffff;

function isError(error: unknown, ...codes: string[]): boolean {
  return error instanceof NetlinkError && codes.includes(error.code);
}

/**
 * Creates the sandbox's interface, on a master that lives on either side or on none, under its own name from the
 * beginning: a process that is killed leaves either nothing or what DEL finds. Throws CniError 999.
 */
export async function createChildLink(
  { host, sandbox, ifname }: Request,
  side: Side,
  input: LinkInput & { readonly kind: string; readonly link?: number },
): Promise<Link> {
  const { kind } = input;
  try {
    if (side === sandbox) await sandbox.network.links.create({ ...input, ifname });
    else {
      const moved = { ...input, ifname, namespace: sandbox.namespace };
      try {
        await host.network.links.create(moved);
      } catch (error) {
        if (!isError(error, 'EEXIST')) throw error;
        if ((await sandbox.network.links.find(ifname)) !== undefined) throw error;
        // not the name then: a VLAN can be there only once
        if ((await host.network.links.find(ifname)) === undefined) throw error;
        await createWithIndex(host, moved);
      }
    }
  } catch (error) {
    if (isError(error, 'EEXIST') && (await sandbox.network.links.find(ifname)) !== undefined) {
      throw failed(`failed to create ${kind}: container interface "${ifname}" already exists`, error);
    }
    throw failed(`failed to create ${kind}`, error);
  }
  try {
    return await sandbox.network.links.get(ifname);
  } catch (error) {
    // nobody else knows yet that it is there
    await sandbox.network.links.delete(ifname);
    throw error;
  }
}

/**
 * Kernels before 6.15 look the name of a link that is to be born elsewhere up in the namespace of the socket too, unless
 * an index tells it (linux/net/core/rtnetlink.c, __rtnl_newlink). The host's own `eth0` is then not in the way.
 */
async function createWithIndex({ network }: Side, input: LinkInput): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await network.links.create({ ...input, index: randomInt(FIRST_INDEX, LAST_INDEX) });
      return;
    } catch (error) {
      // the index is taken on one side or the other
      if (!isError(error, 'EEXIST', 'EBUSY') || attempt === INDEX_ATTEMPTS) throw error;
    }
  }
}

/** Addresses and routes of the sandbox's interface, which tells its neighbours about itself. */
export async function configureChildLink(
  { sandbox, ifname }: Request,
  ips: readonly IpConfig[],
  { routes = [] }: Result,
): Promise<void> {
  const { sysctl } = sandbox.namespace;
  sysctl.ensure(`net/ipv4/conf/${ifname}/arp_notify`, 1);
  sysctl.ensure(`net/ipv6/conf/${ifname}/ndisc_notify`, 1);
  await configureInterface(sandbox, ifname, ips, routes);
}

/** DEL of a plugin whose only link is the sandbox's interface: its lease, and the interface, as far as they are there. */
export async function removeChildLink({ sandbox, ipam, ifname }: Request): Promise<void> {
  await everyStep(
    // before the interface goes: a DHCP client gives its lease back over it
    async () => {
      if (ipam.configured) await ipam.delete();
    },
    async () => {
      if (sandbox.exists) await sandbox.network.links.delete(ifname);
    },
  );
}

/** GC of such a plugin: what attachments leave is IPAM's. */
export async function collectLeases({ ipam }: Pick<GcRequest<unknown>, 'ipam'>): Promise<void> {
  if (ipam.configured) await ipam.gc();
}

/** What CHECK compares of a link on a master. */
export interface ExpectedChild extends ExpectedInterface {
  /** Index of the master, when it is known which one it must be. */
  readonly master: number | undefined;
}

/** CHECK: is the sandbox's interface as ADD left it, and on its master? Throws CniError 999. */
export async function checkChildLink(
  request: Request,
  side: Side,
  result: Result,
  expected: ExpectedChild,
): Promise<void> {
  await checkInterface(request, result, {
    ...expected,
    data: async (link, complain) => {
      await checkMaster(request, side, link, expected.master, complain);
      await expected.data?.(link, complain);
    },
  });
}

/** Is a link on the master that it should be on? `side` is where that is, if `index` is known. */
async function checkMaster(
  { host, sandbox, ifname }: Request,
  side: Side,
  link: Link,
  index: number | undefined,
  complain: (text: string) => CniError,
): Promise<void> {
  const below = link.link ?? 0;
  // the kernel names the namespace of a link below only when it is another
  const actual = link.linkNetnsid === undefined ? sandbox : host;
  const isOther = index !== undefined && (index !== below || actual !== side);
  if (isOther || (await actual.network.links.find(below)) === undefined) {
    throw complain(`Container interface ${ifname} is on another link than its master`);
  }
}
