import { test } from 'tap';
import { CniHost, type Json } from '../support/host.js';
import { add, clean, configOf, linkNames, succeeds } from './support/ptp.js';

test('what is wrong with a config', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const container = host.container();
  const fixed = (address: object): Json => ({ ipam: { type: 'static', addresses: [address] } });
  const wrong: [Json, number, RegExp][] = [
    [{ mtu: 'many' }, 6, /failed to load netconf: mtu: expected a whole number, got "many"/],
    [{ mtu: 1.5 }, 6, /mtu: expected a whole number, got 1.5/],
    [{ mtu: -1 }, 7, /mtu: expected 0 or a number of bytes, got -1/],
    [{ mtu: 5 }, 999, /failed to make veth pair: /],
    [{ ipMasq: 'yes' }, 6, /ipMasq: expected true or false, got "yes"/],
    [{ ipMasqBackend: 4 }, 6, /ipMasqBackend: expected a string, got 4/],
    [{ ipMasqBackend: 'magic' }, 999, /unknown ipmasq backend "magic"/],
    [{ ipam: 'host-local' }, 6, /ipam: expected an object, got "host-local"/],
    [{ ipam: undefined }, 7, /ipMasq needs addresses: the config has no ipam/],
    [{ ipam: { type: 'no-such-plugin' } }, 999, /failed to find plugin "no-such-plugin" in path/],
    [{ dns: 'x' }, 6, /dns: expected an object, got "x"/],
    [{ dns: { nameservers: '10.0.0.1' } }, 6, /dns.nameservers: expected an array, got "10.0.0.1"/],
    [{ dns: { domain: 1 } }, 6, /dns.domain: expected a string, got 1/],
    [{ ipam: { type: 'static' } }, 999, /IPAM plugin returned missing IP config/],
    [fixed({ address: '10.64.0.5/24' }), 999, /IPAM plugin returned no gateway for 10.64.0.5\/24/],
    [
      fixed({ address: '10.64.0.5/24', gateway: 'fd00::1' }),
      999,
      /IPAM plugin returned gateway fd00::1 for 10.64.0.5\/24: expected an address of the same family/,
    ],
    [{ name: 'a/b' }, 7, /invalid characters found in network name/],
    [{ cniVersion: '9.9.9' }, 1, /incompatible CNI versions/],
  ];
  for (const [extra, code, msg] of wrong) {
    const { status, json } = host.run('ours', 'ptp', 'ADD', configOf(host, extra), container);
    t.equal(status, 1);
    t.match(json, { code, msg }, JSON.stringify(extra));
    clean(t, host, JSON.stringify(extra));
    t.same(linkNames(container), ['lo']);
  }
  const netns = host.run('ours', 'ptp', 'ADD', configOf(host), container, {
    CNI_NETNS: '/run/netns/nl-gone',
  });
  t.match(netns.json, { msg: /failed to open netns "\/run\/netns\/nl-gone"/ });
  const own = host.run('ours', 'ptp', 'ADD', configOf(host), container, { CNI_NETNS: host.lab.path });
  t.match(own.json, { code: 8 });
  clean(t, host, 'namespaces');
});

test('a failed ADD leaves nothing', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const container = host.container();
  container.lab.run('ip', 'link', 'add', 'eth0', 'type', 'bridge');
  t.match(host.run('ours', 'ptp', 'ADD', configOf(host), container).json, {
    code: 999,
    msg: /container veth name \("eth0"\) peer provided \("veth[0-9a-f]{8}"\) already exists/,
  });
  t.same(linkNames(container).sort(), ['eth0', 'lo']);
  clean(t, host, 'name taken');
  container.lab.run('ip', 'link', 'del', 'eth0');
  const range = { type: 'host-local', subnet: '10.64.0.0/24', dataDir: host.dataDir };
  const route = configOf(host, { ipam: { ...range, routes: [{ dst: '192.168.0.0/16', gw: '172.31.9.9' }] } });
  t.match(host.run('ours', 'ptp', 'ADD', route, container).json, {
    msg: /failed to add route '192.168.0.0\/16 via 172.31.9.9 dev eth0'.*unreachable/,
  });
  clean(t, host, 'impossible route');
  // packets to the address go elsewhere on this host: the reference says nothing, and the container is cut off
  host.lab.run('ip', 'link', 'add', 'br0', 'type', 'bridge');
  host.lab.run('ip', 'link', 'set', 'br0', 'up');
  host.lab.run('ip', 'route', 'add', '10.64.0.2/32', 'dev', 'br0');
  const pinned = configOf(host, {
    ipam: { type: 'static', addresses: [{ address: '10.64.0.2/24', gateway: '10.64.0.1' }] },
  });
  t.match(host.run('ours', 'ptp', 'ADD', pinned, container).json, {
    msg: /failed to add route on host: 10.64.0.2\/32 dev veth[0-9a-f]{8}: .*EEXIST|already exists|File exists/,
  });
  host.lab.run('ip', 'link', 'del', 'br0');
  clean(t, host, 'another way on the host');
  const result = add(t, host, configOf(host), container);
  t.equal(host.run('ours', 'ptp', 'ADD', configOf(host), container).status, 1, 'ADD twice');
  succeeds(
    t,
    host.run('ours', 'ptp', 'CHECK', { ...configOf(host), prevResult: result }, container),
    'the first is not harmed by a second',
  );
  succeeds(t, host.run('ours', 'ptp', 'DEL', configOf(host), container), 'DEL');
  clean(t, host, 'after all');
});

test('CHECK finds what is wrong', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const config = configOf(host);
  const container = host.container();
  const prevResult = add(t, host, config, container);
  const [end, inside] = prevResult.interfaces as { name: string; mac: string }[];
  const veth = String(end?.name);
  const check = (extra: Json = {}) =>
    host.run('ours', 'ptp', 'CHECK', { ...config, prevResult, ...extra }, container);
  succeeds(t, check(), 'as it was');
  t.match(check({ prevResult: undefined }).json, { code: 999, msg: 'ptp: Required prevResult missing' });
  t.match(check({ prevResult: { ...prevResult, interfaces: [end] } }).json, {
    msg: 'ptp: Container Interface name in prevResult: eth0 not found',
  });
  t.match(check({ prevResult: { ...prevResult, interfaces: [end, { ...inside, sandbox: '/x' }] } }).json, {
    msg: `Sandbox in prevResult /x doesn't match configured netns: ${container.lab.path}`,
  });
  const { lab } = container;
  const breakage: [() => void, () => void, RegExp][] = [
    [
      () => lab.run('ip', 'route', 'del', 'default'),
      () => lab.run('ip', 'route', 'add', 'default', 'via', '10.64.0.1'),
      /Expected Route \{Dst:0.0.0.0\/0 GW:\} not found/,
    ],
    [
      () => lab.run('ip', 'route', 'del', '10.64.0.0/24'),
      () => lab.run('ip', 'route', 'add', '10.64.0.0/24', 'via', '10.64.0.1', 'src', '10.64.0.2'),
      /Failed to find Gateway 10.64.0.1 for interface eth0/,
    ],
    [
      () => lab.run('ip', 'link', 'set', 'eth0', 'address', '02:00:00:00:00:99'),
      () => lab.run('ip', 'link', 'set', 'eth0', 'address', String(inside?.mac)),
      /ptp: Interface eth0 Mac .* doesn't match container Mac: 02:00:00:00:00:99/,
    ],
    [
      () => host.lab.run('ip', 'route', 'del', '10.64.0.2'),
      () => host.lab.run('ip', 'route', 'add', '10.64.0.2', 'dev', veth, 'scope', 'host'),
      /ptp: no route to 10.64.0.2\/32 over veth[0-9a-f]{8} on the host/,
    ],
    [
      () => host.lab.run('ip', 'link', 'set', veth, 'down'),
      () => host.lab.run('ip', 'link', 'set', veth, 'up'),
      /ptp: Interface veth[0-9a-f]{8} is down/,
    ],
    [
      () => host.lab.run('ip', 'link', 'set', veth, 'down', 'name', 'other0'),
      () => host.lab.run('ip', 'link', 'set', 'other0', 'name', veth, 'up'),
      /ptp: host's end of the pair not found: veth/,
    ],
    [
      () => lab.run('ip', 'addr', 'del', '10.64.0.2/24', 'dev', 'eth0'),
      () => {
        lab.run('ip', 'addr', 'add', '10.64.0.2/24', 'dev', 'eth0');
        lab.run('ip', 'route', 'add', 'default', 'via', '10.64.0.1');
      },
      /Failed to match addr 10.64.0.2\/24 on interface eth0/,
    ],
  ];
  for (const [harm, repair, msg] of breakage) {
    harm();
    t.match(check().json, { code: 999, msg });
    repair();
    succeeds(t, check(), String(msg));
  }
  lab.run('ip', 'link', 'del', 'eth0');
  t.match(check().json, { msg: 'ptp: Interface eth0 not found' });
  lab.run('ip', 'link', 'add', 'eth0', 'type', 'bridge');
  t.match(check().json, { msg: 'Error: Container interface eth0 not of type veth/p2p' });
  lab.run('ip', 'link', 'del', 'eth0');
  host.run('ours', 'ptp', 'DEL', config, container);
  t.match(check().json, { msg: /Failed to find address added by container/ });
});
