import type { Difference, Found } from './difference.js';
import { differences } from './differences.js';
import type { Facts } from './facts.js';
import type { Run } from './row.js';

/** What is so on one side only, or otherwise on the other. */
export function compare(phase: string, ours: Facts, reference: Facts): Found[] {
  const keys = [...new Set([...reference.keys(), ...ours.keys()])];
  const found = keys
    .filter((key) => ours.get(key) !== reference.get(key))
    .map((key) => ({ phase, key, ours: ours.get(key), reference: reference.get(key) }));
  return withoutParts(found);
}

/** Does a fact belong to something? */
type IsPart = (fact: string) => boolean;

/** A link, table or error that only one side has is one difference, not one for each of its properties. */
function withoutParts(found: readonly Found[]): Found[] {
  const parts = found.flatMap(({ key, ours, reference }) => {
    const [, who] = /^(.*) status$/.exec(key) ?? [];
    if (who !== undefined) return [startsWith(`${who} `)];
    return ours === undefined || reference === undefined ? partsOf(key) : [];
  });
  return found
    .filter(({ key }) => key.endsWith(' status') || !parts.some((isPart) => isPart(key)))
    .map((one) => (one.key.endsWith(' status') ? withMessages(one, found) : one));
}

const startsWith =
  (start: string): IsPart =>
  (fact) =>
    fact.startsWith(start);

function partsOf(key: string): IsPart[] {
  const [, place, link] = /^(\S+) link (\S+)$/.exec(key) ?? [];
  if (link !== undefined) {
    return [
      startsWith(`${key} `),
      startsWith(`${place} address ${link} `),
      startsWith(`${place} qdisc ${link} `),
      (fact) => fact === `${place} vlans ${link}`,
      startsWith(`${place} sysctl ipv4/conf/${link}/`),
      startsWith(`${place} sysctl ipv6/conf/${link}/`),
      (fact) => fact.startsWith(`${place} route `) && `${fact} `.includes(` dev ${link} `),
    ];
  }
  const [, where, table] = /^(\S+) nft table (.+)$/.exec(key) ?? [];
  if (table === undefined) return [];
  return ['chain ', 'set ', 'map ', ''].map((kind) => startsWith(`${where} nft ${kind}${table} `));
}

/** An exit status with the error that came with it. */
function withMessages(one: Found, found: readonly Found[]): Found {
  const who = one.key.slice(0, -'status'.length);
  const full = (side: 'ours' | 'reference'): string =>
    [one[side], ...['code', 'msg'].map((key) => found.find((other) => other.key === who + key)?.[side])]
      .filter((part) => part !== undefined)
      .join(': ');
  return { ...one, ours: full('ours'), reference: full('reference') };
}

/** Sorts what was found into what is listed as intended, by its id, and the rest. */
export function judge(found: readonly Found[], run: Run): { intended: Set<string>; unintended: Found[] } {
  const intended = new Set<string>();
  const unintended: Found[] = [];
  for (const one of found) {
    if (alike(one, run)) continue;
    const listed = differences.filter((difference) => concerns(difference, run) && difference.is(one, run));
    for (const { id } of listed) intended.add(id);
    if (listed.length === 0) unintended.push(one);
  }
  return { intended, unintended };
}

/** Messages of which the row says how they are to be read need not be the same to the letter. */
function alike({ key, ours = '', reference = '' }: Found, { row }: Run): boolean {
  const words = /^(ADD|DEL) .* msg$/.test(key)
    ? row.fails
    : /^CHECK .* msg$/.test(key)
      ? row.checkFails
      : undefined;
  return words?.test(ours) === true && words.test(reference);
}

function concerns({ plugin }: Difference, { row }: Run): boolean {
  return (
    plugin === 'all' ||
    [...row.plugins, ...(row.instead ?? [])].some(({ type, ipam }) =>
      [type, (ipam as { type?: string })?.type].includes(plugin),
    )
  );
}
