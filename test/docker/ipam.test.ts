import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { Lab } from '../support/lab.js';
import { DockerNetwork, Driver, type Endpoint } from './support/driver.js';

const gateway = { RequestAddressType: 'com.docker.network.gateway' };

test('pools and addresses', async (t) => {
  const lab = new Lab(t, 'docker');
  const driver = new Driver(t, lab);
  await driver.start();
  const pool = async (Pool: string, SubPool = '', V6 = false) =>
    await driver.ask('IpamDriver.RequestPool', {
      AddressSpace: 'netloom-local',
      Pool,
      SubPool,
      V6,
      Options: null,
    });
  const address = async (PoolID: unknown, Address = '', Options: object | null = {}) =>
    await driver.ask('IpamDriver.RequestAddress', { PoolID, Address, Options });
  const first = await pool('10.9.0.0/29');
  t.same(first.body, { PoolID: 'netloom-local/10.9.0.0/29', Pool: '10.9.0.0/29', Data: {} });
  t.same((await pool('10.9.0.0/29')).body, first.body, 'the same is asked for, the same is given');
  t.match((await pool('10.9.0.0/28')).body.Err, /overlaps/);
  t.match((await pool('10.8.0.0/13')).body.Err, /overlaps/);
  for (const wrong of ['10.9.0.0', 'x', '0.0.0.0/0', '10.0.0.0/33'])
    t.equal((await pool(wrong)).status, 400, wrong);
  t.equal((await pool('10.10.0.0/24', '10.11.0.0/28')).status, 400, 'a range outside of its pool');
  const { PoolID } = first.body;
  t.same((await address(PoolID, '10.9.0.1', gateway)).body, { Address: '10.9.0.1/29', Data: {} });
  t.same((await address(PoolID, '10.9.0.1', gateway)).body.Address, '10.9.0.1/29', 'asked for once more');
  t.match((await address(PoolID, '10.9.0.1')).body.Err, /already in use/);
  t.match((await address(PoolID, '10.10.0.1')).body.Err, /out of range/);
  t.equal((await address(PoolID, '10.9.0.5', null)).body.Address, '10.9.0.5/29', 'an auxiliary address');
  for (const expected of [2, 3, 4, 6]) t.equal((await address(PoolID)).body.Address, `10.9.0.${expected}/29`);
  t.match((await address(PoolID)).body.Err, /no available addresses/);
  await driver.call('IpamDriver.ReleaseAddress', { PoolID, Address: '10.9.0.3' });
  await driver.call('IpamDriver.ReleaseAddress', { PoolID, Address: '10.9.0.3' });
  await driver.stop('SIGKILL');
  await driver.start();
  t.equal((await address(PoolID)).body.Address, '10.9.0.3/29', 'it remembers');
  t.match((await address(PoolID)).body.Err, /no available addresses/);
  const leases = join(driver.state, 'leases/netloom-local_10.9.0.0_29');
  t.same(
    readdirSync(leases)
      .filter((name) => name.startsWith('10.'))
      .sort(),
    [1, 2, 3, 4, 5, 6].map((last) => `10.9.0.${last}`),
    "host-local's files",
  );
  await driver.call('IpamDriver.ReleasePool', { PoolID });
  t.ok(existsSync(leases), 'asked for twice, given back once');
  await driver.call('IpamDriver.ReleasePool', { PoolID });
  t.notOk(existsSync(leases));
  t.equal(
    (await address(PoolID)).body.Address,
    '10.9.0.1/29',
    'a pool that was forgotten is known by its identifier',
  );
});

test('ranges, IPv6, small pools, pools of our choice', async (t) => {
  const lab = new Lab(t, 'docker');
  lab.run('ip', 'link', 'add', 'br9', 'type', 'bridge');
  lab.run('ip', 'address', 'add', '172.17.0.1/16', 'dev', 'br9');
  lab.run('ip', 'link', 'set', 'br9', 'up');
  const driver = new Driver(t, lab);
  await driver.start();
  const pool = async (Pool: string, SubPool = '', V6 = false) =>
    await driver.call('IpamDriver.RequestPool', { AddressSpace: '', Pool, SubPool, V6 });
  const address = async (PoolID: unknown, Address = '', Options = {}) =>
    (await driver.call('IpamDriver.RequestAddress', { PoolID, Address, Options })).Address;
  const range = await pool('10.9.0.0/16', '10.9.5.0/30');
  for (const last of [0, 1, 2, 3]) t.equal(await address(range.PoolID), `10.9.5.${last}/16`);
  await t.rejects(address(range.PoolID), /no available/);
  t.equal(await address(range.PoolID, '10.9.77.1'), '10.9.77.1/16', 'a static address outside of the range');
  const six = await pool('fd00:9::/64', '', true);
  t.equal(await address(six.PoolID), 'fd00:9::1/64');
  t.equal(await address(six.PoolID), 'fd00:9::2/64');
  const pair = await pool('10.99.0.0/31');
  t.same([await address(pair.PoolID), await address(pair.PoolID)], ['10.99.0.0/31', '10.99.0.1/31']);
  const serial = await pool('10.98.0.0/24');
  const inTurn = { 'com.docker.network.ipam.serial': 'true' };
  t.equal(await address(serial.PoolID, '', inTurn), '10.98.0.1/24');
  await driver.call('IpamDriver.ReleaseAddress', { PoolID: serial.PoolID, Address: '10.98.0.1' });
  t.equal(await address(serial.PoolID, '', inTurn), '10.98.0.2/24', 'what was given back rests');
  const chosen = [await pool(''), await pool(''), await pool('', '', true), await pool('', '', true)];
  t.equal(chosen[0]?.Pool, '172.18.0.0/16', 'the host has a route to the one before');
  t.equal(chosen[1]?.Pool, '172.19.0.0/16');
  t.match(chosen[2]?.Pool, /^fd.*\/64$/);
  t.not(chosen[2]?.Pool, chosen[3]?.Pool);
});

test('a stock of pools of its own', async (t) => {
  const driver = new Driver(t, new Lab(t, 'docker'), '--pool', '10.200.0.0/23,24');
  await driver.start();
  const pool = async () =>
    await driver.ask('IpamDriver.RequestPool', { AddressSpace: 'netloom-local', Pool: '' });
  t.equal((await pool()).body.Pool, '10.200.0.0/24');
  t.equal((await pool()).body.Pool, '10.200.1.0/24');
  t.match((await pool()).body.Err, /no pool is free/);
});

test('an address that is asked for twice', async (t) => {
  const driver = new Driver(t, new Lab(t, 'docker'));
  await driver.start();
  const subnet = '10.9.1.0/24';
  const { PoolID } = await driver.call('IpamDriver.RequestPool', { AddressSpace: '', Pool: subnet });
  const network = new DockerNetwork(driver);
  await network.create({}, [subnet]);
  const request = () => driver.ask('IpamDriver.RequestAddress', { PoolID, Address: '10.9.1.7' });
  const release = () => driver.call('IpamDriver.ReleaseAddress', { PoolID, Address: '10.9.1.7' });
  const create = (endpoint: Endpoint) =>
    endpoint.ask('CreateEndpoint', { Interface: { Address: '10.9.1.7/24' } });
  const [one, two] = [network.endpoint(), network.endpoint()];
  t.equal((await request()).status, 200);
  t.equal((await request()).status, 200, 'an answer was lost: nobody has it yet');
  t.equal((await create(one)).status, 200);
  t.match((await request()).body.Err, /already in use/);
  t.match((await create(two)).body.Err, /already in use/, 'of two that ask at once, the second has to go');
  await release();
  t.match((await request()).body.Err, /already in use/, 'and gives nothing back that is the first one’s');
  await one.call('DeleteEndpoint');
  await release();
  t.equal((await request()).status, 200);
});
