import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Test } from 'tap';
import type { Lab } from '../../../support/lab.js';
import type { CniHost, Container, Json, Outcome } from '../../support/host.js';

/** The link of the host that containers' links are stacked on, and its address where tests give it one. */
export const MASTER = 'up0';

/** Gives the host a link to a neighbour: another container, whose end is `eth9`. */
export function connect(host: CniHost, lab: Lab = host.lab, master = MASTER): Container {
  const neighbour = host.container();
  lab.run('ip', 'link', 'add', master, 'type', 'veth', 'peer', 'name', 'eth9', 'netns', neighbour.lab.name);
  lab.run('ip', 'link', 'set', master, 'up');
  neighbour.lab.run('ip', 'link', 'set', 'eth9', 'up');
  return neighbour;
}

export function leases(host: CniHost): string[] {
  const directory = join(host.dataDir, 'net');
  return existsSync(directory)
    ? readdirSync(directory).filter((name) => !/^(lock|last_reserved_ip\..*)$/.test(name))
    : [];
}

export function linkNames(side: { state(): Json }): string[] {
  return (side.state() as { links: { ifname: string }[] }).links.map(({ ifname }) => ifname).sort();
}

/** Neither interfaces nor leases are left. */
export function gone(t: Test, host: CniHost, container: Container, what: string): void {
  t.same(linkNames(container), ['lo'], `${what}: links of the container`);
  t.same(linkNames(host), ['lo', MASTER], `${what}: links of the host`);
  t.same(leases(host), [], `${what}: leases`);
}

export function succeeds(t: Test, { status, stdout, stderr }: Outcome, what: string): void {
  t.equal(status, 0, `${what}: ${stdout}${stderr}`);
}

/** What a kind of link has of its own, as `ip -d link` tells it. */
export function kindData({ lab }: Container, ifname = 'eth0'): Json {
  const [link] = lab.ip('link', 'show', ifname) as {
    linkinfo: { info_kind: string; info_data: Json };
    inet6_addr_gen_mode: string;
  }[];
  const { info_kind: kind, info_data: data } = link?.linkinfo ?? { info_kind: '', info_data: {} };
  return { kind, ...data };
}

export function notifications({ lab }: Container, ifname = 'eth0'): string[] {
  return [`net.ipv4.conf.${ifname}.arp_notify`, `net.ipv6.conf.${ifname}.ndisc_notify`].map((key) =>
    lab.run('sysctl', '-n', key).trim(),
  );
}

/** The kernel notices within a second that a link is up. */
export async function linksUp(...labs: Lab[]): Promise<void> {
  const isSettling = (): boolean =>
    labs.some((lab) =>
      lab
        .ip('link', 'show', 'up')
        .some(({ operstate }: Json) => operstate === 'DOWN' || operstate === 'LOWERLAYERDOWN'),
    );
  for (let i = 0; i < 60 && isSettling(); i++) await sleep(50);
}
