import t, { test } from 'tap';
import { CniHost, type Json } from '../support/host.js';
import { leases, linkNames, succeeds } from './support/child-link.js';
import { configOf } from './support/tap.js';

t.setTimeout(120_000);

test('what is wrong with a config', (t) => {
  const host = new CniHost(t);
  const container = host.container();
  const address = { address: '10.67.0.5/24' };
  const wrong: [Json, number, RegExp, NodeJS.ProcessEnv?][] = [
    [{ mtu: 'many' }, 6, /failed to load netconf: mtu: expected a whole number, got "many"/],
    [{ mtu: -1 }, 7, /mtu: expected 0 or a number of bytes, got -1/],
    [{ mtu: 20 }, 999, /failed to configure tap eth0: /],
    [{ mtu: 100_000 }, 999, /failed to configure tap eth0: /],
    [{ multiQueue: 'yes' }, 6, /multiQueue: expected true or false/],
    [{ mac: 7 }, 6, /mac: expected a string, got 7/],
    [{ mac: 'zz' }, 7, /invalid args zz for MAC addr: address zz: invalid MAC address/],
    [{ mac: 'ff:ff:ff:ff:ff:ff' }, 999, /failed to configure tap eth0: /],
    [{ runtimeConfig: { mac: [] } }, 6, /runtimeConfig.mac: expected a string/],
    [{ owner: 'root' }, 6, /owner: expected a whole number from 0 to 4294967294, got "root"/],
    [{ owner: -5 }, 6, /owner: expected a whole number from 0 to 4294967294, got -5/],
    [{ group: 4294967295 }, 6, /group: expected a whole number/],
    [{ selinuxContext: 1 }, 6, /selinuxContext: expected a string/],
    [{ bridge: 1 }, 6, /bridge: expected a string/],
    [{ bridge: 'br0' }, 999, /failed to get bridge br0: Link not found/],
    [{ ipam: 'host-local' }, 6, /ipam: expected an object/],
    [{ ipam: { type: 'no-such-plugin' } }, 999, /failed to find plugin "no-such-plugin" in path/],
    [{ ipam: { type: 'static' } }, 999, /IPAM plugin returned missing IP config/],
    [
      { ipam: { type: 'static', addresses: [address], routes: [{ dst: '10.9.0.0/16', gw: '10.8.0.1' }] } },
      999,
      /failed to add route '10.9.0.0\/16 via 10.8.0.1 dev eth0'/,
    ],
    [{ dns: 'x' }, 6, /dns: expected an object/],
    [{}, 999, /ARGS: unknown args \["A=b"\]/, { CNI_ARGS: 'A=b' }],
    [{}, 7, /invalid args x for MAC addr/, { CNI_ARGS: 'MAC=x' }],
    [{}, 999, /failed to create tap: /, { CNI_IFNAME: 'tap%d' }],
    [{}, 999, /failed to open netns "\/run\/netns\/nl-gone"/, { CNI_NETNS: '/run/netns/nl-gone' }],
    [{}, 8, /should not be the same/, { CNI_NETNS: host.lab.path }],
    [{ cniVersion: '0.2.0', ipam: undefined }, 999, /./],
    [{ cniVersion: '9.9.9' }, 1, /incompatible CNI versions/],
  ];
  for (const [extra, code, msg, env] of wrong) {
    const { status, json } = host.run('ours', 'tap', 'ADD', configOf(host, extra), container, env);
    t.equal(status, 1);
    t.match(json, { code, msg }, JSON.stringify(extra));
    t.same([...linkNames(container), ...linkNames(host), ...leases(host)], ['lo', 'lo'], String(msg));
  }
  t.end();
});

test('the label is that of the thread which makes the tap', (t) => {
  const host = new CniHost(t);
  const container = host.container();
  const label = 'system_u:system_r:container_t:s0';
  const config = configOf(host, { selinuxContext: label });
  // a kernel that labels nothing refuses it
  const { status, json } = host.run('ours', 'tap', 'ADD', config, container);
  if (status === 0) succeeds(t, host.run('ours', 'tap', 'DEL', config, container), 'DEL');
  else
    t.match(json, {
      code: 999,
      msg: /failed set socket label: (open|write) '\/proc\/thread-self\/attr\/sockcreate'/,
    });
  t.same([...linkNames(container), ...leases(host)], ['lo']);
  t.end();
});

test('links that are there already are left alone', (t) => {
  const host = new CniHost(t);
  const container = host.container();
  for (const make of [
    ['link', 'add', 'eth0', 'type', 'bridge'],
    ['tuntap', 'add', 'mode', 'tap', 'name', 'eth0'],
  ]) {
    container.lab.run('ip', ...make);
    t.match(host.run('ours', 'tap', 'ADD', configOf(host), container).json, {
      code: 999,
      msg: /failed to create tap: container interface "eth0" already exists/,
    });
    t.same([...linkNames(container), ...leases(host)], ['eth0', 'lo']);
    container.lab.run('ip', 'link', 'del', 'eth0');
  }
  t.end();
});

test('CHECK finds what is wrong', (t) => {
  const host = new CniHost(t);
  const container = host.container();
  const { lab } = container;
  const ipam = {
    type: 'host-local',
    subnet: '10.67.0.0/24',
    dataDir: host.dataDir,
    routes: [{ dst: '192.168.0.0/16' }],
  };
  const config = configOf(host, { owner: 1234, mtu: 1400, ipam });
  const added = host.run('ours', 'tap', 'ADD', config, container);
  succeeds(t, added, 'ADD');
  const prevResult = added.json;
  const [entry] = prevResult.interfaces as { mac: string }[];
  const check = (extra: Json = {}) =>
    host.run('ours', 'tap', 'CHECK', { ...config, prevResult, ...extra }, container);
  succeeds(t, check(), 'as it was');
  for (const [extra, msg] of [
    [{ prevResult: undefined }, /^Required prevResult missing$/],
    [{ owner: 1235 }, /Container interface eth0 has owner 1234, expected 1235/],
    [{ owner: undefined }, /has owner 1234, expected none/],
    [{ group: 0 }, /has group none, expected 0/],
    [{ multiQueue: true }, /has multiQueue 0, expected 1/],
    [{ mtu: 1300 }, /has MTU 1400, expected 1300/],
    [{ bridge: 'br0' }, /failed to get bridge br0/],
    [
      { prevResult: { ...prevResult, interfaces: [{ ...entry, sandbox: '/x' }] } },
      /Sandbox in prevResult \/x doesn't match/,
    ],
    [
      { prevResult: { ...prevResult, interfaces: [] } },
      /Container Interface name in prevResult: eth0 not found/,
    ],
  ] as const)
    t.match(check(extra).json, { code: 999, msg });
  const harms: [string[], string[], RegExp][] = [
    [
      ['route', 'del', '192.168.0.0/16'],
      ['route', 'add', '192.168.0.0/16', 'via', '10.67.0.1'],
      /Expected Route \{Dst:192.168.0.0\/16 GW:\} not found/,
    ],
    [
      ['link', 'set', 'eth0', 'address', '02:00:00:00:00:99'],
      ['link', 'set', 'eth0', 'address', String(entry?.mac)],
      /Interface eth0 Mac .* doesn't match container Mac: 02:00:00:00:00:99/,
    ],
    [
      ['addr', 'del', '10.67.0.2/24', 'dev', 'eth0'],
      ['addr', 'add', '10.67.0.2/24', 'dev', 'eth0'],
      /Failed to match addr/,
    ],
    [['link', 'set', 'eth0', 'down'], ['link', 'set', 'eth0', 'up'], /Interface eth0 is down/],
  ];
  for (const [harm, repair, msg] of harms) {
    lab.run('ip', ...harm);
    t.match(check().json, { code: 999, msg });
    lab.run('ip', ...repair);
  }
  lab.run('ip', 'link', 'del', 'eth0');
  t.match(check().json, { msg: 'Interface eth0 not found' });
  lab.run('ip', 'tuntap', 'add', 'mode', 'tun', 'name', 'eth0');
  t.match(check().json, { msg: 'Error: Container interface eth0 not of type tap' });
  lab.run('ip', 'link', 'del', 'eth0');
  lab.run('ip', 'link', 'add', 'eth0', 'type', 'bridge');
  t.match(check().json, { msg: 'Error: Container interface eth0 not of type tun' });
  succeeds(t, host.run('ours', 'tap', 'DEL', config, container), 'DEL');
  t.end();
});
