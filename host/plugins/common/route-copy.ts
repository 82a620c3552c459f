import type { Route, RouteInput } from '../../network/routes.js';

/** Attributes that make a route what it is; others, like `cacheinfo`, tell how it fares. */
const kept = [
  'prefsrc',
  'priority',
  'metrics',
  'flow',
  'via',
  'pref',
  'encapType',
  'encap',
  'ttlPropagate',
] as const;

/** What makes just such a route as one that was listed; deleting with it deletes that one and no other. */
export function routeCopy(route: Route): RouteInput {
  const { dst, src, family, table, tos, protocol, scope, type, flags, oif, gateway, multipath, nhId } = route;
  const own: Record<string, unknown> = {};
  for (const key of kept) if (route[key] !== undefined) own[key] = route[key];
  const input = { dst, family, table, tos, protocol, scope, type, ...own };
  const from = src === undefined ? {} : { src };
  if (nhId !== undefined) return { ...input, ...from, nhId } as RouteInput;
  const hops = multipath?.map((hop) => ({
    ...(hop.attributes.gateway === undefined ? {} : { gateway: hop.attributes.gateway }),
    device: hop.header.ifindex,
    weight: hop.header.hops + 1,
    onlink: hop.header.flags.includes('onlink'),
  }));
  return {
    ...input,
    ...from,
    ...(oif === undefined ? {} : { device: oif }),
    ...(gateway === undefined ? {} : { gateway }),
    ...(hops === undefined ? {} : { hops }),
    onlink: flags.includes('onlink'),
  } as RouteInput;
}

/** Is a link the only way that a route goes? */
export function goesOver({ oif, multipath }: Route, index: number): boolean {
  if (multipath !== undefined) return multipath.every((hop) => hop.header.ifindex === index);
  return oif === index;
}
