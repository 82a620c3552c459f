import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'tap';
import { Namespace } from '../../../host/namespace/namespace.js';
import { CniHost, type Container, type Json } from '../support/host.js';
import { add, clean, configOf, leases, linkNames, succeeds } from './support/ptp.js';

test('containers reach each other over the host; DEL leaves nothing', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const ranges = [[{ subnet: '10.64.0.0/24' }], [{ subnet: 'fd00:64::/64' }]];
  const config = configOf(host, {
    ipam: {
      type: 'host-local',
      dataDir: host.dataDir,
      ranges,
      routes: [{ dst: '0.0.0.0/0' }, { dst: '::/0' }],
    },
  });
  const [one, two] = [host.container(), host.container()];
  const first = add(t, host, config, one);
  const second = add(t, host, config, two);
  t.match(first, {
    cniVersion: '1.1.0',
    interfaces: [{ name: /^veth[0-9a-f]{8}$/ }, { name: 'eth0', sandbox: one.lab.path }],
    ips: [
      { address: '10.64.0.2/24', gateway: '10.64.0.1', interface: 1 },
      { address: 'fd00:64::2/64', gateway: 'fd00:64::1', interface: 1 },
    ],
    routes: [{ dst: '0.0.0.0/0' }, { dst: '::/0' }],
  });
  const [end, inside] = first.interfaces as { name: string; mac: string }[];
  t.equal(host.lab.ip('link', 'show', String(end?.name))[0].address, end?.mac);
  t.equal(one.lab.ip('link', 'show', 'eth0')[0].address, inside?.mac);
  for (const address of ['10.64.0.1', '10.64.0.3', 'fd00:64::1', 'fd00:64::3'])
    one.lab.run('ping', '-c1', '-W2', address);
  t.match(one.lab.run('ip', 'route', 'get', '10.64.0.3'), /via 10.64.0.1 dev eth0 src 10.64.0.2/);
  t.match(
    host.lab.run('nft', 'list', 'ruleset'),
    /ip6 saddr fd00:64::2 ip6 daddr != fd00:64::\/64 masquerade/,
  );
  for (const [container, prevResult] of [
    [one, first],
    [two, second],
  ] as const)
    succeeds(t, host.run('ours', 'ptp', 'CHECK', { ...config, prevResult }, container), 'CHECK');
  succeeds(t, host.run('ours', 'ptp', 'STATUS', config), 'STATUS');
  succeeds(t, host.run('ours', 'ptp', 'DEL', config, one), 'DEL');
  two.lab.run('ping', '-c1', '-W2', '10.64.0.1');
  succeeds(t, host.run('ours', 'ptp', 'DEL', config, two), 'DEL');
  clean(t, host, 'after DEL');
  succeeds(t, host.run('ours', 'ptp', 'DEL', config, two), 'DEL twice');
  succeeds(t, host.run('ours', 'ptp', 'DEL', config, host.container()), 'DEL without ADD');
  t.match(host.run('ours', 'ptp', 'VERSION', config).json, {
    supportedVersions: ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'],
  });
});

test('packets to elsewhere carry the address of the host', { timeout: 60_000 }, async (t) => {
  for (const ipMasqBackend of ['nftables', 'iptables']) {
    const host = new CniHost(t);
    const outside = host.container();
    host.lab.run(
      'ip',
      'link',
      'add',
      'up0',
      'type',
      'veth',
      'peer',
      'name',
      'eth9',
      'netns',
      outside.lab.name,
    );
    host.lab.run('ip', 'addr', 'add', '192.0.2.1/24', 'dev', 'up0');
    host.lab.run('ip', 'link', 'set', 'up0', 'up');
    outside.lab.run('ip', 'addr', 'add', '192.0.2.9/24', 'dev', 'eth9');
    outside.lab.run('ip', 'link', 'set', 'eth9', 'up');
    const container = host.container();
    const config = configOf(host, { ipMasqBackend });
    const prevResult = add(t, host, config, container);
    // there is no way back but to the host's own address
    container.lab.run('ping', '-c1', '-W2', '192.0.2.9');
    const check = () => host.run('ours', 'ptp', 'CHECK', { ...config, prevResult }, container);
    succeeds(t, check(), ipMasqBackend);
    host.lab.run('nft', 'flush', 'ruleset');
    t.throws(() => container.lab.run('ping', '-c1', '-W1', '192.0.2.9'));
    t.match(check().json, { code: 999, msg: 'ptp: no rules to masquerade packets of eth0' }, ipMasqBackend);
    succeeds(t, host.run('ours', 'ptp', 'DEL', config, container), 'DEL when the rules are gone');
  }
});

test('two interfaces of one container: one goes, the other stays masqueraded', {
  timeout: 60_000,
}, async (t) => {
  for (const ipMasqBackend of ['nftables', 'iptables']) {
    const host = new CniHost(t);
    const container = host.container();
    const config = configOf(host, {
      ipMasqBackend,
      ipam: { type: 'host-local', subnet: '10.64.0.0/24', dataDir: host.dataDir },
    });
    add(t, host, config, container);
    add(t, host, config, container, { CNI_IFNAME: 'net1' });
    const masqueraded = (): number =>
      ['10.64.0.2', '10.64.0.3'].filter((address) =>
        host.lab.run('nft', 'list', 'ruleset').includes(`ip saddr ${address} `),
      ).length;
    t.equal(masqueraded(), 2);
    for (const times of ['once', 'twice']) {
      succeeds(t, host.run('ours', 'ptp', 'DEL', config, container), times);
      t.equal(masqueraded(), 1, `${ipMasqBackend}: DEL ${times}`);
    }
    succeeds(t, host.run('ours', 'ptp', 'DEL', config, container, { CNI_IFNAME: 'net1' }), 'DEL');
    clean(t, host, ipMasqBackend);
  }
});

test('an address that is its whole network', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const container = host.container();
  const config = configOf(host, {
    ipam: {
      type: 'static',
      addresses: [
        { address: '203.0.113.5/32', gateway: '10.64.9.1' },
        { address: '2001:db8::5/128', gateway: 'fd00:64::1' },
      ],
      routes: [{ dst: '0.0.0.0/0' }, { dst: '::/0' }],
    },
  });
  const prevResult = add(t, host, config, container);
  for (const address of ['10.64.9.1', 'fd00:64::1']) container.lab.run('ping', '-c1', '-W2', address);
  host.lab.run('ping', '-c1', '-W2', '203.0.113.5');
  succeeds(t, host.run('ours', 'ptp', 'CHECK', { ...config, prevResult }, container), 'CHECK');
  succeeds(t, host.run('ours', 'ptp', 'DEL', config, container), 'DEL');
  clean(t, host, 'whole network');
});

test('several addresses in one network', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const container = host.container();
  const config = configOf(host, {
    ipam: {
      type: 'static',
      addresses: ['10.64.7.5/24', '10.64.7.6/24'].map((address) => ({ address, gateway: '10.64.7.1' })),
      routes: [{ dst: '0.0.0.0/0' }],
    },
  });
  const prevResult = add(t, host, config, container);
  for (const address of ['10.64.7.5', '10.64.7.6']) {
    host.lab.run('ping', '-c1', '-W2', address);
    container.lab.run('ping', '-c1', '-W2', '-I', address, '10.64.7.1');
  }
  succeeds(t, host.run('ours', 'ptp', 'CHECK', { ...config, prevResult }, container), 'CHECK');
  succeeds(t, host.run('ours', 'ptp', 'DEL', config, container), 'DEL');
  clean(t, host, 'several addresses');
});

test('without ipam: a pair and nothing else', async (t) => {
  const host = new CniHost(t);
  const container = host.container();
  const config: Json = { cniVersion: '1.0.0', name: 'net', type: 'ptp', mtu: 1280 };
  const prevResult = add(t, host, config, container);
  const [end] = prevResult.interfaces as { name: string }[];
  t.same(Object.keys(prevResult).sort(), ['cniVersion', 'interfaces']);
  for (const [lab, name] of [
    [host.lab, String(end?.name)],
    [container.lab, 'eth0'],
  ] as const)
    t.match(lab.ip('link', 'show', name)[0], { mtu: 1280, flags: /UP/ });
  container.lab.run('ip', 'addr', 'add', '10.64.8.2/24', 'dev', 'eth0');
  host.lab.run('ip', 'addr', 'add', '10.64.8.1/24', 'dev', String(end?.name));
  container.lab.run('ping', '-c1', '-W2', '10.64.8.1');
  succeeds(t, host.run('ours', 'ptp', 'CHECK', { ...config, prevResult }, container), 'CHECK');
  succeeds(t, host.run('ours', 'ptp', 'STATUS', { ...config, cniVersion: '1.1.0' }), 'STATUS');
  succeeds(t, host.run('ours', 'ptp', 'DEL', config, container), 'DEL');
  clean(t, host, 'no ipam');
  // this version cannot tell of an attachment without addresses
  const old = host.run('ours', 'ptp', 'ADD', { ...config, cniVersion: '0.2.0' }, container);
  t.equal(old.status, 1);
  t.same(linkNames(container), ['lo']);
  clean(t, host, 'a result that cannot be told');
});

test('DEL when namespace, config or everything is gone', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const config = configOf(host);
  const gone = host.container();
  const prevResult = add(t, host, config, gone);
  // somebody keeps the namespace alive: what is known of the host's end is in the result
  Namespace.delete(gone.lab.name);
  t.equal(linkNames(host).length, 2);
  succeeds(t, host.run('ours', 'ptp', 'DEL', { ...config, prevResult }, gone), 'namespace gone');
  clean(t, host, 'namespace gone');
  gone.lab.namespace.close();
  const container = host.container();
  add(t, host, config, container);
  succeeds(
    t,
    host.run('ours', 'ptp', 'DEL', { ...config, mtu: 'many', ipMasq: 7, dns: [] }, container),
    'a broken config',
  );
  clean(t, host, 'config broken');
  add(t, host, config, container);
  succeeds(t, host.run('ours', 'ptp', 'DEL', config, container, { CNI_NETNS: '' }), 'no namespace given');
  t.same(leases(host), []);
  t.notMatch(host.lab.run('nft', 'list', 'ruleset'), /cni/);
  succeeds(t, host.run('ours', 'ptp', 'DEL', config, container), 'DEL');
  clean(t, host, 'no namespace given');
  add(t, host, config, container);
  container.lab.run('ip', 'link', 'del', 'eth0');
  succeeds(t, host.run('ours', 'ptp', 'DEL', config, container), 'link gone');
  clean(t, host, 'link gone');
});

test('many at once', { timeout: 120_000 }, async (t) => {
  const host = new CniHost(t);
  const config = configOf(host);
  const containers = Array.from({ length: 12 }, () => host.container());
  const outcomes = await Promise.all(
    containers.map((container) => host.start('ours', 'ptp', 'ADD', config, container)),
  );
  t.same(
    outcomes.filter(({ status }) => status !== 0).map(({ stdout, stderr }) => stdout + stderr),
    [],
  );
  const addresses = outcomes.map(({ json }) => (json.ips as { address: string }[] | undefined)?.[0]?.address);
  t.equal(new Set(addresses).size, containers.length);
  (containers[0] as Container).lab.run('ping', '-c1', '-W2', String(addresses[11]).split('/')[0] as string);
  const deleted = await Promise.all(
    containers.map((container) => host.start('ours', 'ptp', 'DEL', config, container)),
  );
  t.same(
    deleted.filter(({ status }) => status !== 0).map(({ stdout }) => stdout),
    [],
  );
  clean(t, host, 'after all DELs');
});

test('GC removes what nobody claims', { timeout: 60_000 }, async (t) => {
  for (const ipMasqBackend of ['nftables', 'iptables']) {
    const host = new CniHost(t);
    const config = configOf(host, { ipMasqBackend });
    const [stays, goes] = [host.container(), host.container()];
    add(t, host, config, stays);
    add(t, host, config, goes);
    Namespace.delete(goes.lab.name);
    goes.lab.namespace.close();
    const valid = [{ containerID: stays.id, ifname: 'eth0' }];
    succeeds(t, host.run('ours', 'ptp', 'GC', { ...config, 'cni.dev/valid-attachments': valid }), 'GC');
    t.same(leases(host), ['10.64.0.2']);
    const rules = host.lab.run('nft', 'list', 'ruleset');
    t.match(rules, /ip saddr 10.64.0.2/);
    t.notMatch(rules, /10.64.0.3/);
    stays.lab.run('ping', '-c1', '-W2', '10.64.0.1');
    succeeds(t, host.run('ours', 'ptp', 'DEL', config, stays), 'DEL');
    for (let i = 0; i < 40 && linkNames(host).length > 1; i++) await sleep(50); // the kernel's own clearing
    clean(t, host, 'after GC and DEL');
  }
});

test('STATUS tells when there is no address left', async (t) => {
  const host = new CniHost(t);
  const config = configOf(host, {
    ipam: { type: 'host-local', subnet: '10.64.0.0/30', dataDir: host.dataDir },
  });
  succeeds(t, host.run('ours', 'ptp', 'STATUS', config), 'one is left');
  const container = host.container();
  add(t, host, config, container);
  t.match(host.run('ours', 'ptp', 'STATUS', config).json, { code: 50 });
  host.run('ours', 'ptp', 'DEL', config, container);
});
