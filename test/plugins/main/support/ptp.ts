import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import type { CniHost, Container, Json, Outcome } from '../../support/host.js';

export function configOf(host: CniHost, extra: Json = {}): Json {
  return {
    cniVersion: '1.1.0',
    name: 'net',
    type: 'ptp',
    ipMasq: true,
    ipam: {
      type: 'host-local',
      subnet: '10.64.0.0/24',
      dataDir: host.dataDir,
      routes: [{ dst: '0.0.0.0/0' }],
    },
    ...extra,
  };
}

export function leases(host: CniHost): string[] {
  const directory = join(host.dataDir, 'net');
  return existsSync(directory)
    ? readdirSync(directory).filter((name) => !/^(lock|last_reserved_ip\..*)$/.test(name))
    : [];
}

export function linkNames(side: { state(): Json }): string[] {
  return (side.state() as { links: { ifname: string }[] }).links.map(({ ifname }) => ifname);
}

/** Nothing is left on the host of what plugins make. */
export function clean(t: Test, host: CniHost, what: string): void {
  const { links, addresses, routes, iptables, nftables } = host.state() as {
    links: Json[];
    addresses: Json[];
    routes: Json[];
    iptables: { ip: string[]; ip6: string[] };
    nftables: string;
  };
  t.same(
    links.map(({ ifname }) => ifname),
    ['lo'],
    `${what}: links`,
  );
  t.same(
    [...addresses.map(({ ifname: dev }) => dev), ...routes.map(({ dev }) => dev)].filter(
      (dev) => dev !== 'lo',
    ),
    [],
    `${what}: addresses and routes`,
  );
  t.notMatch(nftables, /cni|CNI/, `${what}: nftables`);
  t.notOk(
    [...iptables.ip, ...iptables.ip6].some((line) => line.includes('CNI-')),
    `${what}: iptables`,
  );
  t.same(leases(host), [], `${what}: leases`);
}

export function add(
  t: Test,
  host: CniHost,
  config: Json,
  container: Container,
  extra: NodeJS.ProcessEnv = {},
): Json {
  const { status, json, stdout, stderr } = host.run('ours', 'ptp', 'ADD', config, container, extra);
  t.equal(status, 0, stdout + stderr);
  return json;
}

export function succeeds(t: Test, { status, stdout, stderr }: Outcome, what: string): void {
  t.equal(status, 0, `${what}: ${stdout}${stderr}`);
}
