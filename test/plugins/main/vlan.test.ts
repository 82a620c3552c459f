import { test } from 'tap';
import { Namespace } from '../../../host/namespace/namespace.js';
import { CniHost, type Container, type Json } from '../support/host.js';
import { Resident } from '../support/resident.js';
import { connect, gone, leases, linkNames, MASTER, succeeds } from './support/child-link.js';

// what the kernel needs 8021q for is in test/kernel/suites

function configOf(host: CniHost, extra: Json = {}): Json {
  return {
    cniVersion: '1.1.0',
    name: 'net',
    type: 'vlan',
    master: MASTER,
    vlanId: 100,
    ipam: { type: 'host-local', subnet: '10.68.0.0/24', dataDir: host.dataDir },
    ...extra,
  };
}

test('what is wrong with a config', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  connect(host);
  const plugins = new Resident(t, host);
  const container = host.container();
  const required = /^"master" field is required. It specifies the host interface name to create the VLAN/;
  const single = 'chained master failure. PrevResult lacks a single named interface';
  const wrong: [Json, number, RegExp | string][] = [
    [{ master: 7 }, 6, 'failed to load netconf: master: expected a string, got 7'],
    [{ master: 'no0' }, 999, 'failed to lookup master "no0": Link not found'],
    [{ master: undefined }, 7, required],
    [{ master: '' }, 7, required],
    [{ master: undefined, prevResult: { interfaces: [{ name: 'a' }, { name: 'b' }] } }, 999, single],
    [{ master: undefined, prevResult: { interfaces: [] } }, 999, single],
    [{ master: undefined, prevResult: { interfaces: [{ name: 'x0' }] } }, 999, /lookup master "x0"/],
    [
      { master: undefined, prevResult: { interfaces: [{ name: MASTER, sandbox: container.lab.path }] } },
      999,
      `failed to lookup master "${MASTER}": Link not found`,
    ],
    [{ vlanId: '5' }, 6, /vlanId: expected a whole number, got "5"/],
    [{ vlanId: 1.5 }, 6, /vlanId: expected a whole number, got 1.5/],
    [{ vlanId: 5000 }, 7, /invalid VLAN ID 5000 \(must be between 0 and 4094 inclusive\)/],
    [{ vlanId: 4095 }, 7, /invalid VLAN ID 4095/],
    [{ vlanId: -1 }, 7, /invalid VLAN ID -1/],
    [{ mtu: 'many' }, 6, /mtu: expected a whole number, got "many"/],
    [{ mtu: 9000 }, 7, 'invalid MTU 9000, must be [0, master MTU(1500)]'],
    [{ mtu: -1 }, 7, 'invalid MTU -1, must be [0, master MTU(1500)]'],
    [{ linkInContainer: 'yes' }, 6, /linkInContainer: expected true or false, got "yes"/],
    [{ linkInContainer: true }, 999, `failed to lookup master "${MASTER}": Link not found`],
    [{ ipam: [] }, 6, /ipam: expected an object, got \[\]/],
    [{ dns: { search: 1 } }, 6, /dns.search: expected an array, got 1/],
    [{ prevResult: { ips: [{ address: 'x' }] } }, 6, /ips\[0\].address: expected an address/],
  ];
  for (const [extra, code, msg] of wrong) {
    const { status, json } = await plugins.run('vlan', 'ADD', configOf(host, extra), container);
    t.equal(status, 1);
    t.match(json, { code, msg }, JSON.stringify(extra));
    gone(t, host, container, JSON.stringify(extra));
  }
  const lost = { CNI_NETNS: '/run/netns/nl-gone' };
  t.match((await plugins.run('vlan', 'ADD', configOf(host), container, lost)).json, {
    msg: /failed to open netns "\/run\/netns\/nl-gone"/,
  });
  gone(t, host, container, 'namespace gone');
  for (const [command, text] of [
    ['CHECK', 'vlan: Required prevResult missing'],
    ['STATUS', ''],
  ] as const) {
    const bad = await plugins.run('vlan', command, configOf(host, { vlanId: 5000 }), container);
    t.match(bad.json, { code: 7, msg: /invalid VLAN ID 5000/ }, command);
    if (text === '') continue;
    const config = configOf(host, { ipam: undefined });
    t.match((await plugins.run('vlan', command, config, container)).json, { code: 999, msg: text });
  }
  t.match((await plugins.run('vlan', 'VERSION', {})).json, {
    supportedVersions: ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'],
  });
});

/** What an ADD would leave: a lease, and an interface of some kind. */
async function attach(plugins: Resident, host: CniHost, container: Container): Promise<void> {
  await plugins.run('host-local', 'ADD', configOf(host), container);
  container.lab.run('ip', 'link', 'add', 'eth0', 'type', 'bridge');
}

test('DEL when namespace, master, config or everything is gone', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  connect(host);
  const plugins = new Resident(t, host);
  const config = configOf(host);
  const remove = (given: Json, container: Container, extra: NodeJS.ProcessEnv = {}) =>
    plugins.run('vlan', 'DEL', given, container, extra);
  const lost = host.container();
  await attach(plugins, host, lost);
  t.same(leases(host), ['10.68.0.2']);
  Namespace.delete(lost.lab.name);
  lost.lab.namespace.close();
  succeeds(t, await remove(config, lost), 'namespace gone');
  t.same(leases(host), []);

  const container = host.container();
  await attach(plugins, host, container);
  const broken = {
    ...config,
    master: 7,
    vlanId: 9999,
    mtu: 'y',
    linkInContainer: 'z',
    dns: 1,
    prevResult: 'q',
  };
  succeeds(t, await remove(broken, container), 'a broken config');
  gone(t, host, container, 'config broken');

  await attach(plugins, host, container);
  succeeds(t, await remove(config, container), 'DEL');
  gone(t, host, container, 'DEL');
  succeeds(t, await remove(config, container), 'DEL twice');
  succeeds(t, await remove(config, host.container()), 'DEL without ADD');

  await attach(plugins, host, container);
  t.match((await remove(config, container, { CNI_NETNS: '/proc/self/status' })).json, {
    msg: /proc.self.status is no network namespace/,
  });
  t.same(leases(host), [], 'the lease is given back');
  t.same(linkNames(container), ['eth0', 'lo']);
  container.lab.run('ip', 'link', 'del', 'eth0');

  await attach(plugins, host, container);
  host.lab.run('ip', 'link', 'del', MASTER);
  // the reference wants to see the master
  succeeds(t, await remove(config, container, { CNI_NETNS: '' }), 'no namespace given, master gone');
  t.same(leases(host), []);
  succeeds(t, await remove(config, container), 'master gone');
  t.same(linkNames(container), ['lo']);
  succeeds(t, await remove({ ...config, linkInContainer: true }, lost), 'everything is gone');
});

test('GC is IPAM’s', { timeout: 30_000 }, async (t) => {
  const host = new CniHost(t);
  const plugins = new Resident(t, host);
  const [stays, goes] = [host.container(), host.container()];
  for (const container of [stays, goes]) await plugins.run('host-local', 'ADD', configOf(host), container);
  const valid = [{ containerID: stays.id, ifname: 'eth0' }];
  succeeds(t, await plugins.run('vlan', 'GC', configOf(host, { 'cni.dev/valid-attachments': valid })), 'GC');
  t.same(leases(host), ['10.68.0.2']);
});
