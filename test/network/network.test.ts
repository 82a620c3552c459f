import { type Test, test } from 'tap';
import { NetlinkError } from '../../host/netlink/errors.js';
import { Network } from '../../host/network/network.js';
import { Lab } from '../support/lab.js';

async function lab(t: Test): Promise<{ lab: Lab; net: Network }> {
  const one = new Lab(t, 'net');
  const net = await Network.open({ namespace: one.namespace });
  t.teardown(() => net.close());
  return { lab: one, net };
}

async function refusal(t: Test, work: Promise<unknown>): Promise<NetlinkError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof NetlinkError) return error;
    throw error;
  }
  t.fail('the kernel should have refused');
  throw new Error('not refused');
}

test('a bridge and a veth pair, made as ip sees them', async (t) => {
  const { lab: a, net } = await lab(t);
  const b = new Lab(t, 'peer');
  await net.links.create({ ifname: 'br0', kind: 'bridge', up: true, data: { ageingTime: 5000 } });
  await net.links.create({
    ifname: 'veth0',
    kind: 'veth',
    up: true,
    master: 'br0',
    address: '02:00:00:00:00:01',
    peer: { ifname: 'eth0', namespace: b.namespace, mtu: 1300 },
  });
  const [bridge] = a.ip('link', 'show', 'br0');
  t.ok(bridge.flags.includes('UP'));
  t.equal(bridge.linkinfo.info_kind, 'bridge');
  t.equal(bridge.linkinfo.info_data.ageing_time, 5000);
  const [veth] = a.ip('link', 'show', 'veth0');
  t.equal(veth.master, 'br0');
  t.equal(veth.address, '02:00:00:00:00:01');
  const [peer] = b.ip('link', 'show', 'eth0');
  t.equal(peer.mtu, 1300);
  t.equal(peer.linkinfo.info_kind, 'veth');

  const found = await net.links.get('veth0');
  t.equal(found.index, veth.ifindex);
  t.equal(found.kind, 'veth');
  t.equal(found.master, bridge.ifindex);
  t.equal(found.slaveKind, 'bridge');
  t.match(
    (await net.links.list({ kind: 'veth' })).map(({ ifname }) => ifname),
    ['veth0'],
  );
  await net.links.changePort('veth0', { mode: 1 });
  t.equal(a.ip('link', 'show', 'veth0')[0].linkinfo.info_slave_data.hairpin, true);
  await net.links.change('veth0', { ifname: 'host0', mtu: 1200, master: null });
  const [renamed] = a.ip('link', 'show', 'host0');
  t.equal(renamed.mtu, 1200);
  t.notOk('master' in renamed);
  await net.links.addNames('host0', ['a-name-longer-than-fifteen-characters']);
  t.match(a.ip('link', 'show', 'host0')[0].altnames, ['a-name-longer-than-fifteen-characters']);
  t.equal((await net.links.get('a-name-longer-than-fifteen-characters')).ifname, 'host0');
  t.ok(await net.links.delete('host0'));
  t.notOk(await net.links.delete('host0'), 'deleting twice is no error');
  t.equal(b.ip('link', 'show').length, 1, 'the other end is gone too');
  const made = await net.links.createAndGet({ ifname: 'br1', kind: 'bridge' });
  t.equal(made.index, a.ip('link', 'show', 'br1')[0].ifindex);
});

test('addresses', async (t) => {
  const { lab: a, net } = await lab(t);
  await net.links.create({ ifname: 'br0', kind: 'bridge', up: true });
  await net.addresses.add({ device: 'br0', address: '10.62.0.1/16' });
  await net.addresses.add({ device: 'br0', address: 'fd00::1/64', flags: ['nodad'] });
  await net.addresses.add({ device: 'br0', address: '192.0.2.1', peer: '192.0.2.2/32', label: 'br0:x' });
  const [{ addr_info: info }] = a.ip('addr', 'show', 'br0');
  const by = (local: string) => info.find((one: { local: string }) => one.local === local);
  t.match(by('10.62.0.1'), { prefixlen: 16, broadcast: '10.62.255.255', scope: 'global' });
  t.match(by('fd00::1'), { prefixlen: 64, nodad: true });
  t.match(by('192.0.2.1'), { address: '192.0.2.2', prefixlen: 32, label: 'br0:x' });
  const listed = await net.addresses.list({ device: 'br0', family: 'inet' });
  t.match(listed.map(({ address }) => address).sort(), ['10.62.0.1/16', '192.0.2.1/32']);
  t.equal(listed.find(({ label }) => label === 'br0:x')?.peer, '192.0.2.2');
  t.equal((await refusal(t, net.addresses.add({ device: 'br0', address: '10.62.0.1/16' }))).code, 'EEXIST');
  t.ok(await net.addresses.delete({ device: 'br0', address: '10.62.0.1/16' }));
  t.notOk(await net.addresses.delete({ device: 'br0', address: '10.62.0.1/16' }));
  await t.rejects(net.addresses.add({ device: 'br0', address: '10.62.0/16' }), { code: 'ERR_INVALID_INPUT' });
  await t.rejects(net.addresses.add({ device: 'nothing', address: '10.0.0.1/8' }), { code: 'ENODEV' });
});

test('routes', async (t) => {
  const { lab: a, net } = await lab(t);
  await net.links.create({ ifname: 'v0', kind: 'veth', up: true, peer: { ifname: 'v1' } });
  await net.links.change('v1', { up: true });
  await net.addresses.add({ device: 'v0', address: '10.62.0.1/16' });
  await net.addresses.add({ device: 'v0', address: 'fd00::1/64', flags: ['nodad'] });
  await net.routes.add({ dst: '10.0.0.0/8', gateway: '10.62.0.9', priority: 5, metrics: { mtu: 1300 } });
  await net.routes.add({ dst: 'default', gateway: 'fe80::1', device: 'v0', table: 1000, family: 'inet' });
  await net.routes.add({ dst: '172.16.0.0/12', type: 'blackhole' });
  await net.routes.add({
    dst: '192.168.0.0/16',
    hops: [
      { gateway: '10.62.0.2', weight: 3 },
      { gateway: '10.62.0.3', device: 'v0' },
    ],
  });
  await net.routes.add({ dst: '2001:db8::/32', gateway: 'fd00::2' });
  const v4 = a.ip('route', 'show', 'table', 'all');
  const by = (dst: string) => v4.find((one: { dst: string }) => one.dst === dst);
  t.match(by('10.0.0.0/8'), {
    gateway: '10.62.0.9',
    dev: 'v0',
    metric: 5,
    protocol: 'static',
    metrics: [{ mtu: 1300 }],
  });
  t.match(by('default'), { via: { family: 'inet6', host: 'fe80::1' }, table: '1000' });
  t.match(by('172.16.0.0/12'), { type: 'blackhole' });
  t.match(by('192.168.0.0/16'), {
    nexthops: [
      { gateway: '10.62.0.2', weight: 3 },
      { gateway: '10.62.0.3', weight: 1 },
    ],
  });
  t.match(a.ip('-6', 'route', 'show', '2001:db8::/32')[0], { gateway: 'fd00::2' });
  const listed = await net.routes.list({ family: 'inet', table: 254 });
  t.match(
    listed.find(({ dst }) => dst === '10.0.0.0/8'),
    { gateway: '10.62.0.9', priority: 5, metrics: { mtu: 1300 }, scope: 'universe', type: 'unicast' },
  );
  t.equal((await net.routes.get('10.1.2.3')).gateway, '10.62.0.9');
  t.equal((await net.routes.get('2001:db8::7')).gateway, 'fd00::2');
  const columns = await net.routes.columns(['dst', 'dstLen', 'gateway', 'priority'], {
    table: 254,
    family: 'inet',
  });
  const row = Array.from({ length: columns.rowCount }, (_, i) => i).find(
    (i) => columns.dst.get(i) === '10.0.0.0',
  );
  t.equal(columns.dstLen.get(row ?? -1), 8);
  t.equal(columns.gateway.get(row ?? -1), '10.62.0.9');
  t.equal(columns.priority.get(row ?? -1), 5);
  const views = await net.routes.views({ table: 254, family: 'inet' });
  t.equal(views.find((view) => view.dst === '10.0.0.0')?.gateway, '10.62.0.9');
  const error = await refusal(t, net.routes.add({ dst: '10.9.0.0/16', gateway: '1.2.3.4' }));
  t.equal(error.code, 'ENETUNREACH');
  t.equal(error.extendedAck, 'Nexthop has invalid gateway');
  t.ok(await net.routes.delete({ dst: '10.0.0.0/8', priority: 5 }));
  t.notOk(await net.routes.delete({ dst: '10.0.0.0/8', priority: 5 }));
});

test('rules, neighbours, the forwarding database, next hops', async (t) => {
  const { lab: a, net } = await lab(t);
  await net.rules.add({ src: '10.1.0.0/16', table: 4000, priority: 99, iifname: 'lo' });
  await net.rules.add({ family: 'inet6', fwmark: 7, fwmask: 15, table: 100 });
  t.match(a.ip('rule', 'show', 'priority', '99')[0], {
    src: '10.1.0.0',
    srclen: 16,
    table: '4000',
    iif: 'lo',
  });
  t.match((await net.rules.list({ priority: 99 }))[0], { src: '10.1.0.0/16', table: 4000, action: 'to-tbl' });
  t.equal((await net.rules.list({ family: 'inet6', table: 100 }))[0]?.fwmark, 7);
  t.ok(await net.rules.delete({ priority: 99 }));
  t.notOk(await net.rules.delete({ priority: 99 }));

  await net.links.create({ ifname: 'br0', kind: 'bridge', up: true });
  await net.links.create({ ifname: 'v0', kind: 'veth', up: true, master: 'br0', peer: { ifname: 'v1' } });
  await net.links.change('v1', { up: true });
  await net.addresses.add({ device: 'br0', address: '10.62.0.1/16' });
  await net.neighbours.add({ device: 'br0', dst: '10.62.0.7', lladdr: '02:00:00:00:00:07' });
  t.match(a.ip('neigh', 'show', '10.62.0.7')[0], { lladdr: '02:00:00:00:00:07', state: ['PERMANENT'] });
  t.equal((await net.neighbours.list({ device: 'br0', dst: '10.62.0.7' }))[0]?.lladdr, '02:00:00:00:00:07');
  await net.neighbours.add({
    device: 'v0',
    family: 'bridge',
    lladdr: '02:00:00:00:00:08',
    flags: ['master'],
    state: ['noarp'],
  });
  const fdb = JSON.parse(a.run('bridge', '-j', 'fdb', 'show', 'dev', 'v0'));
  t.ok(
    fdb.some(
      (one: { mac: string; state: string }) => one.mac === '02:00:00:00:00:08' && one.state === 'static',
    ),
  );
  const ours = await net.neighbours.list({ family: 'bridge', device: 'v0', lladdr: '02:00:00:00:00:08' });
  t.equal(ours.length, 1);
  t.ok(
    await net.neighbours.delete({
      device: 'v0',
      family: 'bridge',
      lladdr: '02:00:00:00:00:08',
      flags: ['master'],
    }),
  );

  await net.nexthops.add({ id: 5, gateway: '10.62.0.2', device: 'br0' });
  await net.nexthops.add({ id: 6, gateway: '10.62.0.3', device: 'br0' });
  await net.nexthops.add({ id: 7, group: [{ id: 5, weight: 2 }, { id: 6 }] });
  t.match(a.ip('nexthop', 'show', 'id', '7')[0].group, [{ id: 5, weight: 2 }, { id: 6 }]);
  await net.routes.add({ dst: '10.99.0.0/16', nhId: 7 });
  t.equal(a.ip('route', 'show', '10.99.0.0/16')[0].nhid, 7);
  t.equal((await net.nexthops.get(5)).gateway, '10.62.0.2');
  t.ok(await net.nexthops.delete(7));
  t.notOk(await net.nexthops.delete(7));
});

test('a batch tells of each operation by itself', async (t) => {
  const { lab: a, net } = await lab(t);
  await net.links.create({ ifname: 'v0', kind: 'veth', up: true, peer: { ifname: 'v1' } });
  await net.links.change('v1', { up: true });
  await net.addresses.add({ device: 'v0', address: '10.0.0.1/8' });
  const result = await net.batch((batch) => {
    for (let i = 0; i < 3000; i++) {
      const gateway = i % 1000 === 7 ? '1.2.3.4' : '10.0.0.2';
      batch.routes.add({ dst: `192.${i >> 8}.${i & 255}.0/24`, gateway });
    }
  });
  t.match(
    result.failures.map(({ index, code }) => [index, code]),
    [
      [7, 'ENETUNREACH'],
      [1007, 'ENETUNREACH'],
      [2007, 'ENETUNREACH'],
    ],
  );
  t.equal(a.ip('route', 'show').length, 2997 + 1);
  t.notOk(result.ok);
  t.throws(() => result.throwIfFailed(), { code: 'ENETUNREACH' });
  const every = await net.batch((batch) => {
    for (let i = 0; i < 3000; i++)
      batch.routes.add({ dst: `192.${i >> 8}.${i & 255}.0/24`, gateway: '1.2.3.4' });
  });
  t.equal(every.failures.length, 3000, 'a batch in which all fails loses none');
  const links = await net.batch((batch) => {
    batch.links.create({ ifname: 'x0', kind: 'bridge' });
    batch.addresses.add({ device: 'x0', address: '10.5.0.1/24' });
    batch.links.change('x0', { up: true });
  });
  t.same(links.failures, []);
  t.equal(a.ip('addr', 'show', 'x0')[0].addr_info[0].local, '10.5.0.1');
});
