import {
  type DescribedNamespace,
  describe,
  type Inventory,
  inventory,
  linksByNsid,
  ownerText,
  parseSelector,
  printableJson,
  select,
} from '../../inspect/index.js';
import { complaints } from '../complaints.js';
import { withProgress } from '../progress.js';
import { some, tableText } from '../table.js';

export interface ListOptions {
  readonly json?: boolean;
  /** False: neither engines nor their files are asked. */
  readonly engines?: boolean;
}

/** Version of the JSON's shape; additions do not change it. */
const SCHEMA_VERSION = 1;

const global = 0;

/** Addresses that others may reach it by, as CIDR. */
function addressesOf({ addresses = [] }: DescribedNamespace): string[] {
  return addresses.filter(({ scope }) => scope === global).map(({ address }) => address);
}

/** Names of interfaces; `lo` only where there is nothing else. */
function interfacesOf({ links = [] }: DescribedNamespace): string[] {
  const names = links.map(({ ifname }) => ifname);
  const others = names.filter((name) => name !== 'lo');
  return others.length > 0 ? others : names;
}

function row(one: DescribedNamespace): string[] {
  const { id, nsid, names, owner, processes, problem } = one;
  return [
    String(id.inode),
    nsid === undefined ? '-' : String(nsid),
    some(names, 3),
    ownerText(owner),
    String(processes.length),
    problem === undefined ? some(interfacesOf(one), 4) : '?',
    problem === undefined ? some(addressesOf(one), 3) : '?',
  ];
}

function unreachedRow(number: number): string[] {
  let interfaces = '?';
  try {
    interfaces = some(
      linksByNsid(number).map(({ ifname }) => ifname),
      4,
    );
  } catch {
    // only its number is known
  }
  return ['-', String(number), `nsid:${number}`, '?', '?', interfaces, '?'];
}

const titles = ['ID', 'NSID', 'NAME', 'OWNER', 'PROCESSES', 'INTERFACES', 'ADDRESSES'];

function asJson(one: DescribedNamespace): object {
  const { id, path, names, nsid, owner, processes, references, links, addresses, problem } = one;
  return {
    id: `net:[${id.inode}]`,
    inode: id.inode,
    device: id.device,
    nsid: nsid ?? null,
    names,
    owner,
    path,
    processes,
    references,
    interfaces:
      links?.map(({ index, ifname, kind, address, mtu, up, operstate }) => ({
        index,
        name: ifname,
        kind,
        mac: address,
        mtu,
        up,
        operstate,
        addresses: addresses?.filter((one) => one.index === index).map(({ address }) => address) ?? [],
      })) ?? null,
    ...(problem === undefined ? {} : { problem: problem.message }),
  };
}

/** What `netloom ns ls` prints, and what it complains about. */
export async function listNamespaces(
  texts: readonly string[],
  options: ListOptions,
): Promise<{ text: string; complaints: string[] }> {
  const work = async (): Promise<{ found: Inventory; all: DescribedNamespace[] }> => {
    const found = await inventory({ engines: options.engines ?? true });
    const chosen =
      texts.length === 0
        ? found.namespaces
        : [...new Set(texts.map((text) => select(parseSelector(text), text, found)))];
    return { found, all: await describe(chosen, found.self.inode) };
  };
  const { found, all } = await withProgress('Reading namespaces', work());
  const unreached = texts.length === 0 ? found.unreached : [];
  const dangling = found.dangling.map(({ path, target }) =>
    target === undefined
      ? `${path}: nothing is mounted there any more`
      : `${path}: leads to ${target}, which is gone`,
  );
  const own = all.flatMap(({ problem }) => problem ?? []);
  if (options.json) {
    const document = {
      schemaVersion: SCHEMA_VERSION,
      namespaces: all.map(asJson),
      unreached: unreached.map((nsid) => ({ nsid })),
      dangling: found.dangling,
      problems: found.problems,
    };
    return { text: printableJson(JSON.stringify(document)), complaints: [] };
  }
  const rows = [...all.map(row), ...unreached.map(unreachedRow)];
  return {
    text: tableText(titles, rows),
    complaints: [...complaints([...found.problems, ...own]), ...dangling],
  };
}
