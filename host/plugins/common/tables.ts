import type { Link } from '../../network/links.js';
import type { Network } from '../../network/network.js';
import type { Route } from '../../network/routes.js';
import type { Rule } from '../../network/rules.js';

/** RT_TABLE_MAIN, linux/rtnetlink.h */
export const MAIN_TABLE = 254;
/** RT_TABLE_LOCAL */
export const LOCAL_TABLE = 255;
/** Those that the kernel has from the beginning: RT_TABLE_DEFAULT, RT_TABLE_MAIN and RT_TABLE_LOCAL. */
export const RESERVED_TABLES: readonly number[] = [253, MAIN_TABLE, LOCAL_TABLE];

/** What a namespace has of rules and tables. */
export interface Policy {
  readonly rules: readonly Rule[];
  readonly routes: readonly Route[];
  /** Tables that VRFs work with, routes in them or not. */
  readonly vrfTables: readonly number[];
}

/** The table of a link of kind vrf. */
export function tableOfVrf({ data }: Link): number {
  return (data as { table?: number } | undefined)?.table ?? 0;
}

export async function policyOf(network: Network): Promise<Policy> {
  const rules = await network.rules.list();
  const routes = await network.routes.list();
  const vrfTables = (await network.links.list()).filter(({ kind }) => kind === 'vrf').map(tableOfVrf);
  return { rules: rules.filter(({ family }) => family === 'inet' || family === 'inet6'), routes, vrfTables };
}

/** Numbers of tables that nothing uses, ascending. */
export function* freeTables({ rules, routes, vrfTables }: Policy, first: number): Generator<number> {
  const used = new Set([
    ...RESERVED_TABLES,
    ...vrfTables,
    ...rules.map(({ table }) => table),
    ...routes.map(({ table }) => table),
  ]);
  for (let table = first; ; table++) if (!used.has(table)) yield table;
}

/**
 * The tables in which the kernel looks for routes over a link: its VRF's if it is a port of one, else the main one, and
 * those that a rule names for packets from one of its addresses, as sbr makes them.
 */
export async function tableFinder(
  network: Network,
): Promise<(index: number | undefined) => ReadonlySet<number>> {
  const links = await network.links.list();
  const vrfs = new Map(links.filter(({ kind }) => kind === 'vrf').map((vrf) => [vrf.index, tableOfVrf(vrf)]));
  const ports = new Map(links.map(({ index, master }) => [index, vrfs.get(master ?? 0)]));
  const bySource = new Map<string, number[]>();
  for (const { src, table, action } of await network.rules.list()) {
    if (src === undefined || action !== 'to-tbl') continue;
    const [address = ''] = src.split('/');
    bySource.set(address, [...(bySource.get(address) ?? []), table]);
  }
  const addresses = bySource.size === 0 ? [] : await network.addresses.list();
  return (index) =>
    new Set([
      ports.get(index ?? 0) ?? MAIN_TABLE,
      ...addresses
        .filter((one) => one.index === index)
        .flatMap((one) => bySource.get(one.address.split('/')[0] ?? '') ?? []),
    ]);
}
