import { cidr, ipAddress } from './address.js';
import { array, type Shape as ConfigShape, dnsShape, integer, object, optional, string } from './config.js';
import { CniError, errorCodes } from './errors.js';

/** A network interface that a plugin made or found. */
export interface Interface {
  name: string;
  mac?: string;
  /** Bytes. */
  mtu?: number;
  /** Path of the network namespace; missing on the host. */
  sandbox?: string;
  socketPath?: string;
  pciID?: string;
}

/** An address that was assigned. */
export interface IpConfig {
  /** With the prefix's length: `10.62.0.2/16`. */
  address: string;
  gateway?: string;
  /** Index into `interfaces`. */
  interface?: number;
}

export interface Route {
  /** Prefix. */
  dst: string;
  gw?: string;
  /** Bytes. */
  mtu?: number;
  advmss?: number;
  priority?: number;
  table?: number;
  scope?: number;
}

export interface Dns {
  nameservers?: string[];
  domain?: string;
  search?: string[];
  options?: string[];
}

/** What ADD yields, as version 1.1.0 has it. Plugins work with this; other versions are converted at the edge. */
export interface Result {
  interfaces?: Interface[];
  ips?: IpConfig[];
  routes?: Route[];
  dns?: Dns;
}

interface LegacyIp {
  ip: string;
  gateway?: string;
  routes?: { dst: string; gw?: string }[];
}

type Json = Record<string, unknown>;
type Loose<T> = { [K in keyof T]: T[K] | undefined };
type Shape = 'legacy' | 'middle' | 'current';

const shapes: Record<string, Shape> = {
  '0.1.0': 'legacy',
  '0.2.0': 'legacy',
  '0.3.0': 'middle',
  '0.3.1': 'middle',
  '0.4.0': 'middle',
  '1.0.0': 'current',
  '1.1.0': 'current',
};

const versionsOf = (shape: Shape): string[] =>
  Object.keys(shapes).filter((version) => shapes[version] === shape);

function isIpv6(address: string): boolean {
  return address.includes(':');
}

function defined<T extends object>(value: T): T {
  const out: Json = {};
  for (const [key, item] of Object.entries(value)) if (item !== undefined) out[key] = item;
  return out as T;
}

function nonEmpty<T>(list: readonly T[] | undefined): T[] | undefined {
  return list === undefined || list.length === 0 ? undefined : [...list];
}

function dnsOf(dns: unknown): Dns | undefined {
  if (typeof dns !== 'object' || dns === null) return undefined;
  const { nameservers, domain, search, options } = dns as Dns;
  const out: Dns = defined({
    nameservers: nonEmpty(nameservers),
    domain: domain === '' ? undefined : domain,
    search: nonEmpty(search),
    options: nonEmpty(options),
  }) as Dns;
  return Object.keys(out).length === 0 ? undefined : out;
}

/** Zero means "not set" for these, as in the reference; `table` and `scope` may be zero. */
function routeOf({ dst, gw, mtu, advmss, priority, table, scope }: Loose<Route>): Route {
  return defined({
    advmss: advmss || undefined,
    dst,
    gw: gw || undefined,
    mtu: mtu || undefined,
    priority: priority || undefined,
    scope: scope ?? undefined,
    table: table ?? undefined,
  }) as Route;
}

const ip = optional(ipAddress);
const routeKeys = object({
  dst: cidr,
  gw: ip,
  mtu: optional(integer),
  advmss: optional(integer),
  priority: optional(integer),
  table: optional(integer),
  scope: optional(integer),
});

/** A route, in a result or in a config. */
export const routeShape: ConfigShape<Route> = {
  read: (value, path, faults) => routeOf(routeKeys.read(value, path, faults)),
};
const routesShape = optional(array(routeShape));

const resultShape = object({
  interfaces: optional(
    array(
      object({
        name: optional(string, ''),
        mac: optional(string),
        mtu: optional(integer),
        sandbox: optional(string),
        socketPath: optional(string),
        pciID: optional(string),
      }),
    ),
  ),
  ips: optional(array(object({ address: cidr, gateway: ip, interface: optional(integer) }))),
  routes: routesShape,
  dns: optional(dnsShape),
});
const legacyIp = optional(object({ ip: cidr, gateway: ip, routes: routesShape }));
const legacyResultShape = object({ ip4: legacyIp, ip6: legacyIp, dns: optional(dnsShape) });

/** Reads a result of the version that it names, or of `assumed` when it names none. Throws CniError. */
export function parseResult(value: unknown, assumed: string): Result {
  const version = resultVersion(value, 'result') ?? assumed;
  const shape = shapes[version];
  if (shape === undefined) {
    throw new CniError(errorCodes.incompatibleVersion, `unsupported CNI result version "${version}"`);
  }
  if (shape === 'legacy') return fromLegacy(value);
  const { interfaces, ips, routes, dns } = resultShape.read(value, 'result');
  return defined({
    interfaces: nonEmpty(interfaces?.map(interfaceOf)),
    ips: nonEmpty(ips) as IpConfig[] | undefined,
    routes: nonEmpty(routes),
    dns: dnsOf(dns),
  }) as Result;
}

function interfaceOf({ name, mac, mtu, sandbox, socketPath, pciID }: Loose<Interface>): Interface {
  return defined({
    name: name ?? '',
    mac: mac || undefined,
    mtu: mtu || undefined,
    sandbox: sandbox || undefined,
    socketPath: socketPath || undefined,
    pciID: pciID || undefined,
  }) as Interface;
}

/** `cniVersion` of a result, if it has one. */
function resultVersion(value: unknown, path: string): string | undefined {
  const { cniVersion } = object({ cniVersion: optional(string) }).read(value, path);
  return cniVersion === '' ? undefined : cniVersion;
}

function fromLegacy(value: unknown): Result {
  const { ip4, ip6, dns } = legacyResultShape.read(value, 'result');
  const both = [ip4, ip6].filter((one) => one !== undefined);
  const routes = both.flatMap((one) => one.routes ?? []);
  return defined({
    ips: nonEmpty(both.map(({ ip: address, gateway }) => defined({ address, gateway }) as IpConfig)),
    routes: nonEmpty(routes.map(({ dst, gw }) => routeOf(defined({ dst, gw }) as Route))),
    dns: dnsOf(dns),
  }) as Result;
}

/**
 * A result in the shape of a version, with the keys in the reference's order. Throws CniError 1 for unknown versions,
 * 999 when the version cannot say what is in the result.
 */
export function formatResult(result: Result, version: string): Json {
  switch (shapes[version]) {
    case 'current':
      return currentShape(result, version);
    case 'middle':
      return middleShape(result, version);
    case 'legacy':
      return legacyShape(result, version);
    default:
      throw new CniError(errorCodes.incompatibleVersion, `unsupported CNI result version "${version}"`);
  }
}

function currentShape({ interfaces, ips, routes, dns }: Result, cniVersion: string): Json {
  const known = dnsOf(dns);
  return defined({
    cniVersion,
    dns: known === undefined ? undefined : sortedDns(known),
    interfaces: nonEmpty(interfaces)?.map(({ name, mac, mtu, sandbox, socketPath, pciID }) =>
      defined({
        mac: mac || undefined,
        mtu: mtu || undefined,
        name,
        pciID: pciID || undefined,
        sandbox: sandbox || undefined,
        socketPath: socketPath || undefined,
      }),
    ),
    ips: nonEmpty(ips)?.map(({ address, gateway, interface: index }) =>
      defined({ address, gateway: gateway || undefined, interface: index }),
    ),
    routes: nonEmpty(routes)?.map(routeOf),
  });
}

function sortedDns({ nameservers, domain, search, options }: Dns): Json {
  return defined({ domain, nameservers, options, search });
}

function middleShape({ interfaces, ips, routes, dns }: Result, cniVersion: string): Json {
  return defined({
    cniVersion,
    interfaces: nonEmpty(interfaces)?.map(({ name, mac, sandbox }) =>
      defined({ name, mac: mac || undefined, sandbox: sandbox || undefined }),
    ),
    ips: nonEmpty(ips)?.map(({ address, gateway, interface: index }) =>
      defined({
        version: isIpv6(address) ? '6' : '4',
        interface: index,
        address,
        gateway: gateway || undefined,
      }),
    ),
    routes: nonEmpty(routes)?.map(({ dst, gw, mtu, advmss, priority, table, scope }) =>
      defined({
        dst,
        gw: gw || undefined,
        mtu: mtu || undefined,
        advmss: advmss || undefined,
        priority: priority || undefined,
        table,
        scope,
      }),
    ),
    dns: dnsOf(dns) ?? {},
  });
}

function legacyShape({ ips = [], routes = [], dns }: Result, cniVersion: string): Json {
  const legacy = (six: boolean): LegacyIp | undefined => {
    const ip = ips.find(({ address }) => isIpv6(address) === six);
    if (ip === undefined) return undefined;
    const own = routes
      .filter(({ dst }) => isIpv6(dst) === six)
      .map(({ dst, gw }) => defined({ dst, gw: gw || undefined }) as Route);
    return defined({ ip: ip.address, gateway: ip.gateway || undefined, routes: nonEmpty(own) }) as LegacyIp;
  };
  const ip4 = legacy(false);
  const ip6 = legacy(true);
  if (ip4 === undefined && ip6 === undefined) {
    throw new CniError(errorCodes.internal, 'cannot convert: no valid IP addresses');
  }
  return defined({ cniVersion, ip4, ip6, dns: dnsOf(dns) ?? {} });
}

/**
 * The `prevResult` of a config. One without a version has the config's; one of another shape than the config's
 * version is refused, as the reference does.
 */
export function parsePrevResult(value: unknown, configVersion: string): Result | undefined {
  if (value === undefined || value === null) return undefined;
  const own = resultVersion(value, 'prevResult');
  const expected = shapes[configVersion];
  if (own !== undefined && expected !== undefined && shapes[own] !== expected) {
    throw new CniError(
      errorCodes.internal,
      `could not parse prevResult: result type supports [${versionsOf(expected).join(' ')}] but unmarshalled CNIVersion is "${own}"`,
    );
  }
  return parseResult(value, configVersion);
}

/** JSON as Go's encoder prints it: four spaces, and `<`, `>`, `&` escaped. */
export function toJson(value: unknown): string {
  const escapes: Record<string, string> = { '<': '\\u003c', '>': '\\u003e', '&': '\\u0026' };
  return JSON.stringify(value, undefined, 4).replace(/[<>&]/g, (character) => escapes[character] as string);
}
