import { existsSync } from 'node:fs';
import { type Test, test } from 'tap';
import { CniHost, type Container, type Json, type Side } from '../support/host.js';

const ETH0 = '10.61.0.2/24';
const NET1 = ['10.62.0.2/24', '10.62.0.1'] as const;
const NET1_SIX = ['fd00:62::2/64', 'fd00:62::1'] as const;
const FAR = '10.99.0.1';

/** A container with eth0, which has the default route, and net1; both lead to the host. */
function twoInterfaces(host: CniHost, { six = false, routes = true } = {}): Container {
  const container = host.container();
  const { lab } = container;
  for (const [name, peer, own, gateway] of [
    ['eth0', 'h0', ETH0, '10.61.0.1/24'],
    ['net1', 'h1', NET1[0], `${NET1[1]}/24`],
  ] as const) {
    host.lab.run('ip', 'link', 'add', peer, 'type', 'veth', 'peer', name, 'netns', lab.name);
    if (!six) lab.run('sysctl', '-q', '-w', `net.ipv6.conf.${name}.disable_ipv6=1`);
    lab.run('ip', 'address', 'add', own, 'dev', name);
    lab.run('ip', 'link', 'set', name, 'up');
    host.lab.run('ip', 'address', 'add', gateway, 'dev', peer);
    host.lab.run('ip', 'link', 'set', peer, 'up');
  }
  lab.run('ip', 'route', 'add', 'default', 'via', '10.61.0.1');
  if (routes) lab.run('ip', 'route', 'add', '10.99.0.0/16', 'via', NET1[1], 'dev', 'net1');
  if (six) {
    lab.run('ip', 'address', 'add', NET1_SIX[0], 'dev', 'net1', 'nodad');
    if (routes)
      lab.run('ip', '-6', 'route', 'add', 'default', 'via', NET1_SIX[1], 'dev', 'net1', 'metric', '50');
  }
  return container;
}

const IFNAME = { CNI_IFNAME: 'net1' };

function configOf(
  extra: Json = {},
  ips: Json[] = [{ address: NET1[0], gateway: NET1[1], interface: 1 }],
): Json {
  return {
    cniVersion: '1.0.0',
    name: 'net',
    type: 'sbr',
    prevResult: {
      cniVersion: '1.0.0',
      interfaces: [{ name: 'h1' }, { name: 'net1', sandbox: '/run/netns/some' }],
      ips,
    },
    ...extra,
  };
}

interface Rule extends Json {
  src: string;
  table: string;
}

interface Route extends Json {
  dst: string;
  dev: string;
  table: string;
}

/** What iproute2 says of rules and tables; the kernel's own left out. */
function policy({ lab }: Container): { rules: Json[]; routes: Json[] } {
  const rules = [...lab.ip('-4', 'rule'), ...lab.ip('-6', 'rule')] as Rule[];
  const routes = ['-4', '-6'].flatMap((family) => lab.ip(family, 'route', 'show', 'table', 'all') as Route[]);
  return {
    rules: rules
      .filter(({ src }) => src !== 'all')
      .map(({ src, table, priority }) => ({ src, table, priority })),
    routes: routes
      .filter(
        ({ table, dst, type }) => table !== 'local' && !/^(ff00|fe80)/.test(dst) && type !== 'multicast',
      )
      .map(({ dst, gateway, dev, prefsrc, scope, table, metric }) => ({
        dst,
        gateway: gateway ?? null,
        dev,
        prefsrc: prefsrc ?? null,
        scope,
        table: table ?? 'main',
        metric: metric ?? null,
      }))
      .sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)),
  };
}

function mustRun(
  t: Test,
  host: CniHost,
  side: Side,
  command: string,
  config: Json,
  container: Container,
  extra: NodeJS.ProcessEnv = IFNAME,
): Json {
  const done = host.run(side, 'sbr', command, config, container, extra);
  t.equal(done.status, 0, `${side} ${command}: ${done.stdout}${done.stderr}`);
  return done.json;
}

const two = [
  { address: NET1[0], gateway: NET1[1], interface: 1 },
  { address: '10.63.0.2/24', gateway: '10.63.0.1', interface: 1 },
];

// a key that Debian's version does not know
test('a table that has its routes already', { timeout: 60_000 }, async (t) => {
  for (const table of [321, 70_000]) {
    const host = new CniHost(t);
    const container = twoInterfaces(host);
    container.lab.run('ip', 'address', 'add', '10.63.0.2/24', 'dev', 'net1');
    const { routes } = policy(container);
    const config = configOf({ table }, two);
    mustRun(t, host, 'ours', 'ADD', config, container);
    const added = policy(container);
    t.same(
      added.rules.map(({ src, table: to }) => `${src} ${to}`),
      [`10.63.0.2 ${table}`, `10.62.0.2 ${table}`],
    );
    t.same(added.routes, routes, 'they stay where they are');
    mustRun(t, host, 'ours', 'CHECK', config, container);
    const other = host.run('ours', 'sbr', 'CHECK', configOf({ table: 322 }, two), container, IFNAME);
    t.match(other.json, { code: 999, msg: /no rule found/ });
    mustRun(t, host, 'ours', 'DEL', config, container);
    t.same(policy(container), { rules: [], routes });
  }
});

test('packets leave by the interface of their source', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const container = twoInterfaces(host, { six: true, routes: false });
  const { lab } = container;
  host.lab.run('ip', 'address', 'add', `${FAR}/32`, 'dev', 'lo');
  host.lab.run('ip', 'address', 'add', 'fd00:99::1/128', 'dev', 'lo');
  host.lab.run('ip', 'address', 'add', `${NET1_SIX[1]}/64`, 'dev', 'h1', 'nodad');
  const ips = [two[0] as Json, { address: NET1_SIX[0], gateway: NET1_SIX[1], interface: 1 }];
  const device = (from: string, to: string): string => lab.ip('route', 'get', to, 'from', from)[0].dev;
  t.equal(device('10.62.0.2', FAR), 'eth0');
  mustRun(t, host, 'ours', 'ADD', configOf({}, ips), container);
  t.equal(device('10.62.0.2', FAR), 'net1');
  t.equal(device('10.61.0.2', FAR), 'eth0');
  t.equal(lab.ip('-6', 'route', 'get', 'fd00:99::1', 'from', 'fd00:62::2')[0].dev, 'net1');
  const received = (): number => host.lab.ip('-s', 'link', 'show', 'h1')[0].stats64.rx.packets;
  const before = received();
  lab.run('ping', '-n', '-c', '3', '-i', '0.05', '-W', '2', '-I', '10.62.0.2', FAR);
  t.ok(received() >= before + 3, 'the host gets them from net1');
  lab.run('ping', '-n', '-c', '2', '-i', '0.05', '-W', '2', '-I', 'fd00:62::2', 'fd00:99::1');
  // what IPv6 itself needs stays in the main table, which the reference takes away
  t.ok((lab.ip('-6', 'route', 'show', 'dev', 'net1') as Route[]).some(({ dst }) => dst === 'fe80::/64'));
});

test('routes go to tables of their own family only', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const container = twoInterfaces(host, { six: true });
  mustRun(t, host, 'ours', 'ADD', configOf(), container);
  const { rules, routes } = policy(container);
  t.same(rules, [{ src: '10.62.0.2', table: '100', priority: 32765 }]);
  t.same(
    routes.filter(({ dst }) => String(dst).includes(':')).map(({ table }) => table),
    ['main'],
    'the IPv6 network of an interface with an IPv4 address in the result stays where it was',
  );
  t.equal(routes.filter(({ table, dst }) => table === 'main' && dst === 'default').length, 2);
});

test('gateways', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const container = twoInterfaces(host, { six: true });
  const ips = [two[0] as Json, { address: NET1_SIX[0], interface: 1 }];
  container.lab.run('ip', 'route', 'add', 'default', 'via', NET1[1], 'dev', 'net1', 'metric', '9');
  const config = configOf({ gateways: ['10.62.0.254', 'fd00:62:0::fe'] }, ips);
  mustRun(t, host, 'ours', 'ADD', config, container);
  const defaults = (): Json[] =>
    policy(container)
      .routes.filter(({ dst, table }) => dst === 'default' && table !== 'main')
      .map(({ gateway, table }) => ({ gateway, table }));
  t.same(defaults(), [
    { gateway: '10.62.0.254', table: '100' },
    { gateway: 'fd00:62::fe', table: '101' },
  ]);
  mustRun(t, host, 'ours', 'CHECK', config, container);
  const wrong = host.run(
    'ours',
    'sbr',
    'CHECK',
    configOf({ gateways: ['10.62.0.9'] }, ips),
    container,
    IFNAME,
  );
  t.match(wrong.json, { code: 999, msg: /no default route over interface net1 found in table 100/ });
  for (const [gateways, msg] of [
    [
      ['10.1.1.1', '::1', '10.1.1.2'],
      'gateways list cannot contain more than 2 entries (one IPv4, one IPv6)',
    ],
    [['10.1.1'], 'invalid static gateway IP address: 10.1.1'],
    [['10.1.1.1', '10.1.1.2'], 'gateways list contains multiple IPv4 addresses: 10.1.1.1 and 10.1.1.2'],
    [['fd00::1', 'fd00::2'], 'gateways list contains multiple IPv6 addresses: fd00::1 and fd00::2'],
  ] as const) {
    const refused = host.run('ours', 'sbr', 'ADD', configOf({ gateways }), container, IFNAME);
    t.match(refused.json, { code: 7, msg });
  }
});

test('addSourceHints keeps what tells the source', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const container = twoInterfaces(host, { six: true });
  // both interfaces in one network: the hint of one must not replace the route of the other
  container.lab.run('ip', 'address', 'add', '10.62.0.3/24', 'dev', 'eth0');
  const ips = [two[0] as Json, { address: NET1_SIX[0], gateway: NET1_SIX[1], interface: 1 }];
  mustRun(t, host, 'ours', 'ADD', configOf({ addSourceHints: true }, ips), container);
  const main = policy(container).routes.filter(({ table }) => table === 'main');
  t.match(
    main.filter(({ dev }) => dev === 'net1').map(({ dst, prefsrc }) => `${dst} ${prefsrc}`),
    ['10.62.0.0/24 10.62.0.2', 'fd00:62::/64 fd00:62::2'],
  );
  t.match(
    main.filter(({ dev, dst }) => dev === 'eth0' && dst !== 'default').map(({ dst }) => dst),
    ['10.61.0.0/24', '10.62.0.0/24'],
  );
});

test('never another’s rules and tables', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const container = twoInterfaces(host);
  const { lab } = container;
  // a table with routes but no rule, one with a rule but no routes, and one that a VRF could not have either
  lab.run('ip', 'route', 'add', '10.77.0.0/16', 'dev', 'eth0', 'table', '100');
  lab.run('ip', 'rule', 'add', 'from', '10.1.1.1', 'lookup', '101');
  // an administrator's rules for the very address
  lab.run('ip', 'rule', 'add', 'from', '10.62.0.2', 'lookup', '100');
  lab.run('ip', 'rule', 'add', 'from', '10.62.0.2', 'fwmark', '7', 'lookup', '300');
  lab.run('ip', 'rule', 'add', 'from', '10.62.0.2', 'lookup', 'main', 'suppress_prefixlength', '0');
  const theirs = policy(container);
  mustRun(t, host, 'ours', 'ADD', configOf(), container);
  t.equal(policy(container).rules.find((rule) => rule.table === '102')?.src, '10.62.0.2');
  mustRun(t, host, 'ours', 'DEL', configOf(), container);
  t.same(policy(container).rules, theirs.rules);
  t.ok(policy(container).routes.some(({ table }) => table === '100'));
  t.notOk(policy(container).routes.some(({ table }) => table === '102'));
});

test('two interfaces with one address', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const container = twoInterfaces(host);
  container.lab.run('ip', 'address', 'add', NET1[0], 'dev', 'eth0');
  const first = { CNI_IFNAME: 'eth0' };
  const ofEth0 = configOf({}, [{ address: NET1[0], gateway: NET1[1] }]);
  mustRun(t, host, 'ours', 'ADD', ofEth0, container, first);
  mustRun(t, host, 'ours', 'ADD', configOf(), container);
  t.equal(policy(container).rules.length, 2);
  mustRun(t, host, 'ours', 'DEL', configOf(), container);
  const { rules, routes } = policy(container);
  t.equal(rules.length, 1);
  t.ok(
    routes.some(({ table, dev, dst }) => table === rules[0]?.table && dev === 'eth0' && dst === 'default'),
  );
  mustRun(t, host, 'ours', 'DEL', ofEth0, container, first);
  t.same(policy(container).rules, []);
});

test('ADD twice, DEL twice, DEL without ADD, no namespace', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const container = twoInterfaces(host);
  mustRun(t, host, 'ours', 'DEL', configOf(), container);
  const before = policy(container);
  for (const extra of [{}, { table: 400 }]) {
    mustRun(t, host, 'ours', 'ADD', configOf(extra), container);
    const once = policy(container);
    mustRun(t, host, 'ours', 'ADD', configOf(extra), container);
    t.same(policy(container), once);
    mustRun(t, host, 'ours', 'DEL', configOf(extra), container);
    mustRun(t, host, 'ours', 'DEL', configOf(extra), container);
    t.same(policy(container).rules, before.rules);
  }
  const gone = '/run/netns/nl-gone-sbr';
  for (const CNI_NETNS of ['', gone])
    mustRun(t, host, 'ours', 'DEL', configOf(), container, { ...IFNAME, CNI_NETNS });
  t.notOk(existsSync(gone), 'nothing is made at the path');
  t.match(host.run('ours', 'sbr', 'ADD', configOf(), container, { ...IFNAME, CNI_NETNS: gone }).json, {
    code: 999,
    msg: /failed to open netns/,
  });
  t.notOk(existsSync(gone));
  container.lab.run('ip', 'route', 'add', '10.62.0.0/24', 'dev', 'net1');
  // the interface is gone, its rule is not: the result tells the address
  mustRun(t, host, 'ours', 'ADD', configOf(), container);
  container.lab.run('ip', 'link', 'delete', 'net1');
  t.equal(policy(container).rules.length, 1);
  mustRun(t, host, 'ours', 'DEL', configOf(), container);
  t.same(policy(container).rules, []);
});

test('a failed ADD leaves everything as it was', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const container = twoInterfaces(host, { six: true });
  const before = policy(container);
  // the second address's gateway can be reached by no route
  const ips = [two[0] as Json, { address: '10.63.0.2/24', gateway: '10.63.0.1', interface: 1 }];
  const failed = host.run('ours', 'sbr', 'ADD', configOf({}, ips), container, IFNAME);
  t.match(failed.json, { code: 999, msg: /Failed to add default route to 10\.63\.0\.1: / });
  t.same(policy(container), before);
});

test('bad input', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const container = twoInterfaces(host);
  const before = policy(container);
  const cases: [Json, Json][] = [
    [configOf({ table: 'main' }), { code: 6, msg: /table: expected a whole number/ }],
    [configOf({ table: -1 }), { code: 6, msg: /table: expected a whole number/ }],
    [configOf({ table: 2 ** 32 }), { code: 6, msg: /table: expected a whole number/ }],
    [configOf({ gateways: '10.1.1.1' }), { code: 6, msg: /gateways: expected an array/ }],
    [configOf({ gateways: [1] }), { code: 6, msg: /gateways\[0\]: expected a string/ }],
    [configOf({ addSourceHints: 1 }), { code: 6, msg: /addSourceHints: expected true or false/ }],
    [configOf({ prevResult: null }), { code: 7, msg: 'This plugin must be called as chained plugin' }],
    [configOf({}, []), { code: 7, msg: 'No IP addresses supplied on interface: net1' }],
  ];
  for (const [config, expected] of cases) {
    const refused = host.run('ours', 'sbr', 'ADD', config, container, IFNAME);
    t.equal(refused.status, 1);
    t.match(refused.json, expected);
    mustRun(t, host, 'ours', 'DEL', config, container);
  }
  const nowhere = host.run('ours', 'sbr', 'ADD', configOf({}, [{ address: NET1[0] }]), container, {
    CNI_IFNAME: 'net7',
  });
  t.match(nowhere.json, { code: 999, msg: 'Cannot find network interface net7: Link not found' });
  t.match(host.run('ours', 'sbr', 'CHECK', configOf({ prevResult: null }), container, IFNAME).json, {
    msg: 'Required prevResult missing',
  });
  t.match(host.run('ours', 'sbr', 'CHECK', configOf(), container, IFNAME).json, {
    code: 999,
    msg: /no rule found for packets from 10\.62\.0\.2\/32 of interface net1/,
  });
  t.same(policy(container), before);
});

test('versions, STATUS and GC', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  t.same(host.run('ours', 'sbr', 'VERSION', {}).json.supportedVersions, [
    '0.1.0',
    '0.2.0',
    '0.3.0',
    '0.3.1',
    '0.4.0',
    '1.0.0',
    '1.1.0',
  ]);
  const plain = { cniVersion: '1.1.0', name: 'net', type: 'sbr' };
  t.equal(host.run('ours', 'sbr', 'STATUS', plain).status, 0);
  t.equal(host.run('ours', 'sbr', 'GC', { ...plain, 'cni.dev/valid-attachments': [] }).status, 0);
  for (const cniVersion of ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.1.0']) {
    const container = twoInterfaces(host);
    const legacy = cniVersion < '0.3.0';
    const prevResult = legacy
      ? { cniVersion, ip4: { ip: NET1[0], gateway: NET1[1] } }
      : { cniVersion, ips: [{ version: '4', address: NET1[0], gateway: NET1[1] }] };
    const config = { cniVersion, name: 'net', type: 'sbr', prevResult };
    t.match(mustRun(t, host, 'ours', 'ADD', config, container), legacy ? { ip4: {} } : { ips: [{}] });
    t.equal(policy(container).rules.length, 1);
    mustRun(t, host, 'ours', 'DEL', config, container);
    host.lab.run('ip', 'link', 'delete', 'h0');
    host.lab.run('ip', 'link', 'delete', 'h1');
  }
});

test('CHECK of the plugin before', { timeout: 60_000 }, (t) => {
  const host = new CniHost(t);
  const container = host.container();
  const { lab } = container;
  lab.run('ip', 'link', 'set', 'lo', 'up');
  const ipam = {
    type: 'static',
    addresses: [
      { address: '10.62.0.2/24', gateway: '10.62.0.1' },
      { address: 'fd00:62::2/64', gateway: 'fd00:62::1' },
    ],
    routes: [{ dst: '0.0.0.0/0' }, { dst: '::/0' }, { dst: '10.99.0.0/16' }],
  };
  const ptp: Json = { cniVersion: '1.0.0', name: 'net', type: 'ptp', ipam };
  const added = host.run('ours', 'ptp', 'ADD', ptp, container);
  const config: Json = { cniVersion: '1.0.0', name: 'net', type: 'sbr', prevResult: added.json };
  mustRun(t, host, 'ours', 'ADD', config, container, {});
  const check = (type: string): Json =>
    host.run('ours', type, 'CHECK', { ...(type === 'sbr' ? config : ptp), prevResult: added.json }, container)
      .json;
  for (const type of ['ptp', 'sbr'])
    t.same(check(type), {}, `${type} finds its routes where they were moved`);
  // nothing leads there any more
  const rule = ['from', '10.62.0.2', 'lookup', '100'];
  lab.run('ip', 'rule', 'del', ...rule);
  t.match(check('ptp'), { code: 999, msg: /Failed to find Gateway 10\.62\.0\.1 for interface eth0/ });
  lab.run('ip', 'rule', 'add', ...rule);
  t.same(check('ptp'), {});
  lab.run('ip', 'route', 'del', '10.99.0.0/16', 'table', '100');
  t.match(check('ptp'), { code: 999, msg: /Expected Route \{Dst:10\.99\.0\.0\/16/ });
  for (const [type, given] of [
    ['sbr', config],
    ['ptp', ptp],
  ] as const) {
    t.equal(host.run('ours', type, 'DEL', given, container).status, 0, `DEL of ${type}`);
  }
  t.end();
});
