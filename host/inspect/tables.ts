import { NetlinkError } from '../netlink/errors.js';
import type { Network } from '../network/network.js';
import { forEach, openNetwork } from './contents.js';
import { InspectError, type Problem, reason } from './errors.js';
import type { FoundNamespace } from './inventory.js';
import { linkWithAddressesJson } from './iproute/address.js';
import { type Json, LinkNames } from './iproute/common.js';
import { linkJson } from './iproute/link.js';
import { tables } from './iproute/names.js';
import { isShown, neighbourJson } from './iproute/neighbour.js';
import { routeJson } from './iproute/route.js';
import { ruleJson } from './iproute/rule.js';

/** What can be printed. */
export const tableNames = ['link', 'address', 'route', 'neighbour', 'rule'] as const;
export type TableName = (typeof tableNames)[number];

export interface TableOptions {
  /** As `ip -d`. */
  readonly details?: boolean | undefined;
  /** Routes and rules are of IPv4 unless told otherwise, as those of iproute2; the rest of both. */
  readonly families?: readonly ('inet' | 'inet6')[] | undefined;
  /** Table of routes, by name or number; `all` for every one. `main` by default. */
  readonly table?: string | undefined;
}

/** The rows of one namespace's table, as `ip -j` prints them. */
export interface NamespaceTable {
  readonly namespace: FoundNamespace;
  readonly rows: readonly Json[];
}

type Reader = (network: Network, links: LinkNames, options: TableOptions) => Promise<Json[]>;

function tableNumber(text: string): number {
  const number = tables.number(text);
  if (number === undefined || number > 0xffff_ffff)
    throw new InspectError('ERR_INVALID_SELECTOR', `there is no routing table ${JSON.stringify(text)}`);
  return number;
}

/** The families in the kernel's order; `otherwise` where none is asked for. */
function familiesOf(
  { families = [] }: TableOptions,
  otherwise: readonly ('inet' | 'inet6')[],
): ('inet' | 'inet6')[] {
  const wanted = families.length > 0 ? families : otherwise;
  return (['inet', 'inet6'] as const).filter((family) => wanted.includes(family));
}

const both = ['inet', 'inet6'] as const;

async function everyFamily<T>(
  families: readonly ('inet' | 'inet6')[],
  read: (family: 'inet' | 'inet6') => PromiseLike<T[]>,
): Promise<T[]> {
  const all: T[] = [];
  for (const family of families) all.push(...(await read(family)));
  return all;
}

const readers: Readonly<Record<TableName, Reader>> = {
  link: async (network, links, options) =>
    (await network.links.list()).map((link) => linkJson(link, links, options)),
  address: async (network, links, options) => {
    const addresses = await everyFamily(familiesOf(options, both), (family) =>
      network.addresses.list({ family }),
    );
    const chosen = options.families === undefined || options.families.length === 0;
    return (await network.links.list())
      .filter(({ index }) => chosen || addresses.some((one) => one.index === index))
      .map((link) => linkWithAddressesJson(link, links, addresses, options));
  },
  route: async (network, links, { details, table = 'main', ...options }) => {
    const number = table === 'all' ? undefined : tableNumber(table);
    // as iproute2 has it: every table means every family
    const families = familiesOf(options, number === undefined ? both : ['inet']);
    const routes = await everyFamily(families, async (family) => {
      try {
        return await network.routes.list(number === undefined ? { family } : { family, table: number });
      } catch (error) {
        // a table that has never had a route
        if (error instanceof NetlinkError && error.code === 'ENOENT') return [];
        throw error;
      }
    });
    return routes
      .filter(({ flags }) => !(flags as readonly (string | number)[]).includes('cloned'))
      .map((route) => routeJson(route, links, { details, tables: number === undefined }));
  },
  neighbour: async (network, links, options) => {
    const all = await everyFamily(familiesOf(options, both), (family) => network.neighbours.list({ family }));
    return all.filter(isShown).map((neighbour) => neighbourJson(neighbour, links));
  },
  rule: async (network, _links, options) => {
    const rules = await everyFamily(familiesOf(options, ['inet']), (family) =>
      network.rules.list({ family }),
    );
    return rules.map((rule) => ruleJson(rule, options));
  },
};

/**
 * Reads one kind of table in each namespace. What cannot be read is told among the problems; namespaces that are gone
 * are left out. Throws InspectError for a routing table without a number.
 */
export async function readTables(
  name: TableName,
  namespaces: readonly FoundNamespace[],
  self: number,
  options: TableOptions = {},
): Promise<{ tables: NamespaceTable[]; problems: Problem[] }> {
  if (options.table !== undefined && options.table !== 'all') tableNumber(options.table);
  const problems: Problem[] = [];
  const all = await forEach(namespaces, async (namespace): Promise<NamespaceTable | undefined> => {
    try {
      await using network = await openNetwork(namespace, namespace.id.inode === self);
      const links = new LinkNames(await network.links.list());
      return { namespace, rows: await readers[name](network, links, options) };
    } catch (error) {
      if (!(error instanceof InspectError && error.code === 'ERR_NAMESPACE_VANISHED'))
        problems.push({ source: namespace.names[0] as string, message: reason(error) });
      return undefined;
    }
  });
  return { tables: all.filter((one) => one !== undefined), problems };
}
