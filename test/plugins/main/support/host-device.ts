import { existsSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Test } from 'tap';
import type { CniHost, Container, Json } from '../../support/host.js';
import { connect, leases, linkNames, MASTER, succeeds } from './child-link.js';

export interface HostLink {
  readonly ifname: string;
  readonly address: string;
  readonly flags: string[];
  readonly ifalias?: string;
}

export function configOf(host: CniHost, extra: Json = {}): Json {
  return {
    cniVersion: '1.1.0',
    name: 'net',
    type: 'host-device',
    device: MASTER,
    dataDir: join(host.directory, 'devices'),
    ipam: { type: 'host-local', subnet: '10.66.0.0/24', dataDir: host.dataDir },
    ...extra,
  };
}

/** The host's device leads to a neighbour. */
export function connected(host: CniHost): Container {
  const neighbour = connect(host);
  neighbour.lab.run('ip', 'addr', 'add', '10.66.0.200/24', 'dev', 'eth9');
  neighbour.lab.run('ip', 'addr', 'add', 'fd00:66::200/64', 'dev', 'eth9', 'nodad');
  return neighbour;
}

export function hostLink({ lab }: Pick<CniHost, 'lab'>, name = MASTER): HostLink {
  return lab.ip('link', 'show', name)[0] as HostLink;
}

export function records(host: CniHost): string[] {
  const directory = join(host.directory, 'devices');
  return existsSync(directory) ? readdirSync(directory) : [];
}

/** The device is on the host as it was, and nothing else is anywhere. */
export function isBack(t: Test, host: CniHost, container: Container | undefined, what: string): void {
  if (container !== undefined) t.same(linkNames(container), ['lo'], `${what}: links of the container`);
  t.same(linkNames(host), ['lo', MASTER], `${what}: links of the host`);
  const { flags, ifalias } = hostLink(host);
  t.ok(flags.includes('UP'), `${what}: up`);
  t.equal(ifalias, undefined, `${what}: alias`);
  t.same(leases(host), [], `${what}: leases`);
  t.same(records(host), [], `${what}: records`);
}

export function add(
  t: Test,
  host: CniHost,
  config: Json,
  container: Container,
  extra: NodeJS.ProcessEnv = {},
): Json {
  const added = host.run('ours', 'host-device', 'ADD', config, container, extra);
  succeeds(t, added, 'ADD');
  return added.json;
}

/** A directory like /sys. Names with an arrow are symbolic links. */
export function fixture(root: string, ...entries: string[]): string {
  for (const entry of entries) {
    const [path = '', target] = entry.split(' -> ');
    if (target === undefined) mkdirSync(join(root, path), { recursive: true });
    else {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      symlinkSync(target, join(root, path));
    }
  }
  return root;
}
