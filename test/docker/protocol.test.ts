import { statSync } from 'node:fs';
import { test } from 'tap';
import { Lab } from '../support/lab.js';
import { DockerNetwork, Driver, newId } from './support/driver.js';

const calls = [
  'CreateNetwork',
  'DeleteNetwork',
  'CreateEndpoint',
  'EndpointOperInfo',
  'DeleteEndpoint',
  'Join',
]
  .concat([
    'Leave',
    'ProgramExternalConnectivity',
    'RevokeExternalConnectivity',
    'AllocateNetwork',
    'FreeNetwork',
  ])
  .map((name) => `/NetworkDriver.${name}`)
  .concat(
    ['RequestPool', 'ReleasePool', 'RequestAddress', 'ReleaseAddress'].map((name) => `/IpamDriver.${name}`),
  );

test('the handshake, and bodies that make no sense', async (t) => {
  const lab = new Lab(t, 'docker');
  const driver = new Driver(t, lab);
  await driver.start();
  t.equal(statSync(driver.socket).mode & 0o777, 0o600, 'only root may connect');
  for (const body of ['', '{}', '\n'])
    t.same(await driver.send('/Plugin.Activate', body), {
      status: 200,
      body: { Implements: ['NetworkDriver', 'IpamDriver'] },
    });
  t.match(await driver.call('NetworkDriver.GetCapabilities'), { Scope: 'local', ConnectivityScope: 'local' });
  t.same(await driver.call('IpamDriver.GetCapabilities'), {
    RequiresMACAddress: false,
    RequiresRequestReplay: false,
  });
  t.same(await driver.call('IpamDriver.GetDefaultAddressSpaces'), {
    LocalDefaultAddressSpace: 'netloom-local',
    GlobalDefaultAddressSpace: 'netloom-global',
  });
  for (const path of calls) {
    for (const body of [
      '',
      '{',
      '[]',
      '7',
      'null',
      '"x"',
      '{"NetworkID":7,"EndpointID":[],"PoolID":{},"Pool":1}',
    ]) {
      const { status, body: said } = await driver.send(path, body);
      t.equal(status, 400, `${path} ${body}`);
      t.equal(said.Err, said.Error, 'under both names');
      t.not(said.Err, undefined);
    }
  }
  for (const id of ['', '..', '../../etc/passwd', 'x'.repeat(200), 'a\u0000b'])
    t.equal(
      (await driver.ask('NetworkDriver.DeleteNetwork', { NetworkID: id })).status,
      400,
      JSON.stringify(id),
    );
  t.equal((await driver.send('/NetworkDriver.Nothing', '{}')).status, 404);
  t.equal((await driver.send('/', '')).status, 404);
  t.equal((await driver.send('/NetworkDriver.Join', '', 'GET')).status, 405);
  t.same(await driver.call('NetworkDriver.DiscoverNew', { DiscoveryType: 1, DiscoveryData: {} }), {});
  t.same(await driver.call('NetworkDriver.DiscoverDelete', { DiscoveryType: 1 }), {});
  t.same(lab.ip('link').length, 1, 'nothing was made');
});

test('what is not known is gone already, or refused', async (t) => {
  const driver = new Driver(t, new Lab(t, 'docker'));
  await driver.start();
  const names = { NetworkID: newId(), EndpointID: newId() };
  for (const name of ['DeleteNetwork', 'DeleteEndpoint', 'Leave', 'RevokeExternalConnectivity'])
    t.same(await driver.call(`NetworkDriver.${name}`, names), {}, name);
  t.same(await driver.call('NetworkDriver.EndpointOperInfo', names), { Value: {} });
  for (const name of ['CreateEndpoint', 'Join', 'ProgramExternalConnectivity'])
    t.equal((await driver.ask(`NetworkDriver.${name}`, names)).status, 500, name);
  const pool = 'netloom-local/10.9.0.0/16';
  t.same(await driver.call('IpamDriver.ReleasePool', { PoolID: pool }), {});
  t.same(await driver.call('IpamDriver.ReleaseAddress', { PoolID: pool, Address: '10.9.0.9' }), {});
});

test('options that cannot be', async (t) => {
  const lab = new Lab(t, 'docker');
  const driver = new Driver(t, lab);
  await driver.start();
  const refused: [Record<string, unknown>, RegExp][] = [
    [{ type: 'overlay' }, /none of bridge/],
    [{ type: 'cni' }, /conflist/],
    [{ type: 'macvlan', macvlan_mode: 'x' }, /none of/],
    [{ type: 'macvlan', parent: 'missing0' }, /no link/],
    [{ type: 'macvlan', parent: 'missing0.10' }, /no link "missing0"/],
    [{ type: 'ipvlan', ipvlan_mode: 'l4' }, /none of/],
    [{ type: 'ipvlan', macvlan_mode: 'bridge' }, /no such option/],
    [{ parent: 'eth0' }, /no such option/],
    [{ 'com.docker.network.driver.mtu': '12' }, /bytes/],
    [{ 'com.docker.network.driver.mtu': 'many' }, /bytes/],
    [{ 'com.docker.network.bridge.enable_icc': 'maybe' }, /neither true nor false/],
    [{ 'com.docker.network.bridge.name': 'a-name-that-is-too-long' }, /name of an interface/],
    [{ 'com.docker.network.bridge.name': 'lo' }, /no bridge/],
    [{ 'com.docker.network.bridge.gateway_mode_ipv4': 'isolated' }, /internal/],
    [{ 'com.docker.network.bridge.default_bridge': 'true' }, /only one/],
  ];
  for (const [generic, expected] of refused) {
    const { status, body } = await new DockerNetwork(driver).create(generic, ['10.9.1.0/24']);
    t.not(status, 200, JSON.stringify(generic));
    t.match(body.Err, expected);
  }
  t.same(lab.ip('link').length, 1, 'nothing was made');
});
