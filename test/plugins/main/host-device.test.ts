import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { test } from 'tap';
import { Namespace } from '../../../host/namespace/namespace.js';
import { CniHost, type Json, withoutRandom } from '../support/host.js';
import { leases, linkNames, linksUp, succeeds } from './support/child-link.js';
import { add, configOf, connected, hostLink, isBack, records } from './support/host-device.js';

t.setTimeout(120_000);

test('the device is the container’s, and the host’s again as it was', async (t) => {
  const host = new CniHost(t);
  const neighbour = connected(host);
  const container = host.container();
  const ranges = [[{ subnet: '10.66.0.0/24' }], [{ subnet: 'fd00:66::/64' }]];
  const config = configOf(host, {
    ipam: { type: 'host-local', dataDir: host.dataDir, ranges, routes: [{ dst: '0.0.0.0/0' }] },
    dns: { nameservers: ['10.66.0.1'] },
  });
  const before = hostLink(host);
  const prevResult = add(t, host, config, container);
  t.same(prevResult, {
    cniVersion: '1.1.0',
    dns: { nameservers: ['10.66.0.1'] },
    interfaces: [{ mac: before.address, name: 'eth0', sandbox: container.lab.path }],
    ips: [
      { address: '10.66.0.2/24', gateway: '10.66.0.1', interface: 0 },
      { address: 'fd00:66::2/64', gateway: 'fd00:66::1', interface: 0 },
    ],
    routes: [{ dst: '0.0.0.0/0' }],
  });
  t.same(linkNames(host), ['lo']);
  t.match(hostLink(container, 'eth0'), { address: before.address, ifalias: 'up0', flags: /UP/ });
  await linksUp(container.lab, neighbour.lab);
  for (const address of ['10.66.0.200', 'fd00:66::200']) container.lab.run('ping', '-c1', '-W2', address);
  const call = (command: string, extra: Json = {}) =>
    host.run('ours', 'host-device', command, { ...config, ...extra }, container);
  succeeds(t, call('CHECK', { prevResult }), 'CHECK');
  t.match(call('ADD').json, { code: 999, msg: 'failed to find host device: Link not found' }, 'ADD twice');
  succeeds(t, call('CHECK', { prevResult }), 'the first is not harmed by a second');
  succeeds(t, call('DEL', { prevResult }), 'DEL');
  isBack(t, host, container, 'DEL');
  t.equal(hostLink(host).address, before.address);
  succeeds(t, call('DEL'), 'DEL twice');
  succeeds(t, host.run('ours', 'host-device', 'DEL', config, host.container()), 'DEL without ADD');
  isBack(t, host, container, 'DEL twice');
  t.match(call('VERSION').json, {
    supportedVersions: ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'],
  });
});

test('its state and its alias come back, whichever they were', async (t) => {
  const host = new CniHost(t);
  connected(host);
  const container = host.container();
  const config = configOf(host, { ipam: undefined });
  host.lab.run('ip', 'link', 'set', 'up0', 'down', 'alias', 'rack 7, port 3');
  const prevResult = add(t, host, config, container);
  t.same(Object.keys(prevResult).sort(), ['cniVersion', 'interfaces']);
  t.match(hostLink(container, 'eth0'), { ifalias: 'up0', flags: /UP/ });
  succeeds(t, host.run('ours', 'host-device', 'CHECK', { ...config, prevResult }, container), 'CHECK');
  succeeds(t, host.run('ours', 'host-device', 'DEL', config, container), 'DEL');
  t.equal(hostLink(host).ifalias, 'rack 7, port 3');
  t.notOk(hostLink(host).flags.includes('UP'));
  host.lab.run('ip', 'link', 'set', 'up0', 'alias', '', 'up');
  // versions that cannot tell of an attachment without addresses
  for (const cniVersion of ['0.1.0', '0.2.0']) {
    t.equal(host.run('ours', 'host-device', 'ADD', { ...config, cniVersion }, container).status, 1);
    isBack(t, host, container, cniVersion);
  }
  for (const cniVersion of ['0.3.1', '1.0.0']) {
    const added = host.run('ours', 'host-device', 'ADD', { ...config, cniVersion }, container);
    t.match(added.json, { cniVersion, interfaces: [{ name: 'eth0' }] });
    host.run('ours', 'host-device', 'DEL', { ...config, cniVersion }, container);
    isBack(t, host, container, cniVersion);
  }
});

test('the host sees the device under its own name only', async (t) => {
  const host = new CniHost(t);
  connected(host);
  const config = configOf(host, { ipam: undefined });
  for (const isTaken of [false, true]) {
    const container = host.container();
    // then the name has to be given elsewhere than in the container
    if (isTaken) container.lab.run('ip', 'link', 'add', 'up0', 'type', 'bridge');
    const monitor = host.lab.namespace.run(() => spawn('ip', ['-o', 'monitor', 'link'], { stdio: 'pipe' }));
    let seen = '';
    monitor.stdout.setEncoding('utf8').on('data', (text: string) => {
      seen += text;
    });
    // it listens when it tells of what happens
    for (let i = 0; !seen.includes('lo:'); i++) {
      host.lab.run('ip', 'link', 'set', 'lo', 'mtu', String(60_000 + (i % 2)));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    add(t, host, config, container);
    succeeds(t, host.run('ours', 'host-device', 'DEL', config, container), 'DEL');
    host.lab.run('ip', 'link', 'add', 'last', 'type', 'bridge');
    while (!seen.includes('last:')) await once(monitor.stdout, 'data');
    monitor.kill();
    await once(monitor, 'close');
    host.lab.run('ip', 'link', 'del', 'last');
    const names = seen.matchAll(/^(?:Deleted )?\d+: ([^:@]+)/gm);
    t.same([...new Set([...names].map(([, name]) => name))].sort(), ['last', 'lo', 'up0']);
    if (isTaken) container.lab.run('ip', 'link', 'del', 'up0');
    isBack(t, host, container, `name taken: ${isTaken}`);
  }
});

test('DEL when namespace, config or everything is gone', async (t) => {
  const host = new CniHost(t);
  connected(host);
  const config = configOf(host);
  const del = (container: ReturnType<CniHost['container']>, extra: Json = {}, env: NodeJS.ProcessEnv = {}) =>
    host.run('ours', 'host-device', 'DEL', { ...config, ...extra }, container, env);
  const container = host.container();
  add(t, host, config, container);
  succeeds(t, del(container, { device: 7, hwaddr: [], ipam: config.ipam, dns: 1 }), 'a broken config');
  isBack(t, host, container, 'a broken config');
  add(t, host, config, container);
  succeeds(t, del(container, {}, { CNI_NETNS: '' }), 'the runtime has forgotten the namespace');
  isBack(t, host, container, 'namespace forgotten');
  // as the kernel brings back what is physical
  for (const name of ['eth0', 'dev3', 'up0']) {
    const gone = host.container();
    add(t, host, config, gone);
    gone.lab.run('ip', 'link', 'set', 'eth0', 'down');
    gone.lab.run('ip', 'link', 'set', 'eth0', 'name', name, 'netns', host.lab.name);
    if (name !== 'eth0') t.ok(linkNames(host).includes(name));
    Namespace.delete(gone.lab.name);
    succeeds(t, del(gone), `back as ${name}`);
    isBack(t, host, undefined, `back as ${name}`);
    succeeds(t, del(gone), 'twice');
    isBack(t, host, undefined, `back as ${name}, twice`);
  }
  // and without a record, as the reference would have left it
  host.lab.run('ip', 'link', 'set', 'up0', 'down');
  host.lab.run('ip', 'link', 'set', 'up0', 'name', 'eth0', 'alias', 'up0');
  succeeds(t, del(container, {}, { CNI_NETNS: '/run/netns/nl-none' }), 'no record');
  host.lab.run('ip', 'link', 'set', 'up0', 'up');
  isBack(t, host, container, 'no record');
  // virtual ones end with the namespace
  const last = host.container();
  add(t, host, config, last);
  Namespace.delete(last.lab.name);
  last.lab.namespace.close();
  succeeds(t, del(last), 'a virtual device');
  t.same(linkNames(host), ['lo']);
  t.same([...records(host), ...leases(host)], []);
});

test('the name is taken on the host: the device stays in use', async (t) => {
  const host = new CniHost(t);
  const neighbour = connected(host);
  const config = configOf(host);
  const container = host.container();
  const prevResult = add(t, host, config, container);
  host.lab.run('ip', 'link', 'add', 'up0', 'type', 'bridge');
  const withResult = { ...config, ipam: undefined, prevResult };
  t.match(host.run('ours', 'host-device', 'DEL', withResult, container).json, {
    code: 999,
    msg: 'failed to move "eth0" to host netns as "up0": file exists',
  });
  succeeds(t, host.run('ours', 'host-device', 'CHECK', withResult, container), 'still there');
  await linksUp(container.lab, neighbour.lab);
  container.lab.run('ping', '-c1', '-W2', '10.66.0.200');
  host.lab.run('ip', 'link', 'del', 'up0');
  succeeds(t, host.run('ours', 'host-device', 'DEL', config, container), 'the name is free');
  isBack(t, host, container, 'the name is free');
});

test('links that are another’s are left alone', async (t) => {
  const host = new CniHost(t);
  connected(host);
  const container = host.container();
  container.lab.run('ip', 'link', 'add', 'eth0', 'type', 'bridge');
  const config = configOf(host);
  t.match(host.run('ours', 'host-device', 'ADD', config, container).json, {
    code: 999,
    msg: 'failed to move link failed to move "eth0" (host: "up0") to container NS: file exists',
  });
  const { address } = hostLink(host);
  for (const alias of ['', 'somebody']) {
    container.lab.run('ip', 'link', 'set', 'eth0', 'alias', alias);
    for (const selector of [{}, { device: undefined, hwaddr: address }]) {
      succeeds(t, host.run('ours', 'host-device', 'DEL', { ...config, ...selector }, container), 'DEL');
      t.same(linkNames(container), ['eth0', 'lo']);
      isBack(t, host, undefined, 'DEL');
    }
  }
  // another plugin's link of the device's name
  container.lab.run('ip', 'link', 'set', 'eth0', 'name', 'up0');
  succeeds(t, host.run('ours', 'host-device', 'DEL', config, container), 'DEL');
  t.same(linkNames(container), ['lo', 'up0']);
});

test('each side removes what the other added', async (t) => {
  const host = new CniHost(t);
  connected(host);
  const ipam = { type: 'static', addresses: [{ address: '10.66.0.5/24', gateway: '10.66.0.1' }] };
  const config = configOf(host, { cniVersion: '1.0.0', ipam });
  const results: Json[] = [];
  const states: Json[] = [];
  for (const [adds, removes] of [
    ['ours', 'reference'],
    ['reference', 'ours'],
  ] as const) {
    const container = host.container();
    const added = host.run(adds, 'host-device', 'ADD', config, container);
    succeeds(t, added, `${adds}: ADD`);
    results.push(withoutRandom(added.json, container));
    states.push(container.state());
    t.equal(hostLink(container, 'eth0').ifalias, 'up0');
    const withResult = { ...config, prevResult: added.json };
    succeeds(t, host.run(removes, 'host-device', 'CHECK', withResult, container), `${removes}: CHECK`);
    succeeds(t, host.run(removes, 'host-device', 'DEL', config, container), `${removes}: DEL`);
    t.same(linkNames(container), ['lo']);
    // the reference leaves it down, and our record
    host.lab.run('ip', 'link', 'set', 'up0', 'up');
    succeeds(t, host.run('ours', 'host-device', 'DEL', config, container), 'DEL once more');
    isBack(t, host, container, `${adds}, ${removes}`);
  }
  t.same(results[0], results[1]);
  t.same(states[0], states[1]);
  // what the reference leaves when the name is taken
  const container = host.container();
  container.lab.run('ip', 'link', 'add', 'eth0', 'type', 'bridge');
  t.equal(host.run('reference', 'host-device', 'ADD', config, container).status, 1);
  t.same(linkNames(container), ['eth0', 'lo', 'up0']);
  succeeds(t, host.run('ours', 'host-device', 'DEL', config, container), 'DEL');
  t.same(linkNames(container), ['eth0', 'lo']);
  t.same(linkNames(host), ['lo', 'up0']);
});

test('GC brings back what nobody claims; STATUS knows whether there is a device', async (t) => {
  const host = new CniHost(t);
  connected(host);
  const config = configOf(host);
  const [one, two] = [host.container(), host.container()];
  for (let i = 1; i < 4; i++) host.lab.run('ip', 'link', 'add', `vif${i}`, 'type', 'ifb');
  const status = (extra: Json = {}) => host.run('ours', 'host-device', 'STATUS', { ...config, ...extra });
  succeeds(t, status(), 'STATUS');
  add(t, host, config, one);
  t.match(status().json, { code: 50, msg: 'failed to find host device: Link not found' });
  t.match(status({ device: '' }).json, { code: 7, msg: /specify either "device"/ });
  succeeds(t, status({ device: '', capabilities: { deviceID: true } }), 'the runtime will tell which');
  const full = { type: 'host-local', subnet: '10.66.0.0/31', dataDir: host.dataDir };
  t.not(status({ device: 'lo', ipam: full }).status, 0, 'IPAM’s');
  add(t, host, { ...config, device: 'vif1' }, two);
  add(t, host, { ...config, device: 'vif2', name: 'other' }, one, { CNI_IFNAME: 'net2' });
  add(t, host, { ...config, device: 'vif3' }, two, { CNI_IFNAME: 'net3' });
  const file = join(host.directory, 'devices', `${two.id}:net3.json`);
  const record = JSON.parse(readFileSync(file, 'utf8')) as Json;
  t.match(record, { network: 'net', device: 'vif3', sandbox: two.lab.path });
  const valid = [{ containerID: two.id, ifname: 'eth0' }];
  const collected = host.run('ours', 'host-device', 'GC', { ...config, 'cni.dev/valid-attachments': valid });
  succeeds(t, collected, 'GC');
  t.same(linkNames(host), ['lo', 'up0', 'vif3']);
  t.ok(hostLink(host).flags.includes('UP'));
  t.same(linkNames(one), ['lo', 'net2']);
  t.same(linkNames(two), ['eth0', 'lo']);
  t.same(leases(host), ['10.66.0.3']);
  t.same(records(host).sort(), [`${one.id}:net2.json`, `${two.id}:eth0.json`].sort());
  succeeds(t, host.run('ours', 'host-device', 'GC', config), 'without a list nothing is garbage');
  t.same(linkNames(two), ['eth0', 'lo']);
  // the record is of a namespace that is gone: another one has its path, with a device of the same names
  writeFileSync(file, JSON.stringify({ ...record, ifname: 'eth0', device: 'vif1', sandboxId: 1 }));
  const claims = { 'cni.dev/valid-attachments': [{ containerID: two.id, ifname: 'net9' }] };
  rmSync(join(host.directory, 'devices', `${two.id}:eth0.json`));
  renameSync(file, join(host.directory, 'devices', 'gone:eth0.json'));
  succeeds(t, host.run('ours', 'host-device', 'GC', { ...config, ...claims }), 'GC');
  t.same(linkNames(two), ['eth0', 'lo']);
});

test('many at once', async (t) => {
  const host = new CniHost(t);
  const containers = Array.from({ length: 15 }, () => host.container());
  const configs = containers.map((_, i) => configOf(host, { device: `vif${i}` }));
  for (const [i] of containers.entries()) host.lab.run('ip', 'link', 'add', `vif${i}`, 'type', 'ifb');
  const before = linkNames(host);
  for (const command of ['ADD', 'DEL']) {
    const outcomes = await Promise.all(
      containers.map((container, i) =>
        host.start('ours', 'host-device', command, configs[i] as Json, container),
      ),
    );
    t.same(
      outcomes.filter(({ status }) => status !== 0).map(({ stdout, stderr }) => stdout + stderr),
      [],
      command,
    );
    t.same(linkNames(host), command === 'ADD' ? ['lo'] : before);
  }
  // all want the same one
  const rivals = await Promise.all(
    containers.map((container) => host.start('ours', 'host-device', 'ADD', configs[0] as Json, container)),
  );
  const winners = containers.filter((_, i) => rivals[i]?.status === 0);
  t.equal(winners.length, 1);
  t.equal(leases(host).length, 1);
  t.equal(records(host).length, 1);
  for (const container of containers) host.run('ours', 'host-device', 'DEL', configs[0] as Json, container);
  t.same(linkNames(host), before);
  t.same([...records(host), ...leases(host)], []);
});
