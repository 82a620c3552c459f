import type { DecodedMessage } from '../codec/block.js';
import { Subscription } from '../netlink/subscription.js';
import type { Address } from './addresses.js';
import type { Link } from './links.js';
import type { Neighbour } from './neighbours.js';
import type { Nexthop } from './nexthops.js';
import type { Route } from './routes.js';
import type { Rule } from './rules.js';

/** What can be watched, with its multicast groups: RTNLGRP_*, linux/rtnetlink.h */
export const watchGroups = {
  link: [1],
  neighbour: [3],
  address: [5, 9],
  route: [7, 11],
  rule: [8, 19],
  nexthop: [32],
} as const;

interface Items {
  link: Link;
  neighbour: Neighbour;
  address: Address;
  route: Route;
  rule: Rule;
  nexthop: Nexthop;
}
export type Watched = keyof typeof watchGroups;

/** Something appeared or changed (`new`) or went (`delete`). */
export type Change<K extends Watched = Watched> = {
  [kind in K]: { readonly event: 'new' | 'delete'; readonly kind: kind; readonly item: Items[kind] };
}[K];

/** Changes were lost: `items` are all that there are now, which takes the place of what was known. */
export interface Resync<K extends Watched = Watched> {
  readonly event: 'resync';
  readonly items: { readonly [kind in K]: readonly Items[kind][] };
}

export type WatchEvent<K extends Watched = Watched> = Change<K> | Resync<K>;

export interface WatchOptions {
  readonly signal?: AbortSignal | undefined;
  /** Begins with a `resync` of what there is. */
  readonly initial?: boolean | undefined;
  /** Bytes of the kernel's receive buffer. */
  readonly receiveBuffer?: number | undefined;
}

/** How messages become items, and how all there are are read. */
export interface WatchSource {
  readonly namespace: number | undefined;
  item(kind: Watched, message: DecodedMessage): object;
  all(kind: Watched): Promise<readonly object[]>;
}

const messageKinds: Readonly<Record<string, readonly ['new' | 'delete', Watched]>> = {
  newlink: ['new', 'link'],
  dellink: ['delete', 'link'],
  newneigh: ['new', 'neighbour'],
  delneigh: ['delete', 'neighbour'],
  newaddr: ['new', 'address'],
  deladdr: ['delete', 'address'],
  newroute: ['new', 'route'],
  delroute: ['delete', 'route'],
  newrule: ['new', 'rule'],
  delrule: ['delete', 'rule'],
  newnexthop: ['new', 'nexthop'],
  delnexthop: ['delete', 'nexthop'],
};

const BRIDGE_FAMILY = 7;

/**
 * Watches as `ip monitor` does, from the moment of the call. It ends when `signal` is aborted or the loop is left;
 * it never ends because of a burst: what overran the kernel's buffer is made up for by a `resync`.
 */
export function watch<K extends Watched>(
  source: WatchSource,
  kinds: readonly K[],
  options: WatchOptions,
): AsyncGenerator<WatchEvent<K>> {
  const subscription = Subscription.open({
    protocol: 'route',
    groups: kinds.flatMap((kind) => [...watchGroups[kind]]),
    namespace: source.namespace,
    signal: options.signal,
    receiveBuffer: options.receiveBuffer,
  });
  return events(subscription, source, kinds, options);
}

async function* events<K extends Watched>(
  subscription: Subscription,
  source: WatchSource,
  kinds: readonly K[],
  { initial = false }: WatchOptions,
): AsyncGenerator<WatchEvent<K>> {
  const resync = async (): Promise<Resync<K>> => {
    const items: Record<string, readonly object[]> = {};
    for (const kind of kinds) items[kind] = await source.all(kind);
    return { event: 'resync', items } as unknown as Resync<K>;
  };
  try {
    if (initial) yield await resync();
    for await (const heard of subscription) {
      if (heard.kind === 'overrun') {
        yield await resync();
        continue;
      }
      for (const message of heard.messages) {
        const known = messageKinds[message.name];
        if (known === undefined || !kinds.includes(known[1] as K)) continue;
        // ports of a bridge are told as links once more
        if (known[1] === 'link' && message.header.family === BRIDGE_FAMILY) continue;
        yield { event: known[0], kind: known[1], item: source.item(known[1], message) } as Change<K>;
      }
    }
  } finally {
    subscription.close();
  }
}
