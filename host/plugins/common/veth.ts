import { CniError, errorCodes } from '../../cni/errors.js';
import type { AttachmentRequest, Side } from '../../cni/plugin.js';
import type { Interface, Result } from '../../cni/result.js';
import { Selection } from '../../codec/selection.js';
import { NetlinkError } from '../../netlink/errors.js';
import type { Device } from '../../network/context.js';
import type { Link } from '../../network/links.js';
import { vethName } from './names.js';

const NAME_ATTEMPTS = 10;

/** What is asked of the end on the host. */
export const hostEndAttributes = new Selection('ifname', 'address', 'link', 'operstate');

export interface VethPair {
  /** Hardware address of the container's end. */
  readonly mac: string;
  /** Of both ends, in bytes; 0 leaves it to the kernel. */
  readonly mtu: number;
  /** The bridge that the host's end is to be a port of. */
  readonly master?: Device;
}

/**
 * Makes a veth pair in one message: the host's end up, under a name that nobody has, the container's end born in the
 * sandbox. Returns the host's end with `hostEndAttributes`. Throws CniError 999.
 */
export async function createVethPair(
  { host, sandbox, ifname }: Pick<AttachmentRequest<unknown>, 'host' | 'sandbox' | 'ifname'>,
  { mac, mtu, master }: VethPair,
): Promise<Link> {
  const size = mtu > 0 ? { mtu } : {};
  for (let attempt = 1; ; attempt++) {
    const name = vethName();
    try {
      const pair = {
        ifname: name,
        kind: 'veth',
        up: true,
        ...(master === undefined ? {} : { master }),
        ...size,
        peer: { ifname, address: mac, namespace: sandbox.namespace, ...size },
      };
      return await host.network.links.createAndGet(pair, { only: hostEndAttributes });
    } catch (error) {
      if (!(error instanceof NetlinkError)) throw error;
      if (error.code !== 'EEXIST') {
        throw new CniError(errorCodes.internal, `failed to make veth pair: ${error.message}`, '', {
          cause: error,
        });
      }
      if ((await sandbox.network.links.find(ifname)) !== undefined) {
        throw new CniError(
          errorCodes.internal,
          `container veth name ("${ifname}") peer provided ("${name}") already exists`,
        );
      }
      if (attempt === NAME_ATTEMPTS)
        throw new CniError(errorCodes.internal, 'failed to find a unique veth name');
    }
  }
}

/** A link as results name it: of the sandbox at `path`, or of the host. */
export function interfaceOf({ ifname, address }: Link, path?: string): Interface {
  return {
    name: ifname,
    ...(address === undefined ? {} : { mac: address }),
    ...(path === undefined ? {} : { sandbox: path }),
  };
}

/** Is it a name that a plugin, ours or the reference's, chose for the host's end of a pair? */
export function isRandomVethName(name: string): boolean {
  return /^veth[0-9a-f]{8}$/.test(name);
}

/**
 * Deletes the host's end of an interface whose sandbox cannot be entered any more, as the result of its ADD names it: the
 * kernel takes a namespace down when it finds time, and routes to the container would stay until then.
 */
export async function removeHostEnd(
  { network }: Side,
  result: Result | undefined,
  ifname: string,
): Promise<void> {
  const interfaces = result?.interfaces ?? [];
  const own = interfaces.findIndex(({ name, sandbox }) => name === ifname && sandbox);
  const end = interfaces
    .slice(0, Math.max(own, 0))
    .findLast(({ name, sandbox }) => !sandbox && isRandomVethName(name));
  if (end === undefined) return;
  const link = await network.links.find(end.name);
  if (link?.kind === 'veth' && (end.mac ?? link.address) === link.address)
    await network.links.delete(link.index);
}
