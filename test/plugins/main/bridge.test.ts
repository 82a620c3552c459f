import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import { Namespace } from '../../../host/namespace/namespace.js';
import { CniHost, type Container, type Json } from '../support/host.js';

function configOf(host: CniHost, extra: Json = {}): Json {
  return {
    cniVersion: '1.1.0',
    name: 'net',
    type: 'bridge',
    bridge: 'br-test',
    isGateway: true,
    ipMasq: true,
    ipam: {
      type: 'host-local',
      subnet: '10.62.0.0/24',
      dataDir: host.dataDir,
      routes: [{ dst: '0.0.0.0/0' }],
    },
    ...extra,
  };
}

function leases(host: CniHost): string[] {
  const directory = join(host.dataDir, 'net');
  return existsSync(directory)
    ? readdirSync(directory).filter((name) => !/^(lock|last_reserved_ip\..*)$/.test(name))
    : [];
}

/** Nothing is left on the host of what plugins make. */
function clean(t: Test, host: CniHost, what: string): void {
  const { links, addresses, iptables, nftables } = host.state() as {
    links: Json[];
    addresses: Json[];
    iptables: { ip: string[] };
    nftables: string;
  };
  t.same(
    links.map(({ ifname }) => ifname),
    ['lo'],
    `${what}: links`,
  );
  t.same(
    addresses.filter(({ ifname }) => ifname !== 'lo'),
    [],
    `${what}: addresses`,
  );
  t.notMatch(nftables, /cni|CNI/, `${what}: nftables`);
  t.notOk(
    iptables.ip.some((line) => line.includes('CNI-')),
    `${what}: iptables`,
  );
  t.same(leases(host), [], `${what}: leases`);
}

function add(
  t: Test,
  host: CniHost,
  config: Json,
  container: Container,
  extra: NodeJS.ProcessEnv = {},
): Json {
  const { status, json, stdout, stderr } = host.run('ours', 'bridge', 'ADD', config, container, extra);
  t.equal(status, 0, stdout + stderr);
  return json;
}

test('containers reach each other and the gateway; DEL leaves nothing', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const config = configOf(host);
  const [one, two] = [host.container(), host.container()];
  const first = add(t, host, config, one);
  const second = add(t, host, config, two);
  t.match(first, { ips: [{ address: '10.62.0.2/24', gateway: '10.62.0.1', interface: 2 }] });
  one.lab.run('ping', '-c1', '-W2', '10.62.0.3');
  one.lab.run('ping', '-c1', '-W2', '10.62.0.1');
  t.match(host.lab.run('nft', 'list', 'ruleset'), /ip saddr 10.62.0.2 ip daddr != 10.62.0.0\/24 masquerade/);
  for (const [container, prevResult] of [
    [one, first],
    [two, second],
  ] as const) {
    t.equal(host.run('ours', 'bridge', 'CHECK', { ...config, prevResult }, container).status, 0);
  }
  t.equal(host.run('ours', 'bridge', 'STATUS', config).status, 0);
  t.equal(host.run('ours', 'bridge', 'DEL', config, one).status, 0);
  two.lab.run('ping', '-c1', '-W2', '10.62.0.1');
  t.equal(host.run('ours', 'bridge', 'DEL', config, two).status, 0);
  clean(t, host, 'after DEL');
  t.equal(host.run('ours', 'bridge', 'DEL', config, two).status, 0, 'deleting twice is no error');
});

test('a bridge that was there stays', async (t) => {
  const host = new CniHost(t);
  host.lab.run('ip', 'link', 'add', 'br-test', 'type', 'bridge');
  const container = host.container();
  add(t, host, configOf(host), container);
  host.run('ours', 'bridge', 'DEL', configOf(host), container);
  t.ok((host.state().links as Json[]).some(({ ifname }) => ifname === 'br-test'));
});

test('DEL when namespace, config or everything is gone', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const config = configOf(host, { macspoofchk: true });
  const gone = host.container();
  add(t, host, config, gone);
  Namespace.delete(gone.lab.name);
  gone.lab.namespace.close();
  await new Promise((resolve) => setTimeout(resolve, 300)); // the kernel takes a namespace down in the background
  t.equal(host.run('ours', 'bridge', 'DEL', config, gone).status, 0);
  clean(t, host, 'namespace gone');
  const container = host.container();
  add(t, host, config, container);
  t.equal(
    host.run('ours', 'bridge', 'DEL', { ...config, mtu: 'many', vlan: -1 }, container).status,
    0,
    'a broken config',
  );
  clean(t, host, 'config broken');
  add(t, host, config, container);
  t.equal(host.run('ours', 'bridge', 'DEL', config, container, { CNI_NETNS: '' }).status, 0);
  t.same(leases(host), []);
  host.run('ours', 'bridge', 'DEL', config, container);
  clean(t, host, 'no namespace given');
});

test('what is wrong with a config', async (t) => {
  const host = new CniHost(t);
  const container = host.container();
  const wrong: [Json, number, RegExp][] = [
    [{ mtu: 'many' }, 6, /failed to load netconf: mtu: expected a whole number, got "many"/],
    [{ vlan: 5000 }, 7, /invalid VLAN ID 5000 \(must be between 0 and 4094\)/],
    [{ vlanTrunk: [{ minID: 5 }] }, 7, /maxID is missing/],
    [
      { hairpinMode: true, promiscMode: true },
      7,
      /cannot set hairpin mode and promiscuous mode at the same time/,
    ],
    [{ disableContainerInterface: true }, 7, /cannot use IPAM when DisableContainerInterface flag is set/],
    [{ ipMasqBackend: 'magic' }, 999, /unknown ipmasq backend "magic"/],
    [{ ipam: { type: 'no-such-plugin' } }, 999, /failed to find plugin "no-such-plugin" in path/],
    [{ ipam: { type: 'host-local', subnet: '10.0.0.1/24', dataDir: host.dataDir } }, 7, /host bits set/],
    [{ name: 'a/b' }, 7, /invalid characters found in network name/],
    [{ cniVersion: '9.9.9' }, 1, /incompatible CNI versions/],
    [{ runtimeConfig: { mac: 'xx' } }, 7, /invalid MAC address/],
  ];
  for (const [extra, code, msg] of wrong) {
    const { status, json } = host.run('ours', 'bridge', 'ADD', configOf(host, extra), container);
    t.equal(status, 1);
    t.match(json, { code, msg }, JSON.stringify(extra));
    t.ok(typeof json.cniVersion === 'string');
    clean(t, host, JSON.stringify(extra));
    t.same(
      (container.state().links as Json[]).map(({ ifname }) => ifname),
      ['lo'],
    );
  }
  const netns = host.run('ours', 'bridge', 'ADD', configOf(host), container, {
    CNI_NETNS: '/run/netns/nl-gone',
  });
  t.match(netns.json, { msg: /failed to open netns "\/run\/netns\/nl-gone"/ });
  const file = host.run('ours', 'bridge', 'ADD', configOf(host), container, { CNI_NETNS: '/etc/passwd' });
  t.match(file.json, { msg: /failed to open netns "\/etc\/passwd".*is no network namespace/ });
});

test('a failed ADD leaves nothing', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const container = host.container();
  // the name is taken
  container.lab.run('ip', 'link', 'add', 'eth0', 'type', 'bridge');
  const taken = host.run('ours', 'bridge', 'ADD', configOf(host), container);
  t.match(taken.json, {
    code: 999,
    msg: /container veth name \("eth0"\) peer provided \("veth[0-9a-f]{8}"\) already exists/,
  });
  clean(t, host, 'name taken');
  container.lab.run('ip', 'link', 'del', 'eth0');
  // the bridge has another address
  host.lab.run('ip', 'link', 'add', 'br-test', 'type', 'bridge');
  host.lab.run('ip', 'addr', 'add', '10.99.0.1/24', 'dev', 'br-test');
  const other = host.run('ours', 'bridge', 'ADD', configOf(host), container);
  t.match(other.json, { msg: /"br-test" already has an IP address different from 10.62.0.1\/24/ });
  t.same(leases(host), []);
  t.same(
    (container.state().links as Json[]).map(({ ifname }) => ifname),
    ['lo'],
  );
  add(t, host, configOf(host, { forceAddress: true }), container);
  t.same(
    (host.state().addresses as Json[]).filter(({ ifname }) => ifname === 'br-test').map(({ local }) => local),
    ['10.62.0.1'],
  );
  host.run('ours', 'bridge', 'DEL', configOf(host), container);
  host.lab.run('ip', 'link', 'del', 'br-test');
  // not a bridge
  host.lab.run('ip', 'link', 'add', 'br-test', 'type', 'veth', 'peer', 'name', 'other');
  t.match(host.run('ours', 'bridge', 'ADD', configOf(host), container).json, {
    msg: /failed to create bridge "br-test": "br-test" already exists but is not a bridge/,
  });
  host.lab.run('ip', 'link', 'del', 'br-test');
  // a route that cannot be
  const route = configOf(host, {
    ipam: {
      type: 'host-local',
      subnet: '10.62.0.0/24',
      dataDir: host.dataDir,
      routes: [{ dst: '192.168.0.0/16', gw: '172.31.9.9' }],
    },
  });
  t.match(host.run('ours', 'bridge', 'ADD', route, container).json, {
    msg: /failed to add route '192.168.0.0\/16 via 172.31.9.9 dev eth0'.*unreachable/,
  });
  clean(t, host, 'impossible route');
});

test('ADD killed at any moment, then DEL', { timeout: 120_000 }, async (t) => {
  const host = new CniHost(t);
  const config = configOf(host, { macspoofchk: true });
  let killed = 0;
  for (let delay = 20; delay <= 150; delay += 5) {
    const container = host.container();
    const outcome = await host.start('ours', 'bridge', 'ADD', config, container, delay);
    if (outcome.signal === 'SIGKILL') killed++;
    const deleted = host.run('ours', 'bridge', 'DEL', config, container);
    t.equal(deleted.status, 0, deleted.stdout);
    t.same(
      (container.state().links as Json[]).map(({ ifname }) => ifname),
      ['lo'],
      `killed after ${delay} ms`,
    );
    t.same(leases(host), [], `killed after ${delay} ms`);
    t.notMatch(host.lab.run('nft', 'list', 'ruleset'), /cni/, `killed after ${delay} ms`);
  }
  t.ok(killed > 3, `${killed} were killed in time`);
});

test('many at once', { timeout: 120_000 }, async (t) => {
  const host = new CniHost(t);
  const config = configOf(host);
  const containers = Array.from({ length: 20 }, () => host.container());
  const outcomes = await Promise.all(
    containers.map((container) => host.start('ours', 'bridge', 'ADD', config, container)),
  );
  const addresses = outcomes.map(({ json }) => (json.ips as { address: string }[] | undefined)?.[0]?.address);
  t.same(
    outcomes.filter(({ status }) => status !== 0).map(({ stdout, stderr }) => stdout + stderr),
    [],
  );
  t.equal(new Set(addresses).size, containers.length);
  (containers[0] as Container).lab.run('ping', '-c1', '-W2', String(addresses[19]).split('/')[0] as string);
  const deleted = await Promise.all(
    containers.map((container) => host.start('ours', 'bridge', 'DEL', config, container)),
  );
  t.same(
    deleted.filter(({ status }) => status !== 0).map(({ stdout }) => stdout),
    [],
  );
  clean(t, host, 'after all DELs');
});

test('CHECK finds what is wrong', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const config = configOf(host);
  const container = host.container();
  const prevResult = add(t, host, config, container);
  const check = (extra: Json = {}) =>
    host.run('ours', 'bridge', 'CHECK', { ...config, prevResult, ...extra }, container);
  t.equal(check().status, 0);
  t.match(check({ prevResult: undefined }).json, { msg: 'Required prevResult missing' });
  const { lab } = container;
  const breakage: [() => void, () => void, RegExp][] = [
    [
      () => lab.run('ip', 'addr', 'del', '10.62.0.2/24', 'dev', 'eth0'),
      () => {
        lab.run('ip', 'addr', 'add', '10.62.0.2/24', 'dev', 'eth0');
        lab.run('ip', 'route', 'add', 'default', 'via', '10.62.0.1');
      },
      /Failed to match addr 10.62.0.2\/24 on interface eth0/,
    ],
    [
      () => lab.run('ip', 'route', 'del', 'default'),
      () => lab.run('ip', 'route', 'add', 'default', 'via', '10.62.0.1'),
      /Expected Route \{Dst:0.0.0.0\/0 GW:\} not found/,
    ],
    [
      () =>
        host.lab.run(
          'ip',
          'link',
          'set',
          'dev',
          String((prevResult.interfaces as { name: string }[])[1]?.name),
          'nomaster',
        ),
      () =>
        host.lab.run(
          'ip',
          'link',
          'set',
          'dev',
          String((prevResult.interfaces as { name: string }[])[1]?.name),
          'master',
          'br-test',
        ),
      /is no port of bridge br-test/,
    ],
    [
      () => lab.run('ip', 'link', 'set', 'eth0', 'address', '02:00:00:00:00:99'),
      () =>
        lab.run(
          'ip',
          'link',
          'set',
          'eth0',
          'address',
          String((prevResult.interfaces as { mac: string }[])[2]?.mac),
        ),
      /doesn't match container Mac/,
    ],
  ];
  for (const [harm, repair, msg] of breakage) {
    harm();
    t.match(check().json, { code: 999, msg });
    repair();
    t.equal(check().status, 0, String(msg));
  }
  host.lab.run('nft', 'flush', 'chain', 'inet', 'cni_plugins_masquerade', 'masq_checks');
  t.match(check().json, { code: 999, msg: 'no rules to masquerade packets of eth0' });
  t.equal(check({ ipMasq: false }).status, 0, 'a config without masquerading needs no rules');
  lab.run('ip', 'link', 'del', 'eth0');
  t.match(check().json, { msg: /Interface eth0 not found/ });
  host.run('ours', 'bridge', 'DEL', config, container);
  t.match(check().json, { msg: /Failed to find address added by container/ });
});

test('GC removes what nobody claims', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const config = configOf(host);
  const [stays, goes] = [host.container(), host.container()];
  add(t, host, config, stays);
  add(t, host, config, goes);
  // its namespace went without a DEL
  Namespace.delete(goes.lab.name);
  goes.lab.namespace.close();
  const valid = [{ containerID: stays.id, ifname: 'eth0' }];
  t.equal(host.run('ours', 'bridge', 'GC', { ...config, 'cni.dev/valid-attachments': valid }).status, 0);
  t.same(leases(host), ['10.62.0.2']);
  const rules = host.lab.run('nft', 'list', 'ruleset');
  t.match(rules, /ip saddr 10.62.0.2/);
  t.notMatch(rules, /10.62.0.3/);
  stays.lab.run('ping', '-c1', '-W2', '10.62.0.1');
  host.run('ours', 'bridge', 'DEL', config, stays);
  clean(t, host, 'after GC and DEL');
});

test('frames with a borrowed address are dropped', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const config = configOf(host, { macspoofchk: true });
  const container = host.container();
  add(t, host, config, container, { CNI_ARGS: 'IgnoreUnknown=1;MAC=02:11:22:33:44:55;K8S_POD_NAME=x' });
  t.match(container.lab.ip('link', 'show', 'eth0')[0], { address: '02:11:22:33:44:55' });
  container.lab.run('ping', '-c1', '-W2', '10.62.0.1');
  container.lab.run('ip', 'link', 'set', 'eth0', 'address', '02:99:99:99:99:99');
  t.throws(() => container.lab.run('ping', '-c1', '-W1', '10.62.0.1'));
  host.run('ours', 'bridge', 'DEL', config, container);
  clean(t, host, 'spoof check');
});

test('ports can be isolated from each other', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const config = configOf(host, { portIsolation: true });
  const [one, two] = [host.container(), host.container()];
  add(t, host, config, one);
  add(t, host, config, two);
  t.throws(() => one.lab.run('ping', '-c1', '-W1', '10.62.0.3'));
  one.lab.run('ping', '-c1', '-W2', '10.62.0.1');
});

test('leases that cannot be kept', async (t) => {
  const host = new CniHost(t);
  const container = host.container();
  writeFileSync(host.dataDir, 'a file where a directory should be');
  t.match(host.run('ours', 'bridge', 'ADD', configOf(host), container).json, {
    code: 5,
    msg: /ENOTDIR|EEXIST|not a directory/i,
  });
  clean(t, host, 'no directory');
  const elsewhere = join(host.directory, 'small');
  mkdirSync(elsewhere);
  chmodSync(elsewhere, 0o755);
  const small = configOf(host, { ipam: { type: 'host-local', subnet: '10.62.0.0/30', dataDir: elsewhere } });
  add(t, host, small, container);
  const full = host.container();
  t.match(host.run('ours', 'bridge', 'ADD', small, full).json, {
    msg: /no IP addresses available in range set: 10.62.0.1-10.62.0.2/,
  });
  t.match(host.run('ours', 'bridge', 'STATUS', small).json, { code: 50 });
  host.run('ours', 'bridge', 'DEL', small, container);
});
