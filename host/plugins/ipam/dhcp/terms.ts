import type { Dns, Result, Route } from '../../../cni/result.js';
import { DhcpError } from './errors.js';
import type { DhcpMessage } from './message.js';
import {
  type OfferedRoute,
  optionCodes,
  readAddresses,
  readClasslessRoutes,
  readDomainSearch,
  readPrefixLength,
  readStaticRoutes,
  readText,
  readUint16,
  readUint32,
} from './options.js';

/** What a server grants, of a DHCPACK. JSON: this is what is kept across restarts of the daemon. */
export interface LeaseTerms {
  readonly address: string;
  readonly prefixLength: number;
  /** Server identifier, which renewals are sent to. */
  readonly server: string;
  readonly routers: readonly string[];
  readonly routes: readonly OfferedRoute[];
  readonly dns: Dns;
  /** Bytes; of the link, as the server has it. */
  readonly mtu?: number;
  /** Seconds that the lease lasts; null for ever. */
  readonly leaseTime: number | null;
  /** T1: seconds until it is renewed. */
  readonly renewalTime: number | null;
  /** T2: seconds until any server may renew it. */
  readonly rebindingTime: number | null;
}

/** What the reference takes where a server does not say, seconds. */
const DEFAULT_LEASE_TIME = 3600;
const FOR_EVER = 0xffffffff;
/** RFC 2131 section 4.4.5. */
const T1_SHARE = 0.5;
const T2_SHARE = 0.875;
/** A link for IPv4 carries at least so many bytes, RFC 791. */
const LEAST_MTU = 68;

/** RT_SCOPE_LINK of linux/rtnetlink.h. */
const SCOPE_LINK = 253;

function timesOf({ options }: DhcpMessage): Pick<LeaseTerms, 'leaseTime' | 'renewalTime' | 'rebindingTime'> {
  const lease = readUint32(options, optionCodes.leaseTime) ?? DEFAULT_LEASE_TIME;
  if (lease === FOR_EVER) return { leaseTime: null, renewalTime: null, rebindingTime: null };
  const renewal = readUint32(options, optionCodes.renewalTime) ?? lease * T1_SHARE;
  const rebinding = readUint32(options, optionCodes.rebindingTime) ?? lease * T2_SHARE;
  // what is not in order is of no use
  const sane = renewal > 0 && renewal <= rebinding && rebinding <= lease;
  return {
    leaseTime: lease,
    renewalTime: sane ? renewal : lease * T1_SHARE,
    rebindingTime: sane ? rebinding : lease * T2_SHARE,
  };
}

/** Classless routes in place of all others, RFC 3442; else static ones and the default. */
function routesOf({ options }: DhcpMessage, routers: readonly string[]): OfferedRoute[] {
  const classless =
    readClasslessRoutes(options, optionCodes.classlessStaticRoutes) ??
    readClasslessRoutes(options, optionCodes.privateClasslessStaticRoutes);
  if (classless !== undefined) return classless;
  const [router] = routers;
  return [...readStaticRoutes(options), ...(router === undefined ? [] : [{ dst: '0.0.0.0/0', router }])];
}

function dnsOf({ options }: DhcpMessage): Dns {
  const nameservers = readAddresses(options, optionCodes.nameServers);
  const domain = readText(options, optionCodes.domainName);
  const search = readDomainSearch(options);
  return {
    ...(nameservers.length === 0 ? {} : { nameservers }),
    ...(domain === undefined ? {} : { domain }),
    ...(search.length === 0 ? {} : { search }),
  };
}

/**
 * The terms of a DHCPACK. `held`: of the lease that it prolongs, whose network and server are the same where it tells of
 * none. Throws DhcpError `ERR_DHCP_LEASE` when they leave out what a lease must have.
 */
export function termsOf(ack: DhcpMessage, held?: LeaseTerms): LeaseTerms {
  const { options, yiaddr } = ack;
  const prefixLength = readPrefixLength(options) ?? held?.prefixLength;
  if (prefixLength === undefined) {
    throw new DhcpError('ERR_DHCP_LEASE', 'DHCP option Subnet Mask not found in DHCPACK');
  }
  const server = readAddresses(options, optionCodes.serverIdentifier)[0] ?? held?.server;
  if (server === undefined) {
    throw new DhcpError('ERR_DHCP_LEASE', 'DHCP option Server Identifier not found in DHCPACK');
  }
  if (yiaddr === '0.0.0.0') throw new DhcpError('ERR_DHCP_LEASE', 'no address in DHCPACK');
  const times = timesOf(ack);
  if (times.leaseTime === 0) throw new DhcpError('ERR_DHCP_LEASE', 'a lease of no time in DHCPACK');
  const routers = readAddresses(options, optionCodes.routers);
  const mtu = readUint16(options, optionCodes.interfaceMtu);
  return {
    address: yiaddr,
    prefixLength,
    server,
    routers,
    routes: routesOf(ack, routers),
    dns: dnsOf(ack),
    ...(mtu === undefined || mtu < LEAST_MTU ? {} : { mtu }),
    ...times,
  };
}

/** A lease as the result of ADD. `priority`: metric of all routes, unless it is zero. */
export function resultOf(terms: LeaseTerms, priority: number): Result {
  const { address, prefixLength, routers, mtu, dns } = terms;
  const routes = terms.routes.map(
    ({ dst, router }): Route => ({
      dst,
      ...(router === '0.0.0.0' ? { scope: SCOPE_LINK } : { gw: router }),
      ...(mtu === undefined ? {} : { mtu }),
      ...(priority === 0 ? {} : { priority }),
    }),
  );
  return {
    ips: [
      { address: `${address}/${prefixLength}`, ...(routers[0] === undefined ? {} : { gateway: routers[0] }) },
    ],
    routes,
    ...(Object.keys(dns).length === 0 ? {} : { dns }),
  };
}
