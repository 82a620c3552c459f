import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import type { Lab } from '../../../support/lab.js';
import { CniHost, type Container, type Json, type Outcome, type Side } from '../../support/host.js';

export const FOUR = '192.0.2.1';
export const SIX = '2001:db8::1';
export const OUTSIDE = '192.0.2.9';
export const OUTSIDE_SIX = '2001:db8::9';

/** A host with an address that the outside knows, and somebody out there. */
export function hostWithOutside(t: Test): { host: CniHost; outside: Container } {
  const host = new CniHost(t);
  const outside = host.container();
  host.lab.run('ip', 'link', 'add', 'up0', 'type', 'veth', 'peer', 'eth9', 'netns', outside.lab.name);
  for (const [lab, device, four, six] of [
    [host.lab, 'up0', FOUR, SIX],
    [outside.lab, 'eth9', OUTSIDE, OUTSIDE_SIX],
  ] as const) {
    lab.run('ip', 'address', 'add', `${four}/24`, 'dev', device);
    lab.run('ip', 'address', 'add', `${six}/64`, 'dev', device, 'nodad');
    lab.run('ip', 'link', 'set', device, 'up');
  }
  return { host, outside };
}

/** A network of bridge or ptp, with both families and a default route. With br_netfilter a container reaches itself over the port it came from. */
export function networkOf(host: CniHost, type: string, extra: Json = {}): Json {
  return {
    cniVersion: '1.1.0',
    name: 'net',
    type,
    ...(type === 'bridge' ? { bridge: 'cni0', isGateway: true, hairpinMode: true } : {}),
    ipam: {
      type: 'host-local',
      dataDir: host.dataDir,
      ranges: [[{ subnet: '10.66.0.0/24' }], [{ subnet: 'fd00:66::/64' }]],
      routes: [{ dst: '0.0.0.0/0' }, { dst: '::/0' }],
    },
    ...extra,
  };
}

export function configOf(portMappings: unknown, extra: Json = {}): Json {
  return { cniVersion: '1.1.0', name: 'net', type: 'portmap', runtimeConfig: { portMappings }, ...extra };
}

/** A result as plugins before have it. */
export function resultOf(container: Container, ...addresses: string[]): Json {
  return {
    cniVersion: '1.0.0',
    interfaces: [{ name: 'cni0' }, { name: 'eth0', sandbox: container.lab.path }],
    ips: addresses.map((address) => ({ address, interface: 1 })),
  };
}

export function mustRun(
  t: Test,
  host: CniHost,
  command: string,
  config: Json,
  container?: Container,
  { side = 'ours', extra = {} }: { side?: Side; extra?: NodeJS.ProcessEnv } = {},
): Outcome {
  const outcome = host.run(side, String(config.type), command, config, container, extra);
  const said = outcome.status === 0 ? '' : `: ${outcome.stdout}${outcome.stderr}`;
  t.equal(outcome.status, 0, `${side} ${command}${said}`);
  return outcome;
}

const script = (name: string): string => fileURLToPath(new URL(`${name}.js`, import.meta.url));

/** Has somebody answer on ports of a namespace, until the test ends. */
export async function serve(t: Test, { namespace }: Lab, name: string, ...ports: number[]): Promise<void> {
  const args = [script('echo-server'), name, ...ports.map(String)];
  const child = namespace.run(() => spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] }));
  t.teardown(() => child.kill());
  await once(child.stdout, 'data');
}

/** Who answers at `tcp/192.0.2.1/8080` …: `null` for nobody. */
export function ask(lab: Lab, ...targets: string[]): (string | null)[] {
  return JSON.parse(lab.run(process.execPath, script('echo-client'), ...targets)) as (string | null)[];
}

export function nftables({ lab }: CniHost): string {
  return lab.run('nft', 'list', 'ruleset');
}

/** Lines of a chain of nftables, without their comments. */
export function chainOf(host: CniHost, chain: string, family = 'ip'): string[] {
  const [, body = ''] =
    new RegExp(`chain ${chain} \\{\\n([^}]*(?:\\{[^}]*\\}[^}]*)*)\\n\\t\\}`).exec(
      host.lab.run('nft', 'list', 'chain', family, 'cni_hostport', chain),
    ) ?? [];
  return body
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('type '));
}

export function iptables({ lab }: CniHost, program = 'iptables-save'): string[] {
  return lab
    .run(program, '-t', 'nat')
    .split('\n')
    .filter((line) => line.startsWith('-A') || line.startsWith(':CNI'))
    .map((line) => line.replace(/ \[\d+:\d+\]$/, ''));
}

/** Nothing of portmap is left. */
export function clean(t: Test, host: CniHost, what: string): void {
  t.notMatch(nftables(host), /cni_hostport/, `${what}: nftables`);
  for (const program of ['iptables-save', 'ip6tables-save']) {
    t.notMatch(iptables(host, program).join('\n'), /CNI-/, `${what}: ${program}`);
  }
}
