import type { CniError } from '../../cni/errors.js';
import type { AttachmentRequest } from '../../cni/plugin.js';
import type { Result } from '../../cni/result.js';
import type { Link } from '../../network/links.js';
import { checkAddresses, checkRoutes, wrong } from './check.js';

/** What CHECK compares of the sandbox's interface. */
export interface ExpectedInterface {
  /** None when it may be any. */
  readonly kind?: string;
  /** Bytes; 0, and none, when it may be any. */
  readonly mtu?: number;
  /** Compares what is the kind's own; `complain` makes the error. Throws CniError. */
  readonly data?: (link: Link, complain: (text: string) => CniError) => void | Promise<void>;
  /** How the plugin's complaints begin. */
  readonly lowerCase: boolean;
}

/** CHECK: is the sandbox's only interface of this plugin as ADD left it? Throws CniError 999. */
export async function checkInterface(
  { sandbox, ifname }: AttachmentRequest<unknown>,
  result: Result,
  { kind, mtu = 0, data, lowerCase }: ExpectedInterface,
): Promise<void> {
  const complain = (text: string): CniError =>
    wrong(lowerCase ? text.charAt(0).toLowerCase() + text.slice(1) : text);
  const { interfaces = [], ips = [], routes = [] } = result;
  const index = interfaces.findIndex(({ name, sandbox: path }) => name === ifname && path);
  const entry = interfaces[index];
  if (entry === undefined) throw complain(`Container Interface name in prevResult: ${ifname} not found`);
  if (entry.sandbox !== sandbox.path) {
    throw complain(
      `Sandbox in prevResult ${entry.sandbox ?? ''} doesn't match configured netns: ${sandbox.path}`,
    );
  }
  const link = await sandbox.network.links.find(ifname);
  if (link === undefined) throw complain(`Interface ${ifname} not found`);
  if (kind !== undefined && link.kind !== kind) {
    throw complain(`Error: Container interface ${ifname} not of type ${kind}`);
  }
  await data?.(link, complain);
  if (mtu > 0 && link.mtu !== mtu) {
    throw complain(`Container interface ${ifname} has MTU ${link.mtu}, expected ${mtu}`);
  }
  if (entry.mac && entry.mac.toLowerCase() !== link.address) {
    throw complain(`Interface ${ifname} Mac ${entry.mac} doesn't match container Mac: ${link.address}`);
  }
  if (!link.up) throw complain(`Interface ${ifname} is down`);
  const own = ips.filter((ip) => ip.interface === index || ip.interface === undefined);
  await checkAddresses(sandbox.network, ifname, own);
  await checkRoutes(sandbox.network, routes);
}
