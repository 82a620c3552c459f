import { knownArgs } from '../../../cni/arguments.js';
import { array, object, optional, type Read, string } from '../../../cni/config.js';
import { CniError } from '../../../cni/errors.js';
import type { Request } from '../../../cni/plugin.js';
import { type Route, routeShape } from '../../../cni/result.js';
import { type Address, formatAddress, parseAddress, parseCidr } from '../../common/address.js';
import { invalidConfig, type RangeInput, type RangeSet, rangeSet, setsOverlap } from './range.js';

/** Where leases are kept unless the config says otherwise. */
export const defaultDataDir = '/var/lib/cni/networks';

const rangeShape = object({
  subnet: optional(string),
  rangeStart: optional(string),
  rangeEnd: optional(string),
  gateway: optional(string),
});

export const hostLocalShape = object({
  ipam: optional(
    object({
      subnet: optional(string),
      rangeStart: optional(string),
      rangeEnd: optional(string),
      gateway: optional(string),
      ranges: optional(array(array(rangeShape)), []),
      routes: optional(array(routeShape), []),
      dataDir: optional(string, defaultDataDir),
      resolvConf: optional(string),
    }),
  ),
  runtimeConfig: optional(
    object({ ipRanges: optional(array(array(rangeShape)), []), ips: optional(array(string), []) }),
  ),
  args: optional(object({ cni: optional(object({ ips: optional(array(string), []) })) })),
});

export type HostLocalConfig = Read<typeof hostLocalShape>;

/** A config that makes sense. */
export interface Allocation {
  readonly sets: readonly RangeSet[];
  readonly requested: readonly Address[];
  readonly dataDir: string;
  readonly resolvConf: string | undefined;
  readonly routes: readonly Route[];
}

export function dataDirOf({ ipam }: HostLocalConfig): string {
  return ipam === undefined || ipam.dataDir === '' ? defaultDataDir : ipam.dataDir;
}

/** An address that was asked for; the length of a prefix is of no account. */
function requestedAddress(text: string): Address {
  const address = text.includes('/') ? parseCidr(text)?.address : parseAddress(text);
  if (address === undefined) {
    throw invalidConfig(text.includes('/') ? `invalid CIDR address: ${text}` : `invalid IP address ${text}`);
  }
  return address;
}

function requestedAddresses(config: HostLocalConfig, fromArguments: string | undefined): Address[] {
  const texts = [
    ...(fromArguments === undefined || fromArguments === '' ? [] : [fromArguments]),
    ...(config.args?.cni?.ips ?? []),
    ...(config.runtimeConfig?.ips ?? []),
  ];
  const byText = new Map<string, Address>();
  for (const address of texts.map(requestedAddress)) byText.set(formatAddress(address), address);
  return [...byText.values()];
}

function setOf(inputs: readonly RangeInput[], index: number): RangeSet {
  try {
    return rangeSet(inputs);
  } catch (error) {
    if (!(error instanceof CniError)) throw error;
    throw invalidConfig(`invalid range set ${index}: ${error.msg}`, error.details);
  }
}

/** Checks a config, in the order in which the reference finds fault. Throws CniError 7; 999 for CNI_ARGS. */
export function allocationOf({ config, args, cniVersion }: Request<HostLocalConfig>): Allocation {
  const { ipam, runtimeConfig } = config;
  if (ipam === undefined) throw invalidConfig("IPAM config missing 'ipam' key");
  const requested = requestedAddresses(config, knownArgs(args, ['IP']).IP);
  const single: RangeInput[][] = ipam.subnet === undefined ? [] : [[ipam]];
  const inputs: RangeInput[][] = [...(runtimeConfig?.ipRanges ?? []), ...single, ...ipam.ranges];
  if (inputs.length === 0) throw invalidConfig('no IP ranges specified');
  const sets = inputs.map(setOf);
  const legacy = cniVersion === '0.1.0' || cniVersion === '0.2.0';
  if (legacy && [32, 128].some((bits) => sets.filter(([first]) => first?.start.bits === bits).length > 1)) {
    throw invalidConfig(`CNI version ${cniVersion} does not support more than 1 address per family`);
  }
  for (const [i, set] of sets.entries()) {
    const other = sets.findIndex((candidate, j) => j > i && setsOverlap(set, candidate));
    if (other >= 0) throw invalidConfig(`range set ${i} overlaps with ${other}`);
  }
  const { resolvConf, routes } = ipam;
  return { sets, requested, dataDir: dataDirOf(config), resolvConf: resolvConf || undefined, routes };
}
