import { CniError, errorCodes } from '../../../cni/errors.js';
import {
  type Address,
  type Cidr,
  contains,
  formatAddress,
  formatCidr,
  isEqual,
  networkOf,
  parseAddress,
  parseCidr,
  plus,
  sizeOf,
} from '../../common/address.js';

export interface RangeInput {
  readonly subnet?: string | undefined;
  readonly rangeStart?: string | undefined;
  readonly rangeEnd?: string | undefined;
  readonly gateway?: string | undefined;
}

/** Addresses that may be given out, both ends included. */
export interface Range {
  readonly subnet: Cidr;
  readonly start: Address;
  readonly end: Address;
  /** Never given out, where it is known beforehand. */
  readonly gateway: Address | undefined;
}

/** An attachment gets one address of each set. */
export type RangeSet = readonly Range[];

export function invalidConfig(msg: string, details = ''): CniError {
  return new CniError(errorCodes.invalidNetworkConfig, msg, details);
}

function addressOf(text: string, key: string): Address {
  const address = parseAddress(text);
  if (address === undefined) throw invalidConfig(`invalid IP address ${text}`, `key ${key}`);
  return address;
}

/** Is it not given? Empty texts are not, as in Go. */
function isMissing(text: string | undefined): text is '' | undefined {
  return text === undefined || text === '';
}

function canonical({ subnet: text, rangeStart, rangeEnd, gateway }: RangeInput): Range {
  if (isMissing(text)) throw invalidConfig('IP <nil> not v4 nor v6', 'a range has no subnet');
  const subnet = parseCidr(text);
  if (subnet === undefined) throw invalidConfig(`invalid CIDR address: ${text}`, 'key subnet');
  const { bits } = subnet.address;
  const shown = formatCidr(subnet);
  if (subnet.length > bits - 2) throw invalidConfig(`Network ${shown} too small to allocate from`);
  const network = networkOf(subnet);
  if (!isEqual(network.address, subnet.address)) {
    throw invalidConfig(
      `Network has host bits set. For a subnet mask of length ${subnet.length} the network address is ${formatAddress(network.address)}`,
    );
  }
  const first = plus(network.address, 1n);
  // IPv4's last address is the broadcast address
  const last = plus(network.address, sizeOf(subnet) - (bits === 32 ? 2n : 1n));
  const start = isMissing(rangeStart) ? first : addressOf(rangeStart, 'rangeStart');
  const end = isMissing(rangeEnd) ? last : addressOf(rangeEnd, 'rangeEnd');
  if (
    !isMissing(rangeStart) &&
    (!contains(subnet, start) || (!isMissing(rangeEnd) && start.value > end.value))
  ) {
    throw invalidConfig(
      `RangeStart ${formatAddress(start)} not in network ${shown}`,
      contains(subnet, start) ? `it lies behind RangeEnd ${formatAddress(end)}` : '',
    );
  }
  if (!isMissing(rangeEnd) && (!contains(subnet, end) || start.value > end.value)) {
    throw invalidConfig(
      `RangeEnd ${formatAddress(end)} not in network ${shown}`,
      contains(subnet, end) ? `it lies before RangeStart ${formatAddress(start)}` : '',
    );
  }
  return { subnet, start, end, gateway: isMissing(gateway) ? first : addressOf(gateway, 'gateway') };
}

export function includes({ start, end }: Range, address: Address): boolean {
  return address.bits === start.bits && address.value >= start.value && address.value <= end.value;
}

function overlap(a: Range, b: Range): boolean {
  return a.start.bits === b.start.bits && a.start.value <= b.end.value && b.start.value <= a.end.value;
}

export function formatRange({ start, end }: Range): string {
  return `${formatAddress(start)}-${formatAddress(end)}`;
}

export function formatSet(set: RangeSet): string {
  return set.map(formatRange).join(',');
}

/** The ranges of one set, checked against each other. Throws CniError 7. */
export function rangeSet(inputs: readonly RangeInput[]): RangeSet {
  const [first] = inputs;
  if (first === undefined) throw invalidConfig('empty range set');
  const ranges = inputs.map(canonical);
  for (const [i, range] of ranges.entries()) {
    if (range.start.bits !== ranges[0]?.start.bits) throw invalidConfig('mixed address families');
    for (const other of ranges.slice(0, i)) {
      if (overlap(range, other))
        throw invalidConfig(`subnets ${formatRange(other)} and ${formatRange(range)} overlap`);
    }
  }
  return ranges;
}

export function setsOverlap(a: RangeSet, b: RangeSet): boolean {
  return a.some((one) => b.some((other) => overlap(one, other)));
}

/**
 * Every address of a set once, gateways left out: from the one behind `last` to the end, then from the beginning.
 * `last` is where an allocation ended before, if it is in the set.
 */
export function* candidates(
  set: RangeSet,
  last: Address | undefined,
): Generator<{ address: Address; range: Range }> {
  const at = last === undefined ? -1 : set.findIndex((range) => includes(range, last));
  const beginning = Math.max(at, 0);
  for (let step = 0; step <= set.length; step++) {
    const range = set[(beginning + step) % set.length] as Range;
    let from = range.start.value;
    let to = range.end.value;
    if (at >= 0 && step === 0) from = (last as Address).value + 1n;
    if (step === set.length) {
      if (at < 0) return;
      to = (last as Address).value;
    }
    for (let value = from; value <= to; value++) {
      const address = { bits: range.start.bits, value };
      if (range.gateway === undefined || !isEqual(address, range.gateway)) yield { address, range };
    }
  }
}
