import { knownArgs } from '../../../cni/arguments.js';
import {
  array,
  integer,
  object,
  optional,
  type Read,
  record,
  routeShape,
  string,
} from '../../../cni/config.js';
import type { Request } from '../../../cni/plugin.js';
import { type Address, parseAddress, parseCidr } from '../../common/address.js';
import { invalidConfig, type RangeInput, type RangeSet, rangeSet, setsOverlap } from './range.js';

const rangeShape = object({
  subnet: optional(string),
  rangeStart: optional(string),
  rangeEnd: optional(string),
  gateway: optional(string),
});

export const hostLocalShape = object({
  ipam: optional(
    object({
      type: optional(string),
      subnet: optional(string),
      rangeStart: optional(string),
      rangeEnd: optional(string),
      gateway: optional(string),
      ranges: optional(array(array(rangeShape)), []),
      routes: optional(array(routeShape), []),
      dataDir: optional(string, '/var/lib/cni/networks'),
      resolvConf: optional(string),
    }),
  ),
  runtimeConfig: optional(
    object({ ipRanges: optional(array(array(rangeShape)), []), ips: optional(array(string), []) }),
  ),
  args: optional(object({ cni: optional(object({ ips: optional(array(string), []) })) })),
  mtu: optional(integer),
  dns: optional(record),
});

export type HostLocalConfig = Read<typeof hostLocalShape>;

/** A config that makes sense. */
export interface Allocation {
  readonly sets: readonly RangeSet[];
  readonly requested: readonly Address[];
  readonly dataDir: string;
  readonly resolvConf: string | undefined;
  readonly routes: NonNullable<HostLocalConfig['ipam']>['routes'];
}

/** An address that was asked for; the length of a prefix is of no account. */
function requestedAddress(text: string): Address {
  const address = text.includes('/') ? parseCidr(text)?.address : parseAddress(text);
  if (address === undefined) {
    throw invalidConfig(text.includes('/') ? `invalid CIDR address: ${text}` : `invalid IP address ${text}`);
  }
  return address;
}

/** Checks a config, in the order in which the reference finds fault. Throws CniError. */
export function allocationOf({ config, args, cniVersion }: Request<HostLocalConfig>): Allocation {
  const { ipam, runtimeConfig } = config;
  if (ipam === undefined) throw invalidConfig("IPAM config missing 'ipam' key");
  const asked = knownArgs(args, ['IP']).IP;
  const requested = [
    ...(asked === undefined || asked === '' ? [] : [asked]),
    ...(config.args?.cni?.ips ?? []),
    ...(runtimeConfig?.ips ?? []),
  ].map(requestedAddress);
  const single: RangeInput[][] = ipam.subnet === undefined ? [] : [[ipam]];
  const inputs: RangeInput[][] = [...(runtimeConfig?.ipRanges ?? []), ...single, ...ipam.ranges];
  if (inputs.length === 0) throw invalidConfig('no IP ranges specified');
  const sets = inputs.map((input, i) => {
    try {
      return rangeSet(input, `ranges[${i}]`);
    } catch (error) {
      throw invalidConfig(`invalid range set ${i}: ${(error as { msg?: string }).msg}`);
    }
  });
  const legacyVersion = cniVersion === '0.1.0' || cniVersion === '0.2.0';
  if (
    legacyVersion &&
    [32, 128].some((bits) => sets.filter(([first]) => first?.start.bits === bits).length > 1)
  ) {
    throw invalidConfig(`CNI version ${cniVersion} does not support more than 1 address per family`);
  }
  for (const [i, set] of sets.entries()) {
    for (const [j, other] of sets.entries()) {
      if (j < i && setsOverlap(set, other)) throw invalidConfig(`range set ${j} overlaps with ${i}`);
    }
  }
  return { sets, requested, dataDir: ipam.dataDir, resolvConf: ipam.resolvConf, routes: ipam.routes };
}
