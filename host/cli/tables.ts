import { statSync } from 'node:fs';
import { stderr } from 'node:process';
import {
  type NamespaceTable,
  printableJson,
  readTables,
  resolveSelectors,
  type TableName,
} from '../inspect/index.js';
import { complaints } from './complaints.js';
import { withProgress } from './progress.js';
import { tableText } from './table.js';

export interface TableCommandOptions {
  readonly all?: boolean;
  readonly json?: boolean;
  readonly details?: boolean;
  readonly inet?: boolean;
  readonly inet6?: boolean;
  readonly table?: string;
}

type Json = Readonly<Record<string, unknown>>;
type Cell = (row: Json) => string;

/** A cell of what is under a key; a dash for nothing. */
const at =
  (key: string): Cell =>
  (row) => {
    const value = row[key];
    if (value === undefined || value === null || value === '') return '-';
    return Array.isArray(value) ? value.join(',') || '-' : String(value);
  };

const kindOf: Cell = ({ linkinfo }) => {
  const { info_kind: kind } = (linkinfo ?? {}) as { info_kind?: string };
  return kind ?? '-';
};

/** The link below, or the number of the other end in another namespace. */
const belowOf: Cell = ({ link, link_index: index, link_netnsid: nsid }) =>
  index !== undefined
    ? `if${index}${nsid === undefined ? '' : ` in nsid ${nsid}`}`
    : link
      ? String(link)
      : '-';

const prefixOf =
  (key: 'src' | 'dst'): Cell =>
  (row) =>
    row[key] === undefined
      ? '-'
      : `${row[key]}${row[`${key}len`] === undefined ? '' : `/${row[`${key}len`]}`}`;

const gatewayOf: Cell = ({ gateway, via, nexthops }) => {
  if (Array.isArray(nexthops)) return nexthops.map(gatewayOf).join(',');
  return String(gateway ?? (via as { host?: string } | undefined)?.host ?? '-');
};

const deviceOf: Cell = (row) => {
  const hops = row.nexthops;
  return Array.isArray(hops) ? hops.map((hop: Json) => at('dev')(hop)).join(',') : at('dev')(row);
};

/** What a rule does: looks up a table, or an action. */
const doneBy: Cell = (row) => {
  if (row.table !== undefined) return `lookup ${row.table}`;
  if (row.goto !== undefined) return `goto ${row.goto}`;
  return 'nop' in row ? 'nop' : 'l3mdev' in row ? 'lookup l3mdev' : at('action')(row);
};

/** What else a rule asks for. */
const conditions: Cell = (row) => {
  const shown = [
    'fwmark',
    'fwmask',
    'iif',
    'oif',
    'ipproto',
    'sport',
    'sport_start',
    'sport_end',
    'dport',
    'dport_start',
    'dport_end',
    'tos',
    'uid_start',
    'uid_end',
  ]
    .filter((key) => row[key] !== undefined)
    .map((key) => `${key} ${String(row[key])}`);
  return [...('not' in row ? ['not'] : []), ...shown].join(' ') || '-';
};

const columns: Readonly<Record<TableName, readonly (readonly [title: string, cell: Cell])[]>> = {
  link: [
    ['INDEX', at('ifindex')],
    ['NAME', at('ifname')],
    ['KIND', kindOf],
    ['STATE', at('operstate')],
    ['MTU', at('mtu')],
    ['MASTER', at('master')],
    ['ON', belowOf],
    ['ADDRESS', at('address')],
    ['FLAGS', at('flags')],
  ],
  address: [
    ['DEVICE', at('ifname')],
    ['STATE', at('operstate')],
    ['ADDRESS', (row) => `${row.local}/${row.prefixlen}`],
    ['PEER', at('address')],
    ['SCOPE', at('scope')],
    ['BROADCAST', at('broadcast')],
  ],
  route: [
    ['TYPE', (row) => String(row.type ?? 'unicast')],
    ['DESTINATION', at('dst')],
    ['GATEWAY', gatewayOf],
    ['DEVICE', deviceOf],
    ['SOURCE', at('prefsrc')],
    ['METRIC', at('metric')],
    ['PROTOCOL', (row) => String(row.protocol ?? 'boot')],
    ['TABLE', (row) => String(row.table ?? 'main')],
  ],
  neighbour: [
    ['ADDRESS', at('dst')],
    ['DEVICE', at('dev')],
    ['HARDWARE', at('lladdr')],
    ['STATE', at('state')],
  ],
  rule: [
    ['PRIORITY', at('priority')],
    ['FROM', prefixOf('src')],
    ['TO', prefixOf('dst')],
    ['IF', conditions],
    ['ACTION', doneBy],
  ],
};

/** Rows for people: of a link with several addresses one each. */
function spread(name: TableName, row: Json): Json[] {
  if (name !== 'address') return [row];
  const {
    ifname,
    operstate,
    addr_info: all,
  } = row as { ifname?: unknown; operstate?: unknown; addr_info: Json[] };
  return all.map((address) => ({ ...address, ifname, operstate }));
}

function asText(name: TableName, read: readonly NamespaceTable[], { table }: TableCommandOptions): string {
  const shown = columns[name];
  const named = read.flatMap(({ namespace, rows }) =>
    rows
      .flatMap((row) => spread(name, row))
      .map((row) => [
        namespace.names[0] as string,
        ...shown.map(([, cell]) =>
          cell(name === 'route' && table !== undefined && table !== 'all' ? { table, ...row } : row),
        ),
      ]),
  );
  return tableText(['NETNS', ...shown.map(([title]) => title)], named);
}

/** `netloom link|address|route|neighbour|rule`: what to print, and what to complain about. */
export async function tableCommand(
  name: TableName,
  texts: readonly string[],
  options: TableCommandOptions,
): Promise<string> {
  const work = async (): ReturnType<typeof readTables> => {
    const namespaces = await resolveSelectors(texts, { all: options.all ?? false });
    const { ino: self } = statSync('/proc/thread-self/ns/net');
    const families = [
      ...(options.inet ? (['inet'] as const) : []),
      ...(options.inet6 ? (['inet6'] as const) : []),
    ];
    // what kind of link it is, is a detail to iproute2, and a column here
    const details = options.json ? options.details : true;
    return await readTables(name, namespaces, self, { details, families, table: options.table });
  };
  const { tables, problems } = await withProgress('Reading namespaces', work());
  for (const complaint of complaints(problems)) stderr.write(`netloom: ${complaint}\n`);
  if (problems.length > 0 && tables.length === 0) process.exitCode = 1;
  if (!options.json) return asText(name, tables, options);
  const own = texts.length === 0 && !options.all;
  const rows = tables.flatMap(({ namespace, rows }) =>
    rows.map((row) => (own ? row : { netns: namespace.names[0], ...row })),
  );
  return printableJson(JSON.stringify(rows));
}
