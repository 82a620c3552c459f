import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { CniHost, type Container, type Json, type Side } from '../../support/host.js';

/** A host, and a container with a veth pair. */
export function labOf(t: Test): { host: CniHost; container: Container; dataDir: string } {
  const host = new CniHost(t);
  return { host, container: podOf(host), dataDir: join(host.directory, 'tuning') };
}

/** A container with a veth pair. */
export function podOf(host: CniHost): Container {
  const container = host.container();
  const { lab } = container;
  host.lab.run(
    'ip',
    'link',
    'add',
    `h${container.id}`.slice(0, 15),
    'up',
    'type',
    'veth',
    'peer',
    'eth0',
    'netns',
    lab.name,
  );
  lab.run('ip', 'link', 'set', 'eth0', 'up');
  return container;
}

export function configOf(dataDir: string, extra: Json = {}): Json {
  return {
    cniVersion: '1.0.0',
    name: 'net',
    type: 'tuning',
    dataDir,
    prevResult: {
      cniVersion: '1.0.0',
      interfaces: [
        { name: 'h0', mac: 'aa:bb:cc:dd:ee:ff' },
        { name: 'eth0', mac: '02:00:00:00:00:01', sandbox: '/run/netns/some' },
      ],
    },
    ...extra,
  };
}

export const SYSCTLS = {
  'net.ipv4.conf.IFNAME.arp_filter': '1',
  'net.ipv4.ip_local_port_range': '20000 30000',
  'net/core/somaxconn': '500',
};

export function sysctl({ lab }: Container, name: string): string {
  return lab.run('sysctl', '-n', name).trim();
}

/** Sysctls of `SYSCTLS`, and what ip says of the interface. */
export function tuned(container: Container): Json {
  const [link] = container.lab.ip('link', 'show', 'eth0') as [Json & { flags: string[] }];
  const { address, mtu, txqlen, flags } = link;
  return {
    address,
    mtu,
    txqlen,
    promisc: flags.includes('PROMISC'),
    allmulti: flags.includes('ALLMULTI'),
    arpFilter: sysctl(container, 'net.ipv4.conf.eth0.arp_filter'),
    ports: sysctl(container, 'net.ipv4.ip_local_port_range'),
    somaxconn: sysctl(container, 'net.core.somaxconn'),
  };
}

/** Files of saved settings, with their content. */
export function savedIn(dataDir: string): Record<string, Json> {
  if (!existsSync(dataDir)) return {};
  return Object.fromEntries(
    readdirSync(dataDir).map((name) => [name, JSON.parse(readFileSync(join(dataDir, name), 'utf8')) as Json]),
  );
}

export function mustRun(
  t: Test,
  host: CniHost,
  side: Side,
  command: string,
  config: Json,
  container: Container,
  extra: NodeJS.ProcessEnv = {},
): Json {
  const done = host.run(side, 'tuning', command, config, container, extra);
  t.equal(done.status, 0, `${side} ${command}: ${done.stdout}${done.stderr}`);
  return done.json;
}
