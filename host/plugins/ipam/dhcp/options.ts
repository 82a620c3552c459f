import { formatIpv4, parseIp } from '../../../codec/text.js';

/** Numbers of the options that the client itself knows. https://www.iana.org/assignments/bootp-dhcp-parameters */
export const optionCodes = {
  subnetMask: 1,
  routers: 3,
  nameServers: 6,
  hostName: 12,
  domainName: 15,
  interfaceMtu: 26,
  staticRoutes: 33,
  requestedAddress: 50,
  leaseTime: 51,
  messageType: 53,
  serverIdentifier: 54,
  parameterRequestList: 55,
  message: 56,
  maximumMessageSize: 57,
  renewalTime: 58,
  rebindingTime: 59,
  vendorClassIdentifier: 60,
  clientIdentifier: 61,
  userClass: 77,
  domainSearch: 119,
  classlessStaticRoutes: 121,
  /** The same before it had a number of its own; Windows still asks for it. */
  privateClasslessStaticRoutes: 249,
} as const;

/** Names that configs may have in place of numbers: those that the reference knows. */
export const optionNames: Readonly<Record<string, number>> = {
  'dhcp-client-identifier': optionCodes.clientIdentifier,
  'subnet-mask': optionCodes.subnetMask,
  routers: optionCodes.routers,
  'host-name': optionCodes.hostName,
  'user-class': optionCodes.userClass,
  'vendor-class-identifier': optionCodes.vendorClassIdentifier,
};

type Options = ReadonlyMap<number, Uint8Array>;

/** A route that a server tells of. */
export interface OfferedRoute {
  /** Prefix, without host bits. */
  readonly dst: string;
  /** 0.0.0.0: the destination is on the link itself (RFC 3442). */
  readonly router: string;
}

export const address = (text: string): Uint8Array => parseIp(text) ?? new Uint8Array(4);

export function uint16(value: number): Uint8Array {
  return Uint8Array.of(value >> 8, value & 0xff);
}

function numberOf(value: Uint8Array | undefined, bytes: 2 | 4): number | undefined {
  if (value?.length !== bytes) return undefined;
  return value.reduce((total, byte) => total * 256 + byte, 0);
}

/** An option that is a number of two bytes; undefined where it is missing, or of another size. */
export const readUint16 = (options: Options, code: number): number | undefined =>
  numberOf(options.get(code), 2);
/** The same of four bytes. */
export const readUint32 = (options: Options, code: number): number | undefined =>
  numberOf(options.get(code), 4);

/** An option that is a list of addresses; empty where it is missing, or its length is wrong. */
export function readAddresses(options: Options, code: number): string[] {
  const value = options.get(code);
  if (value === undefined || value.length % 4 !== 0) return [];
  return Array.from({ length: value.length / 4 }, (_, i) => formatIpv4(value, i * 4));
}

/** An option that is text. Servers end it with NUL now and then. */
export function readText(options: Options, code: number): string | undefined {
  const value = options.get(code);
  if (value === undefined) return undefined;
  const text = Buffer.from(value).toString('utf8').replace(/\0+$/, '');
  return text === '' ? undefined : text;
}

/** Length of the prefix that the option 1 is the mask of; undefined where it is missing, or has holes. */
export function readPrefixLength(options: Options): number | undefined {
  const mask = readUint32(options, optionCodes.subnetMask);
  if (mask === undefined) return undefined;
  const host = 0xffffffff - mask;
  const length = 32 - Math.log2(host + 1);
  return Number.isInteger(length) ? length : undefined;
}

/** Formats a prefix with its host bits cleared. */
function prefix(bytes: Uint8Array, length: number): string {
  const network = bytes.map((byte, i) => byte & (0xff << Math.min(8, Math.max(0, 8 * (i + 1) - length))));
  return `${formatIpv4(network, 0)}/${length}`;
}

/** Options 121 and 249, RFC 3442. Undefined where the value is missing, empty or malformed: it counts as a whole. */
export function readClasslessRoutes(options: Options, code: number): OfferedRoute[] | undefined {
  const value = options.get(code);
  if (value === undefined) return undefined;
  const routes: OfferedRoute[] = [];
  for (let offset = 0; offset < value.length; ) {
    const length = value[offset++] as number;
    const significant = Math.ceil(length / 8);
    if (length > 32 || offset + significant + 4 > value.length) return undefined;
    const network = new Uint8Array(4);
    network.set(value.subarray(offset, offset + significant));
    offset += significant;
    routes.push({ dst: prefix(network, length), router: formatIpv4(value, offset) });
    offset += 4;
  }
  return routes.length === 0 ? undefined : routes;
}

/** Option 33, RFC 2132 section 5.8: networks of class A, B or C. */
export function readStaticRoutes(options: Options): OfferedRoute[] {
  const value = options.get(optionCodes.staticRoutes);
  if (value === undefined || value.length % 8 !== 0) return [];
  const routes: OfferedRoute[] = [];
  for (let offset = 0; offset < value.length; offset += 8) {
    const first = value[offset] as number;
    // the default route has no place here, classes D and E have no mask
    if (first === 0 || first >= 224) continue;
    const length = first < 128 ? 8 : first < 192 ? 16 : 24;
    const dst = prefix(value.subarray(offset, offset + 4), length);
    routes.push({ dst, router: formatIpv4(value, offset + 4) });
  }
  return routes;
}

const LONGEST_NAME = 255;

/** One name of RFC 1035 section 3.1, with pointers into the same value; undefined where it is malformed. */
function nameAt(value: Uint8Array, start: number): { name: string; next: number } | undefined {
  const labels: string[] = [];
  let size = 0;
  let next: number | undefined;
  for (let offset = start; ; ) {
    const length = value[offset];
    if (length === undefined) return undefined;
    if (length === 0) return { name: labels.join('.'), next: next ?? offset + 1 };
    if (length >= 0xc0) {
      const low = value[offset + 1];
      if (low === undefined) return undefined;
      const target = ((length & 0x3f) << 8) | low;
      // backwards only: what points at itself would never end
      if (target >= offset) return undefined;
      next ??= offset + 2;
      offset = target;
      continue;
    }
    size += length + 1;
    if (length > 63 || size > LONGEST_NAME || offset + 1 + length > value.length) return undefined;
    labels.push(Buffer.from(value.subarray(offset + 1, offset + 1 + length)).toString('latin1'));
    offset += 1 + length;
  }
}

/** Option 119, RFC 3397. Empty where it is missing or malformed. */
export function readDomainSearch(options: Options): string[] {
  const value = options.get(optionCodes.domainSearch);
  if (value === undefined) return [];
  const names: string[] = [];
  for (let offset = 0; offset < value.length; ) {
    const found = nameAt(value, offset);
    if (found === undefined) return [];
    if (found.name !== '') names.push(found.name);
    offset = found.next;
  }
  return names;
}
