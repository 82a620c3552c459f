import { formatIpv4, formatIpv6 } from '../../codec/text.js';
import type { Route } from '../../network/routes.js';
import { routeProtocols, routeScopes } from '../../schema/route.js';
import { compact, hex, type Json, type LinkNames, type PrintOptions, shortPrefix } from './common.js';
import { protocols, scopes, services, tables } from './names.js';

export interface RoutePrintOptions extends PrintOptions {
  /** Whether routes of several tables are printed together. */
  readonly tables?: boolean;
}

/** RT_TABLE_MAIN */
const MAIN = 254;

/** USER_HZ: what the kernel tells ages in. */
const TICKS = 100;

/** RTNH_F_* and RTM_F_* as iproute2 prints them, in its order. */
const flagNames = [
  ['dead', 'dead'],
  ['onlink', 'onlink'],
  ['pervasive', 'pervasive'],
  ['offload', 'offload'],
  ['trap', 'trap'],
  ['notify', 'notify'],
  ['linkdown', 'linkdown'],
  ['unresolved', 'unresolved'],
  ['rt-offload', 'rt_offload'],
  ['rt-trap', 'rt_trap'],
  ['rt-offload-failed', 'rt_offload_failed'],
] as const;

function flagsOf(flags: unknown): string[] {
  const set = new Set(flags as readonly (string | number)[]);
  return flagNames.flatMap(([flag, name]) => (set.has(flag) ? [name] : []));
}

/** RTAX_* as iproute2 prints them. */
const metricNames: Readonly<Record<string, string>> = {
  mtu: 'mtu',
  window: 'window',
  rtt: 'rtt',
  rttvar: 'rttvar',
  ssthresh: 'ssthresh',
  cwnd: 'cwnd',
  advmss: 'advmss',
  reordering: 'reordering',
  hoplimit: 'hoplimit',
  initcwnd: 'initcwnd',
  features: 'features',
  rtoMin: 'rto_min',
  initrwnd: 'initrwnd',
  quickack: 'quickack',
  ccAlgo: 'congestion',
  fastopenNoCookie: 'fastopen_no_cookie',
};

/** A number that the schema names, as a number. */
function numberOf(value: string | number, known: Readonly<Record<string, number>>): number {
  return typeof value === 'number' ? value : (known[value] ?? 0);
}

const familyNames: Readonly<Record<number, string>> = { 2: 'inet', 10: 'inet6', 28: 'mpls' };

function addressText(address: Uint8Array): string {
  if (address.length === 4) return formatIpv4(address, 0);
  return address.length === 16 ? formatIpv6(address, 0) : Buffer.from(address).toString('hex');
}

function viaJson(via: unknown): Json | undefined {
  if (via === undefined) return undefined;
  const { family, addr } = via as { family: number; addr: Uint8Array };
  return { family: familyNames[family] ?? String(family), host: addressText(addr) };
}

interface Hop {
  readonly header: { readonly flags: unknown; readonly hops: number; readonly ifindex: number };
  readonly attributes: { readonly gateway?: string; readonly via?: unknown };
}

function hopJson({ header, attributes }: Hop, links: LinkNames): Json {
  return compact({
    gateway: attributes.gateway,
    via: viaJson(attributes.via),
    dev: links.of(header.ifindex),
    weight: header.hops + 1,
    flags: flagsOf(header.flags),
  });
}

function metricsOf({ metrics }: Route): Json[] | undefined {
  if (metrics === undefined) return undefined;
  const out: Json = {};
  for (const [key, value] of Object.entries(metrics)) {
    const name = metricNames[key];
    if (name !== undefined) out[name] = value;
  }
  return Object.keys(out).length === 0 ? undefined : [out];
}

/** A route as `ip -j route` prints it. */
export function routeJson(route: Route, links: LinkNames, options: RoutePrintOptions = {}): Json {
  const { details } = options;
  const { type, dst, src, gateway, via, oif, table, prefsrc, priority, tos, nhId, mark, pref } = route;
  const { multipath, cacheinfo, iif, uid } = route;
  const protocol = numberOf(route.protocol, routeProtocols);
  const scope = numberOf(route.scope, routeScopes);
  return compact({
    type: details || type !== 'unicast' ? type : undefined,
    dst: shortPrefix(dst),
    from: src === undefined ? undefined : shortPrefix(src),
    tos: tos === 0 ? undefined : services.of(tos),
    nhid: nhId,
    gateway,
    via: viaJson(via),
    dev: oif === undefined ? undefined : links.of(oif),
    table: options.tables && (details || table !== MAIN) ? tables.of(table) : undefined,
    protocol: details || protocol !== routeProtocols.boot ? protocols.of(protocol) : undefined,
    scope: details || scope !== routeScopes.universe ? scopes.of(scope) : undefined,
    prefsrc,
    metric: priority,
    flags: flagsOf(route.flags),
    mark: mark ? hex(mark) : undefined,
    uid,
    expires: cacheinfo?.expires ? Math.trunc(cacheinfo.expires / TICKS) : undefined,
    metrics: metricsOf(route),
    iif: iif === undefined ? undefined : links.of(iif),
    nexthops:
      multipath === undefined ? undefined : (multipath as readonly Hop[]).map((hop) => hopJson(hop, links)),
    pref,
  });
}
