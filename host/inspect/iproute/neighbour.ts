import type { Neighbour } from '../../network/neighbours.js';
import { compact, type Json, type LinkNames } from './common.js';
import { protocols } from './names.js';

const set = (flags: unknown): ReadonlySet<string | number> => new Set(flags as readonly (string | number)[]);

/**
 * Does `ip neigh` show it, when nothing is asked in particular? Not those that need no asking (multicast and the like),
 * nor those for which it answers in another's place.
 */
export function isShown({ state, flags }: Neighbour): boolean {
  const states = set(state);
  const marks = set(flags);
  if (marks.has('proxy')) return false;
  if (marks.has('ext-learned')) return true;
  return states.size > 0 && !(states.size === 1 && states.has('noarp'));
}

/** A neighbour as `ip -j neigh` prints it. */
export function neighbourJson(neighbour: Neighbour, links: LinkNames): Json {
  const { dst, lladdr, index, state, flags, flagsExt, protocol, vlan, vni, port, nhId } = neighbour;
  const marks = set(flags);
  const more = set(flagsExt ?? []);
  const states = (state as readonly (string | number)[]).map((one) => String(one).toUpperCase());
  return compact({
    dst,
    dev: links.of(index),
    vlan,
    vni,
    port,
    nhid: nhId,
    lladdr,
    router: marks.has('router') ? null : undefined,
    proxy: marks.has('proxy') ? null : undefined,
    extern_learn: marks.has('ext-learned') ? null : undefined,
    offload: marks.has('offloaded') ? null : undefined,
    managed: more.has('managed') ? null : undefined,
    state: states,
    protocol: protocol === undefined || protocol === 0 ? undefined : protocols.of(protocol),
  });
}
