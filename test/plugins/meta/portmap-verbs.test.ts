import { test } from 'tap';
import { CniHost, type Container, type Json } from '../support/host.js';
import { clean, configOf, iptables, mustRun, nftables, resultOf } from './support/portmap.js';

const mappings: Json[] = [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }];
const backends = ['nftables', 'iptables'] as const;

function publishedTo(host: CniHost): string[] {
  const text = [nftables(host), ...iptables(host)].join('\n');
  const targets = text.match(/(dnat to|--to-destination) [0-9.]+/g) ?? [];
  return [...new Set(targets.map((target) => target.split(' ').at(-1) as string))].sort();
}

test('GC: what belongs to no valid attachment of the network', { timeout: 60_000 }, async (t) => {
  for (const backend of backends) {
    const host = new CniHost(t);
    const container = host.container();
    const add = (id: string, address: string, name: string): void => {
      const one = Object.assign(Object.create(container) as Container, { id });
      const config = configOf(mappings, { name, backend, prevResult: resultOf(container, address) });
      mustRun(t, host, 'ADD', config, one);
    };
    const gc = (valid: Json[] | null, name = 'net'): void => {
      mustRun(t, host, 'GC', {
        cniVersion: '1.1.0',
        name,
        type: 'portmap',
        'cni.dev/valid-attachments': valid,
      });
    };
    gc(null);
    add('one', '10.66.0.2/24', 'net');
    add('two', '10.66.0.3/24', 'net');
    add('one', '10.67.0.4/24', 'network');
    gc([{ containerID: 'one', ifname: 'eth0' }]);
    t.same(publishedTo(host), ['10.66.0.2', '10.67.0.4'], backend);
    gc(null);
    t.same(publishedTo(host), ['10.67.0.4'], backend);
    gc([{ containerID: 'one', ifname: 'eth0' }], 'network');
    t.same(publishedTo(host), ['10.67.0.4'], backend);
    gc([], 'network');
    clean(t, host, backend);
  }
});

test('STATUS: can a backend be used?', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const config = (extra: Json = {}): Json => ({
    cniVersion: '1.1.0',
    name: 'net',
    type: 'portmap',
    ...extra,
  });
  for (const backend of [undefined, ...backends]) mustRun(t, host, 'STATUS', config({ backend }));
  t.match(host.run('ours', 'portmap', 'STATUS', config({ backend: 'x' })).json, { code: 7 });
  const refused = (backend: string | undefined): Json =>
    host.runRefused('portmap', 'STATUS', config({ backend }), host.container(), 1).json;
  t.match(refused('nftables'), { code: 50, msg: /^nftables cannot be used: / });
  t.same(refused(undefined), {}, 'there is iptables yet');
  // a host without iptables, seen from a mount namespace where it cannot be executed
  const script = 'mount --bind /dev/null "$(readlink -f "$(command -v iptables-restore)")" && exec "$@"';
  const without = (command: string, input: Json, container?: Container): Json => {
    const text = host.lab.run(
      'unshare',
      '-m',
      'sh',
      '-c',
      `printf '%s' "$INPUT" | (${script}) 2>/dev/null || true`.replace('INPUT', '0'),
      JSON.stringify(input),
      'env',
      `CNI_COMMAND=${command}`,
      `CNI_CONTAINERID=${container?.id ?? ''}`,
      `CNI_NETNS=${container?.lab.path ?? ''}`,
      'CNI_IFNAME=eth0',
      'CNI_PATH=/nowhere',
      host.file('ours', 'portmap'),
    );
    return text === '' ? {} : (JSON.parse(text) as Json);
  };
  const missing = { code: 50, msg: 'iptables cannot be used: iptables-restore is not installed' };
  t.match(without('STATUS', config({ backend: 'iptables' })), missing);
  t.match(without('STATUS', config({ externalSetMarkChain: 'X' })), missing);
  t.same(without('STATUS', config()), {});
  const container = host.container();
  const ports = (extra: Json): Json =>
    configOf(mappings, { prevResult: resultOf(container, '10.66.0.2/24'), ...extra });
  t.match(without('ADD', ports({ backend: 'iptables' }), container), {
    code: 999,
    msg: /^failed to open iptables: failed to locate iptables/,
  });
  t.match(without('ADD', ports({}), container), { ips: [{}] });
  t.same(publishedTo(host), ['10.66.0.2']);
  t.same(without('DEL', ports({ backend: 'iptables' }), container), {});
  clean(t, host, 'DEL without iptables');
});

test('versions; which backend', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const container = host.container();
  t.match(host.run('ours', 'portmap', 'VERSION', {}).json, {
    supportedVersions: ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'],
  });
  for (const cniVersion of ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0']) {
    const legacy = cniVersion < '0.3.0';
    const prevResult = legacy
      ? { cniVersion, ip4: { ip: '10.66.0.2/24' } }
      : { cniVersion, ips: [{ version: '4', address: '10.66.0.2/24' }] };
    const config = configOf(mappings, { cniVersion, prevResult });
    const { json } = mustRun(t, host, 'ADD', config, container);
    t.match(json, legacy ? { cniVersion, ip4: { ip: '10.66.0.2/24' } } : { cniVersion, ips: [{}] });
    t.match(nftables(host), /tcp dport 8080 dnat to 10\.66\.0\.2:80/, 'nftables without a backend');
    mustRun(t, host, 'DEL', config, container);
  }
  const prevResult = resultOf(container, '10.66.0.2/24');
  for (const extra of [{ conditionsV4: ['!', '-s', '10.0.0.0/8'] }, { conditionsV6: ['-m', 'tcp'] }]) {
    mustRun(t, host, 'ADD', configOf(mappings, { prevResult, ...extra }), container);
    t.match(iptables(host).join('\n'), /CNI-DN-/, 'iptables for its conditions');
    mustRun(t, host, 'DEL', configOf(mappings), container);
    clean(t, host, 'DEL');
  }
});
