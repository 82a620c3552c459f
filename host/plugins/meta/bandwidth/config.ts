import { array, integerIn, object, optional, type Read, string, valueAt } from '../../../cni/config.js';
import { CniError, errorCodes } from '../../../cni/errors.js';
import type { Request } from '../../../cni/plugin.js';
import { type Cidr, networkOf, parseCidr } from '../../common/address.js';

/** ms, as in the reference. */
const LATENCY = 25;
const LONGEST_LATENCY = 60_000;

const rate = optional(integerIn(0, Number.MAX_SAFE_INTEGER), 0);

const limitShapes = {
  /** Bits/s that may enter the container; 0 is no limit. */
  ingressRate: rate,
  /** Bits that may enter it at once. */
  ingressBurst: rate,
  /** Bits/s that may leave the container. */
  egressRate: rate,
  egressBurst: rate,
  /** Traffic with these networks is not limited. */
  unshapedSubnets: optional(array(string)),
  /** Only traffic with these networks is limited. */
  shapedSubnets: optional(array(string)),
} as const;

export const bandwidthShape = object({
  ...limitShapes,
  /** Bits: larger bursts are cut to it. The runtimes of Kubernetes give 2^31, which is no limit for a while; 0 cuts none. */
  maxBurst: optional(integerIn(0, Number.MAX_SAFE_INTEGER), 0),
  /** ms that a packet may wait. */
  latency: optional(integerIn(1, LONGEST_LATENCY), LATENCY),
  runtimeConfig: optional(object({ bandwidth: optional(object(limitShapes)) })),
});
export type BandwidthConfig = Read<typeof bandwidthShape>;

/** What one direction is limited to. */
export interface Limit {
  /** Bytes/s. */
  readonly rate: number;
  /** Bytes. */
  readonly burst: number;
  /** ms that a packet may wait. */
  readonly latency: number;
}

/** Which traffic the limits are for, by the network at the other end. */
export interface Subnets {
  /** False: all but these. */
  readonly shaped: boolean;
  readonly networks: readonly Cidr[];
}

export interface Limits {
  /** Into the container. */
  readonly ingress: Limit | undefined;
  /** Out of the container. */
  readonly egress: Limit | undefined;
  /** Missing: all traffic is. */
  readonly subnets: Subnets | undefined;
}

const BITS = 8;
/** A burst of 4 GB does not fit the kernel's u32. */
const LARGEST_BURST = 0xffff_ffff;

function invalid(msg: string): CniError {
  return new CniError(errorCodes.invalidNetworkConfig, msg);
}

function limitOf(
  direction: 'ingress' | 'egress',
  rateBits: number,
  givenBurst: number,
  { maxBurst, latency }: BandwidthConfig,
): Limit | undefined {
  const burstBits = maxBurst === 0 ? givenBurst : Math.min(givenBurst, maxBurst);
  if (burstBits === 0 && rateBits !== 0) throw invalid('if rate is set, burst must also be set');
  if (rateBits === 0 && burstBits !== 0) throw invalid('if burst is set, rate must also be set');
  if (rateBits === 0) return undefined;
  const burst = Math.floor(burstBits / BITS);
  if (burst >= LARGEST_BURST) throw invalid('burst cannot be more than 4GB');
  // the kernel counts bytes: there is nothing below one
  if (rateBits < BITS) throw invalid(`${direction}Rate: expected at least ${BITS} bits/s, got ${rateBits}`);
  if (burst === 0) throw invalid(`${direction}Burst: expected at least ${BITS} bits, got ${burstBits}`);
  return { rate: Math.floor(rateBits / BITS), burst, latency };
}

function subnetsOf(unshaped: readonly string[], shaped: readonly string[]): Subnets | undefined {
  if (unshaped.length > 0 && shaped.length > 0) {
    throw invalid(
      'unshapedSubnets and shapedSubnets cannot be both specified, one of them should be discarded',
    );
  }
  const networks = [...unshaped, ...shaped].map((subnet) => {
    const cidr = parseCidr(subnet);
    if (cidr === undefined) {
      throw invalid(`bad subnet ${JSON.stringify(subnet)} provided, details invalid CIDR address: ${subnet}`);
    }
    return networkOf(cidr);
  });
  return networks.length === 0 ? undefined : { shaped: shaped.length > 0, networks };
}

const rateKeys = ['ingressRate', 'ingressBurst', 'egressRate', 'egressBurst'] as const;

/**
 * The limits of a config: the network's own when it has any of the four, 0 too, else those that the runtime gives.
 * Subnets of the network hold for the runtime's limits that come without. Throws CniError 7.
 */
export function limitsOf({
  config,
  rawConfig,
}: Pick<Request<BandwidthConfig>, 'config' | 'rawConfig'>): Limits {
  const given = config.runtimeConfig?.bandwidth;
  const raw = rawConfig as Record<string, unknown>;
  const own = given === undefined || rateKeys.some((key) => valueAt(raw, key) !== undefined);
  const rates = own ? config : given;
  const named = [rates, config].find(
    ({ unshapedSubnets, shapedSubnets }) => unshapedSubnets !== undefined || shapedSubnets !== undefined,
  );
  return {
    ingress: limitOf('ingress', rates.ingressRate, rates.ingressBurst, config),
    egress: limitOf('egress', rates.egressRate, rates.egressBurst, config),
    subnets: subnetsOf(named?.unshapedSubnets ?? [], named?.shapedSubnets ?? []),
  };
}
