import type { Side } from '../../../cni/plugin.js';
import type { Connection } from '../../../netfilter/connections.js';
import { contains, parseAddress, parseCidr } from '../../common/address.js';
import { type Family, families, isOf, lastHostPort, type Mapping, protocolNumbers } from './mapping.js';

/** The kernel's table of routes to own addresses. */
const LOCAL_TABLE = 255;

/** Is an address the host's own, as its routes have it? */
async function localAddresses({ network }: Side, family: Family): Promise<(address: string) => boolean> {
  const routes = await network.routes.list({
    table: LOCAL_TABLE,
    family: family === 'ip' ? 'inet' : 'inet6',
    type: 'local',
  });
  const own = routes.map(({ dst }) => parseCidr(dst)).filter((cidr) => cidr !== undefined);
  return (text) => {
    const address = parseAddress(text);
    return address !== undefined && own.some((cidr) => contains(cidr, address));
  };
}

/**
 * Has the kernel forget UDP flows to published ports. There are no connections that end: packets of a flow that began
 * before the rules were changed would go where it went at first, for as long as they keep coming.
 */
export async function forgetFlows(
  host: Side,
  mappings: readonly Mapping[],
  log: (message: string) => void,
): Promise<void> {
  const datagrams = mappings.filter(({ protocol }) => protocol === 'udp');
  if (datagrams.length === 0) return;
  const { connections } = host.netfilter;
  for (const family of families) {
    const own = datagrams.filter((mapping) => isOf(mapping, family));
    if (own.length === 0) continue;
    try {
      const isLocal = await localAddresses(host, family);
      const stale = (connection: Connection): boolean => {
        const { tupleIp, tupleProto } = connection.tupleOrig ?? {};
        const to = (family === 'ip' ? tupleIp?.ipV4Dst : tupleIp?.ipV6Dst) ?? '';
        const port = tupleProto?.protoDstPort ?? 0;
        return own.some(
          (mapping) =>
            port >= mapping.hostPort &&
            port <= lastHostPort(mapping) &&
            (mapping.hostIP === undefined ? isLocal(to) : mapping.hostIP === to),
        );
      };
      const flows = await connections.list({ family, protocol: protocolNumbers.udp });
      await connections.delete(flows.filter(stale));
    } catch (error) {
      log(`portmap: failed to delete stale UDP conntrack entries: ${(error as Error).message}`);
    }
  }
}
