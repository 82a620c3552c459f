import { test } from 'tap';
import { inventory, readTables } from '../../host/inspect/index.js';
import { Lab } from '../support/lab.js';
import { comparesWithIp } from './support/compare.js';

/** Links of many kinds, addresses, routes, neighbours and rules. */
function furnish(lab: Lab, other: Lab): void {
  const ip = (...args: string[]): string => lab.run('ip', ...args);
  ip('link', 'set', 'lo', 'up');
  ip('link', 'add', 'v0', 'type', 'veth', 'peer', 'name', 'v1', 'netns', other.name);
  other.run('ip', 'link', 'set', 'v1', 'up');
  ip('link', 'add', 'br0', 'type', 'bridge');
  ip('link', 'add', 'v2', 'type', 'veth', 'peer', 'name', 'v3');
  ip('link', 'set', 'v2', 'master', 'br0');
  for (const name of ['v0', 'br0', 'v2']) ip('link', 'set', name, 'up');
  ip('link', 'add', 'mv0', 'link', 'v3', 'type', 'macvlan', 'mode', 'private');
  ip('link', 'add', 'vx0', 'type', 'vxlan', 'id', '42', 'dev', 'v0', 'remote', '10.1.0.2', 'dstport', '4789');
  ip(
    'link',
    'add',
    'vx1',
    'type',
    'vxlan',
    'id',
    '43',
    'dev',
    'v0',
    'group',
    '239.1.1.1',
    'local',
    '10.1.0.1',
    'dstport',
    '8472',
    'nolearning',
  );
  ip('tuntap', 'add', 'tap0', 'mode', 'tap', 'user', '12345');
  ip('link', 'add', 'ifb7', 'type', 'ifb');
  ip('link', 'property', 'add', 'dev', 'v0', 'altname', 'an-other-name');
  ip('link', 'set', 'v0', 'alias', 'an alias');
  ip('link', 'set', 'ifb7', 'group', '7');
  ip('addr', 'add', '10.1.0.1/24', 'dev', 'v0');
  ip('addr', 'add', '10.1.0.7/24', 'brd', '+', 'dev', 'v0');
  ip('addr', 'add', '10.1.0.9/32', 'peer', '10.1.0.10', 'dev', 'v0');
  ip('addr', 'add', 'fd00:1::1/64', 'dev', 'v0', 'nodad');
  ip('addr', 'add', 'fd00:1::9/64', 'dev', 'v0', 'nodad', 'noprefixroute', 'preferred_lft', '0');
  ip('route', 'add', 'default', 'via', '10.1.0.2');
  ip('route', 'add', '10.9.0.0/16', 'via', '10.1.0.3', 'metric', '5', 'mtu', '1400', 'advmss', '1300');
  ip('route', 'add', 'blackhole', '10.10.0.0/16');
  ip(
    'route',
    'add',
    '10.11.0.0/16',
    'nexthop',
    'via',
    '10.1.0.2',
    'weight',
    '2',
    'nexthop',
    'via',
    '10.1.0.3',
    'dev',
    'v0',
  );
  ip('route', 'add', '10.12.0.0/16', 'via', 'inet6', 'fe80::1', 'dev', 'v0');
  ip(
    'route',
    'add',
    '10.13.0.0/16',
    'via',
    '192.0.2.1',
    'dev',
    'v0',
    'onlink',
    'proto',
    'static',
    'table',
    '100',
  );
  ip('route', 'add', '10.14.0.1', 'dev', 'v0', 'src', '10.1.0.1', 'scope', 'link', 'tos', '0x10');
  ip('route', 'add', 'fd00:9::/48', 'via', 'fd00:1::2', 'expires', '1000');
  ip('neigh', 'add', '10.1.0.2', 'lladdr', '02:00:00:00:00:02', 'dev', 'v0');
  ip('neigh', 'add', 'proxy', '10.1.0.77', 'dev', 'v0');
  ip('neigh', 'add', 'fd00:1::2', 'lladdr', '02:00:00:00:00:02', 'dev', 'v0', 'nud', 'permanent', 'router');
  ip('rule', 'add', 'from', '10.1.0.0/24', 'table', '100');
  ip('rule', 'add', 'fwmark', '0x10/0xff', 'table', '100', 'priority', '500');
  ip('rule', 'add', 'iif', 'v0', 'oif', 'lo', 'to', '10.2.0.0/16', 'priority', '499', 'blackhole');
  ip(
    'rule',
    'add',
    'not',
    'from',
    '10.3.0.1',
    'ipproto',
    'tcp',
    'dport',
    '80-90',
    'sport',
    '7',
    'lookup',
    '100',
  );
  ip('rule', 'add', 'uidrange', '1-5', 'lookup', 'main', 'suppress_prefixlength', '0');
  ip('rule', 'add', 'priority', '600', 'goto', '32766');
  ip('rule', 'add', 'priority', '601', 'tos', '0x10', 'nop');
  ip('-6', 'rule', 'add', 'from', 'fd00:2::/64', 'unreachable');
}

test('every table equals what iproute2 prints', { timeout: 60_000 }, async (t) => {
  const lab = new Lab(t, 'tables');
  furnish(lab, new Lab(t, 'other'));
  const tables = [
    [{}, []],
    [{ table: 'all' }, ['table', 'all']],
    [{ table: '100' }, ['table', '100']],
    [{ table: 'local', families: ['inet6'] }, ['table', 'local']],
  ] as const;
  for (const details of [false, true]) {
    const flags = details ? ['-d'] : [];
    await comparesWithIp(t, lab, 'link', { details }, [...flags, 'link']);
    await comparesWithIp(t, lab, 'address', { details }, [...flags, 'address']);
    await comparesWithIp(t, lab, 'neighbour', { details }, [...flags, 'neigh']);
    await comparesWithIp(t, lab, 'neighbour', { details, families: ['inet6'] }, ['-6', ...flags, 'neigh']);
    await comparesWithIp(t, lab, 'rule', { details }, [...flags, 'rule']);
    await comparesWithIp(t, lab, 'rule', { details, families: ['inet6'] }, ['-6', ...flags, 'rule']);
    for (const [options, args] of tables) {
      const family = 'families' in options ? ['-6'] : [];
      await comparesWithIp(t, lab, 'route', { details, ...options }, [
        ...family,
        ...flags,
        'route',
        'show',
        ...args,
      ]);
    }
    await comparesWithIp(t, lab, 'route', { details, families: ['inet6'] }, ['-6', ...flags, 'route']);
  }
});

test('a namespace with nothing in it', async (t) => {
  const lab = new Lab(t, 'empty');
  for (const [name, args] of [
    ['link', 'link'],
    ['address', 'address'],
    ['route', 'route'],
    ['neighbour', 'neigh'],
    ['rule', 'rule'],
  ] as const) {
    await comparesWithIp(t, lab, name, {}, [args]);
  }
});

test('tables that there are not, namespaces that are gone', async (t) => {
  const lab = new Lab(t, 'wrong');
  const all = await inventory({ engines: false });
  const found = all.namespaces.filter(({ id }) => id.inode === lab.namespace.id.ino);
  const read = (table: string): Promise<unknown> => readTables('route', found, all.self.inode, { table });
  await t.rejects(read('no-such-table'), {
    code: 'ERR_INVALID_SELECTOR',
    message: /no routing table "no-such-table"/,
  });
  await t.rejects(read('99999999999'), { code: 'ERR_INVALID_SELECTOR' });
  t.match(await read('4711'), { tables: [{ rows: [] }], problems: [] });
  const gone = found.map((one) => ({
    ...one,
    id: { device: one.id.device, inode: 1 },
  }));
  t.same(await readTables('link', gone, all.self.inode), { tables: [], problems: [] });
});
