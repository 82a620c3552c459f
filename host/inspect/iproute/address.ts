import type { Address } from '../../network/addresses.js';
import type { Link } from '../../network/links.js';
import { compact, type Json, type LinkNames, type PrintOptions } from './common.js';
import { linkJson } from './link.js';
import { scopes } from './names.js';

/** IFA_F_* as iproute2 prints them; `permanent` by its absence. */
const flagNames = [
  ['nodad', 'nodad'],
  ['optimistic', 'optimistic'],
  ['dadfailed', 'dadfailed'],
  ['homeaddress', 'home'],
  ['deprecated', 'deprecated'],
  ['tentative', 'tentative'],
  ['managetempaddr', 'mngtmpaddr'],
  ['noprefixroute', 'noprefixroute'],
  ['mcautojoin', 'autojoin'],
  ['stable-privacy', 'stable-privacy'],
] as const;

function flagsOf({ family, flags }: Address): Json {
  const set = new Set<string | number>((flags ?? []) as readonly (string | number)[]);
  const out: Json = {};
  if (set.has('secondary')) out[family === 'inet6' ? 'temporary' : 'secondary'] = true;
  for (const [flag, name] of flagNames) if (set.has(flag)) out[name] = true;
  if (!set.has('permanent')) out.dynamic = true;
  return out;
}

/** An address as in `addr_info` of `ip -j address`. */
export function addressJson(address: Address): Json {
  const { family, prefixlen, peer, scope, label, cacheinfo, broadcast, anycast, rtPriority } = address;
  const [local] = address.address.split('/');
  return compact({
    family,
    local,
    address: peer,
    prefixlen,
    metric: rtPriority || undefined,
    broadcast,
    anycast,
    scope: scopes.of(scope),
    ...flagsOf(address),
    label,
    valid_life_time: cacheinfo?.ifaValid,
    preferred_life_time: cacheinfo?.ifaPrefered,
  });
}

/** A link and its addresses as `ip -j address` prints them. */
export function linkWithAddressesJson(
  link: Link,
  links: LinkNames,
  addresses: readonly Address[],
  options: PrintOptions = {},
): Json {
  const own = addresses.filter(({ index }) => index === link.index);
  return { ...linkJson(link, links, { ...options, brief: true }), addr_info: own.map(addressJson) };
}
