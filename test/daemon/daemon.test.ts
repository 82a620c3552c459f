import { readdirSync } from 'node:fs';
import t from 'tap';
import type { Json } from '../plugins/support/host.js';
import { attach, DaemonHost, detach, openfaas } from './support/daemon-host.js';

const bookkeeping = /^(lock|last_reserved_ip\.\d+)$/;

function leases(host: DaemonHost): string[] {
  return readdirSync(`${host.dataDir}/openfaas-cni-bridge`).filter((name) => !bookkeeping.test(name));
}

t.test('the openfaas network, served by the daemon', async (t) => {
  const host = new DaemonHost(t);
  await host.startDaemon();
  const before = host.state();
  const configs = openfaas(host);
  const containers = [host.container(), host.container()];
  const results: Json[] = [];
  for (const container of containers) {
    const outcome = await attach(host, container, configs);
    t.equal(outcome.status, 0, outcome.stdout);
    t.equal(outcome.stderr, '');
    results.push(outcome.json);
    const own = container.lab.ip('address', 'show', 'dev', 'eth0')[0];
    const given = (outcome.json.ips as { address: string }[])[0]?.address;
    t.equal(`${own.addr_info[0].local}/16`, given, 'the address that the result tells');
    t.match(outcome.json.interfaces, [{}, {}, { name: 'eth0', sandbox: container.lab.path }]);
  }
  t.equal(await host.metric('netloom_calls_total{plugin="bridge",command="ADD",outcome="ok"}'), 2);
  t.equal(await host.metric('netloom_call_seconds_count{plugin="firewall",command="ADD"}'), 2);
  t.equal(leases(host).length, 2);
  const [first, second] = containers as [(typeof containers)[0], (typeof containers)[0]];
  const [, { ips }] = results as [Json, { ips: [{ address: string }] }];
  const other = ips[0].address.split('/')[0] as string;
  first.lab.run('ping', '-c', '1', '-W', '2', other);
  first.lab.run('ping', '-c', '1', '-W', '2', '10.62.0.1');

  const check = host.run('ours', 'bridge', 'CHECK', { ...configs[0], prevResult: results[0] }, first);
  t.equal(check.status, 0, check.stdout);
  second.lab.run('ip', 'link', 'set', 'eth0', 'down');
  second.lab.run('ip', 'addr', 'flush', 'dev', 'eth0');
  const bad = host.run('ours', 'bridge', 'CHECK', { ...configs[0], prevResult: results[1] }, second);
  t.equal(bad.status, 1);
  t.type(bad.json.msg, 'string');

  for (const [i, container] of containers.entries()) {
    t.equal((await detach(host, container, configs, results[i])).status, 0);
    t.equal((await detach(host, container, configs)).status, 0, 'a second time');
  }
  t.same(host.state(), before, 'nothing is left');
  t.same(leases(host), []);
  t.equal(await host.metric('netloom_calls_total{plugin="bridge",command="DEL",outcome="ok"}'), 4);
  t.equal(await host.stopDaemon(), 0);
});

t.test('what a call answers is what the one-shot plugin answers', async (t) => {
  const host = new DaemonHost(t);
  const container = host.container();
  const version = { cniVersion: '1.1.0', name: 'same' };
  const cases: [type: string, command: string, config: Json | string, extra?: NodeJS.ProcessEnv][] = [
    ['bridge', 'VERSION', {}],
    ['firewall', 'STATUS', { ...version, type: 'firewall' }],
    ['host-local', 'STATUS', { ...version, type: 'host-local', ipam: { type: 'host-local' } }],
    ['host-local', 'ADD', { ...version, ipam: { subnet: 'nonsense' } }],
    ['host-local', 'ADD', '{ not JSON' as never],
    ['host-local', 'DEL', { ...version, ipam: { subnet: '10.9.0.0/24', dataDir: host.dataDir } }],
    ['bridge', 'ADD', { ...version, bridge: 'br0' }, { CNI_NETNS: '/nowhere/at/all' }],
    ['bridge', 'ADD', { ...version, bridge: 'br0' }, { CNI_NETNS: '/etc/hostname' }],
    ['bridge', 'ADD', { ...version, bridge: 'br0' }, { CNI_NETNS: host.lab.path }],
    ['bridge', 'ADD', { ...version, bridge: 'br0' }, { CNI_IFNAME: 'a name that is too long' }],
    ['bridge', 'ADD', { ...version, bridge: 'br0' }, { CNI_CONTAINERID: '' }],
    ['bridge', 'ADD', { ...version, bridge: 'br0' }, { CNI_ARGS: 'nonsense' }],
    ['bridge', 'DEL', { ...version, bridge: 'br0' }, { CNI_NETNS: '' }],
    ['bridge', 'FLY', { ...version, bridge: 'br0' }],
    ['bridge', 'GC', { ...version, bridge: 'br0', 'cni.dev/valid-attachments': [] }],
    ['bridge', 'ADD', { ...version, cniVersion: '9.0.0', bridge: 'br0' }],
  ];
  const run = () =>
    cases.map(([type, command, config, extra]) => {
      const { status, stdout, stderr } = host.run('ours', type, command, config as Json, container, extra);
      return {
        status,
        stdout: stdout.replace(/descriptor \d+|\/proc\/self\/fd\/\d+/, '/etc/hostname'),
        stderr,
      };
    });
  const oneShot = run();
  await host.startDaemon();
  const served = run();
  for (const [i, [type, command, config]] of cases.entries())
    t.same(served[i], oneShot[i], `${type} ${command} ${JSON.stringify(config)}`);
  const calls = (await host.status()).calls;
  t.equal(calls, cases.length, 'all of them were served');
  t.equal(await host.metric('netloom_calls_total{plugin="other",command="ADD",outcome="one-shot"}'), 0);
});

t.test('without a daemon the client is the one-shot plugin', async (t) => {
  const host = new DaemonHost(t);
  const container = host.container();
  const before = host.state();
  const configs = openfaas(host);
  const added = await attach(host, container, configs);
  t.equal(added.status, 0, added.stdout);
  t.equal((await detach(host, container, configs)).status, 0);
  t.same(host.state(), before);
});

t.test('daemon and one-shot plugins take over from each other', async (t) => {
  const host = new DaemonHost(t);
  const container = host.container();
  const before = host.state();
  const configs = openfaas(host);
  await host.startDaemon();
  t.equal((await attach(host, container, configs)).status, 0);
  t.equal(await host.stopDaemon(), 0);
  t.equal((await detach(host, container, configs)).status, 0);
  t.equal((await attach(host, container, configs)).status, 0);
  await host.startDaemon();
  t.equal((await detach(host, container, configs)).status, 0);
  t.same(host.state(), before);
});
