import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import type { Json } from '../support/host.js';
import { dual, FlannelHost, spy, succeeds } from './support/flannel.js';

test('two interfaces of one container', { timeout: 60_000 }, async (t) => {
  const host = new FlannelHost(t);
  const container = host.container();
  const other = { ...host.config({ delegate: { bridge: 'br1' } }), name: 'other' };
  const net1 = { CNI_IFNAME: 'net1' };
  succeeds(t, host.run('ours', 'flannel', 'ADD', host.config(), container), 'ADD eth0');
  succeeds(t, host.run('ours', 'flannel', 'ADD', other, container, net1), 'ADD net1');
  t.same(host.saved(), [container.id, `${container.id}:net1`]);
  const before = host.savedConfig(container.id);
  const again = host.run('ours', 'flannel', 'ADD', host.config(), container);
  t.match(again.json, { code: 999, msg: /container veth name \("eth0"\) peer provided .* already exists/ });
  t.same(host.savedConfig(container.id), before, 'an ADD that fails leaves what the one before has saved');
  succeeds(
    t,
    host.run('ours', 'flannel', 'DEL', host.config(), container, { CNI_IFNAME: 'net7' }),
    'DEL net7',
  );
  t.same(host.saved(), [container.id, `${container.id}:net1`], 'of an interface that there is not');
  succeeds(t, host.run('ours', 'flannel', 'DEL', host.config(), container), 'DEL eth0');
  t.same(host.saved(), [`${container.id}:net1`]);
  container.lab.run('ping', '-c1', '-W2', '10.72.5.1');
  succeeds(t, host.run('ours', 'flannel', 'DEL', other, container, net1), 'DEL net1');
  host.clean(t, 'after both');
});

test('a delegate that fails', { timeout: 60_000 }, async (t) => {
  const host = new FlannelHost(t);
  const delegate = spy(host, 'spy');
  const config = host.config({ delegate: { type: 'spy' } });
  const container = host.container();
  delegate.fail('ADD');
  t.match(host.run('ours', 'flannel', 'ADD', config, container).json, { code: 123, msg: 'on purpose' });
  t.same(host.saved(), [], 'nothing is kept of an ADD that failed');
  delegate.fail('DEL');
  succeeds(t, host.run('ours', 'flannel', 'ADD', config, container), 'ADD');
  t.match(host.run('ours', 'flannel', 'DEL', config, container).json, { code: 123, msg: 'on purpose' });
  t.same(host.saved(), [container.id], 'a DEL that failed is tried again');
  for (const command of ['CHECK', 'STATUS', 'GC']) {
    delegate.fail(command);
    const extra = command === 'GC' ? { 'cni.dev/valid-attachments': [] } : {};
    const outcome = host.run('ours', 'flannel', command, { ...config, ...extra }, container);
    t.match(outcome.json, { code: 123, msg: /on purpose/ }, command);
  }
  t.same(host.saved(), [container.id], 'nor is what a GC could not do forgotten');
  delegate.fail('nothing');
  succeeds(t, host.run('ours', 'flannel', 'DEL', config, container), 'DEL');
  t.same(host.saved(), []);
  const missing = host.run(
    'ours',
    'flannel',
    'ADD',
    host.config({ delegate: { type: 'nobody' } }),
    container,
  );
  t.match(missing.json, { code: 999, msg: /failed to find plugin "nobody" in path/ });
  t.same(host.saved(), []);
});

test('DEL with what is broken', { timeout: 60_000 }, async (t) => {
  const host = new FlannelHost(t);
  const config = host.config();
  for (const broken of ['', '[]', '{"type":5}']) {
    const container = host.container();
    succeeds(t, host.run('ours', 'flannel', 'ADD', config, container), 'ADD');
    writeFileSync(join(host.scratch, container.id), broken);
    const outcome = host.run('ours', 'flannel', 'DEL', config, container);
    succeeds(t, outcome, `DEL of ${broken}`);
    t.match(outcome.stderr, /is no delegate's config/);
    host.clean(t, `after DEL of ${broken}`);
  }
  // when flanneld's file is gone too, nobody knows what was made
  const container = host.container();
  writeFileSync(join(host.scratch, container.id), 'x');
  rmSync(host.subnetFile);
  succeeds(t, host.run('ours', 'flannel', 'DEL', config, container), 'DEL');
  t.same(host.saved(), []);
  writeFileSync(host.subnetFile, dual);
  const other = host.container();
  succeeds(t, host.run('ours', 'flannel', 'ADD', config, other), 'ADD');
  const faulty = { ...config, subnetFile: 5, delegate: 'bridge', ipam: [], runtimeConfig: 1 };
  const gone = { CNI_NETNS: '/run/netns/gone' };
  succeeds(t, host.run('ours', 'flannel', 'DEL', faulty, other, gone), 'DEL with a config that is broken');
  t.same([host.saved(), host.leases()], [[], []]);
});

test('without a subnet, or with a wrong one', { timeout: 60_000 }, async (t) => {
  const host = new FlannelHost(t, undefined);
  rmSync(host.subnetFile, { force: true });
  const config = host.config();
  const container = host.container();
  const both = (msg: RegExp, title: string): void => {
    t.match(host.run('ours', 'flannel', 'ADD', config, container).json, { code: 11, msg }, title);
    t.match(host.run('ours', 'flannel', 'STATUS', config).json, { code: 50, msg }, title);
  };
  both(
    /^failed to load flannel 'subnet.env' file: open .*subnet.env: no such file or directory. Check the flannel pod log for this node.$/,
    'missing',
  );
  const lines = dual.trim().split('\n');
  const cases: [string, RegExp][] = [
    [
      '',
      /subnet.env is missing FLANNEL_NETWORK, FLANNEL_IPV6_NETWORK, FLANNEL_SUBNET, FLANNEL_IPV6_SUBNET, FLANNEL_MTU, FLANNEL_IPMASQ\./,
    ],
    [
      lines.filter((line) => !line.includes('NETWORK')).join('\n'),
      /is missing FLANNEL_NETWORK, FLANNEL_IPV6_NETWORK\./,
    ],
    [dual.replace(/FLANNEL_MTU.*\n/, ''), /is missing FLANNEL_MTU\./],
    [dual.replace('1420', 'big'), /FLANNEL_MTU: expected a number of bytes, got "big"/],
    [dual.replace('1420', '4294967296'), /FLANNEL_MTU: expected a number of bytes/],
    [
      dual.replace('10.72.5.1/24', '10.72.5.1'),
      /FLANNEL_SUBNET: expected a network of IPv4 in CIDR notation, got "10\.72\.5\.1"/,
    ],
    [dual.replace('fd00:72::/48', '10.0.0.0/8'), /FLANNEL_IPV6_NETWORK: expected a network of IPv6/],
    [`FLANNEL_MTU\n${dual}`, /the line "FLANNEL_MTU" has no value/],
  ];
  for (const [text, msg] of cases) {
    writeFileSync(host.subnetFile, text);
    both(msg, text);
  }
  host.clean(t, 'after failed ADDs');
});

test('keys that are wrong', { timeout: 60_000 }, async (t) => {
  const host = new FlannelHost(t);
  const container = host.container();
  const cases: [Json, number, RegExp][] = [
    [{ subnetFile: 5 }, 6, /failed to load netconf: subnetFile: expected a string/],
    [{ dataDir: [] }, 6, /dataDir: expected a string/],
    [{ delegate: 'bridge' }, 6, /delegate: expected an object/],
    [{ ipam: [] }, 6, /ipam: expected an object/],
    [{ runtimeConfig: 'x' }, 6, /runtimeConfig: expected an object/],
    [{ ipam: { routes: [{ dst: 'nowhere' }] } }, 6, /ipam\.routes\[0\]\.dst/],
    [{ delegate: { type: 5 } }, 7, /'delegate' dictionary, if present, must have \(string\) 'type' field/],
    [{ delegate: { name: 'x' } }, 7, /must not have 'name' field, it'll be set by flannel/],
    [{ delegate: { ipam: {} } }, 7, /must not have 'ipam' field, it'll be set by flannel/],
    [{ dataDir: '/proc/nowhere' }, 5, /cannot save the delegate's config \/proc\/nowhere/],
  ];
  for (const [extra, code, msg] of cases) {
    const { json } = host.run('ours', 'flannel', 'ADD', host.config(extra), container);
    t.match(json, { code, msg }, JSON.stringify(extra));
  }
  const gone = host.run('ours', 'flannel', 'ADD', host.config(), container, { CNI_NETNS: '/run/netns/gone' });
  t.match(gone.json, { code: 999, msg: /failed to open netns/ });
  host.clean(t, 'after failed ADDs');
  t.match(host.run('ours', 'flannel', 'VERSION', {}).json, {
    supportedVersions: ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'],
  });
});
