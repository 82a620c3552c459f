import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'tap';
import { Lab } from '../support/lab.js';

const netloom = fileURLToPath(new URL('../../host/cli/main.js', import.meta.url));

test('the demonstration leaves nothing', { timeout: 60_000 }, async (t) => {
  const before = spawnSync('ip', ['-j', 'link'], { encoding: 'utf8' }).stdout;
  const { status, stdout, stderr } = spawnSync(process.execPath, [netloom, 'demo'], { encoding: 'utf8' });
  t.equal(status, 0, stdout + stderr);
  for (const line of [
    /^Network openfaas-cni-bridge: bridge, firewall$/m,
    /^ {2}ADD container 1 +[\d.]+ ms$/m,
    /eth0 10\.62\.0\.3\/16 gateway 10\.62\.0\.1/,
    /ip saddr 10\.62\.0\.2 ip daddr != 10\.62\.0\.0\/16 masquerade/,
    /ip saddr 10\.62\.0\.2 accept/,
    /^ {2}CHECK container 2/m,
    /nothing is left/,
  ]) {
    t.match(stdout, line);
  }
  t.equal(
    spawnSync('ip', ['-j', 'link'], { encoding: 'utf8' }).stdout,
    before,
    'the machine’s own network is as before',
  );
  t.notMatch(spawnSync('ip', ['netns'], { encoding: 'utf8' }).stdout, /netloom-/);
});

test('netloom cni add, check and del', { timeout: 60_000 }, async (t) => {
  const host = new Lab(t, 'host');
  const pod = new Lab(t, 'pod');
  const directory = mkdtempSync(join(tmpdir(), 'nl-conf-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const dataDir = join(directory, 'leases');
  const list = {
    cniVersion: '1.0.0',
    name: 'blue',
    plugins: [
      {
        type: 'bridge',
        bridge: 'br-blue',
        isGateway: true,
        ipMasq: true,
        ipam: { type: 'host-local', subnet: '10.7.0.0/24', dataDir },
      },
      { type: 'firewall' },
    ],
  };
  writeFileSync(join(directory, '10-blue.conflist'), JSON.stringify(list));
  const cache = join(directory, 'cache');
  const run = (...args: string[]) =>
    host.namespace.run(() =>
      spawnSync(process.execPath, [netloom, 'cni', ...args, '--conf-dir', directory, '--cache-dir', cache], {
        encoding: 'utf8',
      }),
    );
  const added = run('add', 'blue', pod.name, '--ifname', 'net0');
  t.equal(added.status, 0, added.stderr);
  t.match(JSON.parse(added.stdout), { cniVersion: '1.0.0', ips: [{ address: '10.7.0.2/24' }] });
  t.match(pod.ip('addr', 'show', 'net0')[0].addr_info[0], { local: '10.7.0.2' });
  pod.run('ping', '-c1', '-W2', '10.7.0.1');
  t.equal(run('check', 'blue', pod.path, '--ifname', 'net0').status, 0);
  pod.run('ip', 'addr', 'flush', 'dev', 'net0');
  t.match(run('check', 'blue', pod.name, '--ifname', 'net0'), {
    status: 1,
    stderr: /Failed to match addr 10.7.0.2\/24/,
  });
  t.equal(run('del', 'blue', pod.name, '--ifname', 'net0').status, 0);
  t.equal(run('del', 'blue', pod.name, '--ifname', 'net0').status, 0);
  t.same(readdirSync(join(cache, 'results')), []);
  t.equal(host.run('nft', 'list', 'ruleset'), '');
  t.same(
    host.ip('link').map(({ ifname }: { ifname: string }) => ifname),
    ['lo'],
  );
  t.match(run('add', 'red', pod.name), { status: 1, stderr: /no net configuration with name "red"/ });
  t.match(run('add', 'blue', 'nl-no-such-namespace'), { status: 1, stderr: /failed to open netns/ });
  t.match(run('add', 'blue', pod.name, '--args', 'K'), { status: 1, stderr: /invalid CNI_ARGS pair "K"/ });
});
