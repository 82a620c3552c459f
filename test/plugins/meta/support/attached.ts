import type { CniHost, Container, Json } from '../../support/host.js';
import { iptables, nftables } from './portmap.js';

export const FOUR = '10.66.0.2/24';
export const SIX = 'fd00:66::2/64';
export const backends = ['nftables', 'iptables'] as const;
export const mappings: Json[] = [
  { hostPort: 8080, containerPort: 80, protocol: 'tcp' },
  { hostPort: 8081, containerPort: 81, protocol: 'udp' },
];

/** A container whose interfaces lead to the host, with the addresses that results tell. */
export function attached(
  host: CniHost,
  interfaces: Record<string, string[]> = { eth0: [FOUR, SIX] },
): Container {
  const container = host.container();
  Object.entries(interfaces).forEach(([name, addresses], i) => {
    const peer = `h${i}-${container.id.slice(-4)}`;
    host.lab.run('ip', 'link', 'add', peer, 'type', 'veth', 'peer', name, 'netns', container.lab.name);
    host.lab.run('ip', 'link', 'set', peer, 'up');
    container.lab.run('ip', 'link', 'set', name, 'up');
    for (const address of addresses) {
      const own = address.replace(/([.:])\d+\//, '$11/');
      const settled = address.includes(':') ? ['nodad'] : [];
      container.lab.run('ip', 'address', 'add', address, 'dev', name, ...settled);
      host.lab.run('ip', 'address', 'add', own, 'dev', peer, ...settled);
    }
  });
  return container;
}

/** What is published: a line for each mapping, of whichever backend. */
export function published(host: CniHost): string[] {
  const tables = nftables(host)
    .split(/^table /m)
    .filter((table) => table.includes('cni_hostport'));
  const translations = [
    ...tables.join('').split('\n'),
    ...iptables(host),
    ...iptables(host, 'ip6tables-save'),
  ];
  return translations.filter((line) => / dnat to | -j DNAT /.test(line)).map((line) => line.trim());
}
