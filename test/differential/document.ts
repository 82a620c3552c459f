import type { Difference } from './difference.js';
import { differences } from './differences.js';
import { tables } from './tables/index.js';

const cell = (text: string): string => text.replaceAll('|', '\\|');

function section(plugin: string): string[] {
  const own = differences.filter((difference) => difference.plugin === plugin);
  if (own.length === 0) return [];
  const title = plugin === 'all' ? 'All plugins' : plugin;
  return [
    `## ${title}`,
    '',
    '| Netloom | why | shown by |',
    '|---|---|---|',
    ...own.map((one) => `| ${cell(one.what)} | ${cell(one.reason)} | ${shownBy(one)} |`),
    '',
  ];
}

function shownBy({ shownBy: runs, until }: Difference): string {
  const shown = runs.length === 0 ? 'chance' : runs.map((id) => `\`${id}\``).join(', ');
  return until === undefined ? shown : `${shown}; not with ${until}`;
}

/** docs/differences.md, which is made of differences.ts and the tables. */
export function document(): string {
  const plugins = [...new Set(differences.map(({ plugin }) => plugin))].sort((a, b) =>
    a === 'all' ? -1 : b === 'all' ? 1 : a < b ? -1 : 1,
  );
  const rows = tables.reduce((sum, table) => sum + table.rows.length, 0);
  return [
    '# Differences from the reference plugins',
    '',
    `\`test/differential\` gives ${rows} configurations to both sides, Netloom and the reference binaries, in namespaces that are`,
    'twins, and compares answers, links, addresses, routes, rules, queueing disciplines, filters, sysctls, rules of iptables and',
    'nftables, and files: after ADD, after CHECK, after DEL. What follows is every difference that is intended; the tests fail at',
    'one that is not listed, and when a listed one does not occur any more.',
    '',
    'The reference is Debian 12’s containernetworking-plugins 1.1.1, or what `NETLOOM_REFERENCE=DIR` names; "not with 1.9.1" tells',
    'that this version of the reference does as Netloom does. Made by `node scripts/differences.mjs` from',
    'test/differential/differences.ts.',
    '',
    ...plugins.flatMap(section),
  ].join('\n');
}
