import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'tap';
import { Lab } from '../../support/lab.js';
import type { Json } from '../support/host.js';
import { limited, nothing } from './support/bandwidth.js';

const netloom = fileURLToPath(new URL('../../../host/cli/main.js', import.meta.url));

const MAC = '02:00:00:00:00:77';
/** As a runtime of Kubernetes gives them. */
const BURST = 2 ** 31 - 1;
const capabilities = {
  bandwidth: { ingressRate: 8_000_000, ingressBurst: BURST, egressRate: 4_000_000, egressBurst: BURST },
};

test('bridge, bandwidth and tuning in a list', { timeout: 60_000 }, async (t) => {
  const host = new Lab(t, 'host');
  const [pod, other] = [new Lab(t, 'pod'), new Lab(t, 'pod')];
  const directory = mkdtempSync(join(tmpdir(), 'nl-conf-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const leases = join(directory, 'leases');
  const saved = join(directory, 'tuning');
  const bridge = {
    type: 'bridge',
    bridge: 'br-limited',
    isGateway: true,
    ipam: {
      type: 'host-local',
      dataDir: leases,
      ranges: [[{ subnet: '10.77.0.0/24' }], [{ subnet: 'fd77::/64' }]],
    },
  };
  const bandwidth = { type: 'bandwidth', capabilities: { bandwidth: true }, maxBurst: 800_000 };
  const tuning = {
    type: 'tuning',
    capabilities: { mac: true },
    dataDir: saved,
    mtu: 1400,
    sysctl: { 'net.core.somaxconn': '500', 'net.ipv4.conf.IFNAME.arp_filter': '1' },
  };
  const list = (name: string, plugins: Json[]): void => {
    writeFileSync(
      join(directory, `${name}.conflist`),
      JSON.stringify({ cniVersion: '1.1.0', name, plugins }),
    );
  };
  list('limited', [bridge, bandwidth, tuning]);
  list('broken', [
    bridge,
    bandwidth,
    { ...tuning, sysctl: { ...tuning.sysctl, 'net.ipv4.ip_forward': 'no' } },
  ]);
  const cache = join(directory, 'cache');
  const cni = (command: string, network: string, to: Lab, mac = MAC) =>
    host.namespace.run(() => {
      const where = ['--conf-dir', directory, '--cache-dir', cache];
      const args = [
        'cni',
        command,
        network,
        to.name,
        ...where,
        '--capabilities',
        JSON.stringify({ ...capabilities, mac }),
      ];
      return spawnSync(process.execPath, [netloom, ...args], { encoding: 'utf8' });
    });
  const somaxconn = pod.run('sysctl', '-n', 'net.core.somaxconn');

  const added = cni('add', 'limited', pod);
  t.equal(added.status, 0, added.stderr);
  const result = JSON.parse(added.stdout) as { interfaces: { name: string; mac: string }[] };
  const [, end, , ifb] = result.interfaces.map(({ name }) => name);
  t.match(result, {
    interfaces: [{ name: 'br-limited' }, {}, { name: 'eth0', mac: MAC, sandbox: pod.path }, { name: /^bwp/ }],
    ips: [
      { address: '10.77.0.2/24', interface: 2 },
      { address: 'fd77::2/64', interface: 2 },
    ],
  });
  t.match(pod.ip('link', 'show', 'eth0'), [{ address: MAC, mtu: 1400 }]);
  t.match(pod.run('sysctl', '-n', 'net.core.somaxconn', 'net.ipv4.conf.eth0.arp_filter'), /^500\n1\n/);
  t.match(limited({ lab: host }).qdiscs, [
    { kind: 'tbf', dev: end, options: { rate: 1_000_000, burst: 100_000 } },
    { kind: 'ingress', dev: end },
    { kind: 'tbf', dev: ifb, options: { rate: 500_000, burst: 100_000 } },
  ]);
  for (const gateway of ['10.77.0.1', 'fd77::1']) pod.run('ping', '-c1', '-W2', gateway);
  t.equal(cni('check', 'limited', pod).status, 0);
  t.equal(cni('add', 'limited', other, '02:00:00:00:00:78').status, 0);
  pod.run('ping', '-c1', '-W2', '10.77.0.3');
  t.equal(limited({ lab: host }).devices.length, 2);
  t.equal(readdirSync(saved).length, 2);

  host.run('ip', 'link', 'delete', String(ifb));
  t.match(cni('check', 'limited', pod), { status: 1, stderr: /get ifb device: Link not found/ });
  for (const one of [pod, other]) {
    const deleted = cni('del', 'limited', one);
    t.equal(deleted.status, 0, deleted.stderr);
    t.equal(cni('del', 'limited', one).status, 0);
  }
  const clean = (what: string): void => {
    t.same(limited({ lab: host }), nothing, what);
    t.same(host.ip('link').length, 1, what);
    t.same(existsSync(saved) ? readdirSync(saved) : [], [], what);
    t.equal(pod.run('sysctl', '-n', 'net.core.somaxconn'), somaxconn, what);
    t.same(readdirSync(join(cache, 'results')), [], what);
  };
  clean('nothing is left after DEL');
  // the last plugin of the list fails: what those before it made goes too
  const failed = cni('add', 'broken', pod);
  t.match(failed, { status: 1, stderr: /write \/proc\/sys\/net\/ipv4\/ip_forward: invalid argument/ });
  clean('nothing is left after an ADD that fails');
});
