import { setTimeout as sleep } from 'node:timers/promises';
import { CniError, errorCodes } from '../../cni/errors.js';
import type { Sandbox } from '../../cni/plugin.js';
import type { IpConfig, Route } from '../../cni/result.js';
import type { BatchBuilder } from '../../network/batch.js';
import type { Device } from '../../network/context.js';
import type { RouteInput } from '../../network/routes.js';
import { type Cidr, parseCidr } from './address.js';

/** Reads an address of a result. Throws CniError 999. */
export function cidrOf({ address }: IpConfig): Cidr {
  const cidr = parseCidr(address);
  if (cidr === undefined) throw new CniError(errorCodes.internal, `invalid CIDR address: ${address}`);
  return cidr;
}

/** A failure of the kernel's as a plugin tells it: what was tried, and the kernel's words. */
export function failed(what: string, error: unknown): CniError {
  const reason = error instanceof Error ? error.message : String(error);
  return new CniError(errorCodes.internal, `${what}: ${reason}`, '', { cause: error });
}

/** Waits for `work`; its failure is told with what was tried. Throws CniError 999. */
export async function explained<T>(what: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw failed(what, error);
  }
}

export function isIpv6(text: string): boolean {
  return text.includes(':');
}

/** The route of a result as the kernel gets it: without a gateway of its own it goes over the first of its family. */
export function routeInput(route: Route, device: Device, ips: readonly IpConfig[]): RouteInput {
  const gateway =
    route.gw ??
    ips.find((ip) => ip.gateway !== undefined && isIpv6(ip.address) === isIpv6(route.dst))?.gateway;
  const metrics = {
    ...(route.mtu === undefined ? {} : { mtu: route.mtu }),
    ...(route.advmss === undefined ? {} : { advmss: route.advmss }),
  };
  return {
    dst: route.dst,
    device,
    protocol: 'boot',
    ...(gateway === undefined ? {} : { gateway }),
    ...(route.priority === undefined ? {} : { priority: route.priority }),
    ...(route.table === undefined ? {} : { table: route.table }),
    ...(route.scope === undefined ? {} : { scope: route.scope }),
    ...(Object.keys(metrics).length === 0 ? {} : { metrics }),
  };
}

/** IPv6 must be on before an address can be added, and its addresses must survive the link going down. */
function enableIpv6({ namespace: { sysctl } }: Sandbox, ifname: string): void {
  for (const device of ['lo', ifname]) {
    const name = `net/ipv6/conf/${device}/disable_ipv6`;
    try {
      if (sysctl.get(name) !== '0') sysctl.set(name, 0);
    } catch (error) {
      throw failed(`failed to enable IPv6 for interface "${device}" (${name})`, error);
    }
  }
  try {
    sysctl.set(`net/ipv6/conf/${ifname}/keep_addr_on_down`, 1);
  } catch (error) {
    throw failed(`failed to enable keep_addr_on_down for interface "${ifname}"`, error);
  }
}

const SETTLE_TIMEOUT = 5000;
const SETTLE_PAUSE = 20;

/** Waits until IPv6 addresses are known to be nobody else's (RFC 4862, section 5.4). Throws CniError 999. */
export async function settle({ network }: Sandbox, ifname: string): Promise<void> {
  const { kind, carrier } = await network.links.get(ifname);
  // a tap that no process has opened yet: nobody can be asked
  if (kind === 'tun' && carrier === 0) return;
  for (const end = performance.now() + SETTLE_TIMEOUT; ; await sleep(SETTLE_PAUSE)) {
    const addresses = await network.addresses.list({ device: ifname, family: 'inet6' });
    const flagged = (flag: string): string | undefined =>
      addresses.find(({ flags }) => flags?.includes(flag as never))?.address.split('/')[0];
    const duplicate = flagged('dadfailed');
    if (duplicate !== undefined)
      throw new CniError(errorCodes.internal, `link ${ifname} has address ${duplicate} in DADFAILED state`);
    if (flagged('tentative') === undefined) return;
    if (performance.now() < end) continue;
    const { operstate } = await network.links.get(ifname);
    if (operstate !== 'up') return;
    throw new CniError(
      errorCodes.internal,
      `link ${ifname} still has tentative addresses after ${SETTLE_TIMEOUT / 1000} seconds`,
    );
  }
}

/**
 * Gives the container's interface its addresses and routes, and sets it up: one batch in the sandbox, or two where
 * IPv6 addresses must settle before their gateway can be used. Routes that are there already count as added. `gateways`
 * are routes that those of the result need; `device` is the interface's index where it is known.
 */
export async function configureInterface(
  sandbox: Sandbox,
  ifname: string,
  ips: readonly IpConfig[],
  routes: readonly Route[],
  gateways: readonly RouteInput[] = [],
  device: Device = ifname,
): Promise<void> {
  const six = ips.some(({ address }) => isIpv6(address));
  if (six) enableIpv6(sandbox, ifname);
  const settling = six && ips.some(({ gateway }) => gateway !== undefined && isIpv6(gateway));
  const steps: string[] = [];
  const addRoutes = (batch: BatchBuilder): void => {
    for (const route of gateways) {
      batch.routes.append(route);
      steps.push(`failed to add route '${route.dst} dev ${ifname}'`);
    }
    for (const route of routes) {
      batch.routes.append(routeInput(route, device, ips));
      steps.push(`failed to add route ${routeText(route, ifname)}`);
    }
  };
  const result = await sandbox.network.batch((batch) => {
    for (const { address } of ips) {
      batch.addresses.add({ device, address });
      steps.push(`failed to add IP addr ${address} to "${ifname}"`);
    }
    batch.links.change(device, { up: true });
    steps.push(`failed to set "${ifname}" UP`);
    if (!settling) addRoutes(batch);
  });
  throwFirst(result.failures, steps);
  if (!settling) return;
  await settle(sandbox, ifname);
  steps.length = 0;
  throwFirst((await sandbox.network.batch(addRoutes)).failures, steps);
}

function routeText({ dst, gw }: Route, device: string): string {
  return `'${dst}${gw === undefined ? '' : ` via ${gw}`} dev ${device}'`;
}

function throwFirst(
  failures: readonly { index: number; code: string; error: Error }[],
  steps: readonly string[],
): void {
  const first = failures.find(
    ({ index, code }) => !(code === 'EEXIST' && steps[index]?.includes('add route')),
  );
  if (first !== undefined)
    throw failed(steps[first.index] ?? 'failed to configure the interface', first.error);
}

/** Lets the host forward packets of the families that addresses are of. */
export function enableForwarding(
  { namespace: { sysctl } }: { namespace: Sandbox['namespace'] },
  ips: readonly IpConfig[],
): void {
  const switches = new Set(
    ips.map(({ address }) => (isIpv6(address) ? 'net/ipv6/conf/all/forwarding' : 'net/ipv4/ip_forward')),
  );
  for (const name of switches) {
    try {
      if (sysctl.get(name) !== '1') sysctl.set(name, 1);
    } catch (error) {
      throw failed(`failed to enable forwarding (${name})`, error);
    }
  }
}
