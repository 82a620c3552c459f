import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import t, { test } from 'tap';
import { CniHost, type Container, type Json } from '../support/host.js';
import { linkNames, succeeds } from './support/child-link.js';

t.setTimeout(90_000);

const BRIDGE = 'br-test';

function configOf(extra: Json): Json {
  return { cniVersion: '1.1.0', name: 'net', type: 'bridge', bridge: BRIDGE, ...extra };
}

const fixed = (address: string, gateway: string): Json => ({
  type: 'static',
  addresses: [{ address, gateway }],
});

const sysctl = ({ lab }: Container, name: string): string => lab.run('sysctl', '-n', `net.${name}`).trim();

/** Settings of the host's end, as `bridge -d link` tells them. */
function port(host: CniHost): Json {
  const all = JSON.parse(host.lab.run('bridge', '-d', '-j', 'link')) as Json[];
  return all.find(({ master }) => master === BRIDGE) ?? {};
}

test('duplicate addresses are looked for when the config asks for it', (t) => {
  const host = new CniHost(t);
  for (const enabledad of [false, true]) {
    const [one, two] = [host.container(), host.container()];
    const config = configOf({ enabledad, ipam: fixed('fd00:68::5/64', 'fd00:68::1') });
    const ends = () => linkNames(host).filter((name) => name.startsWith('veth'));
    succeeds(t, host.run('ours', 'bridge', 'ADD', config, one), 'ADD');
    t.equal(sysctl(one, 'ipv6.conf.eth0.accept_dad'), enabledad ? '1' : '0');
    if (enabledad) t.equal(sysctl(one, 'ipv6.conf.eth0.enhanced_dad'), '1');
    t.equal(sysctl(one, 'ipv4.conf.eth0.arp_notify'), '1');
    const second = host.run('ours', 'bridge', 'ADD', config, two);
    if (enabledad) {
      t.match(second.json, { code: 999, msg: 'link eth0 has address fd00:68::5 in DADFAILED state' });
      t.same(linkNames(two), ['lo']);
      t.equal(ends().length, 1);
    } else succeeds(t, second, 'nobody is asked');
    for (const container of [one, two])
      succeeds(t, host.run('ours', 'bridge', 'DEL', config, container), 'DEL');
    t.same(linkNames(host), ['lo']);
  }
  t.end();
});

test('the container’s end may stay down, for whoever configures it', (t) => {
  const host = new CniHost(t);
  const container = host.container();
  const config = configOf({ disableContainerInterface: true });
  const added = host.run('ours', 'bridge', 'ADD', config, container);
  succeeds(t, added, 'ADD');
  t.notOk((container.lab.ip('link', 'show', 'eth0')[0] as { flags: string[] }).flags.includes('UP'));
  t.same(Object.keys(added.json).sort(), ['cniVersion', 'interfaces']);
  const withResult = { ...config, prevResult: added.json };
  succeeds(t, host.run('ours', 'bridge', 'CHECK', withResult, container), 'CHECK');
  succeeds(t, host.run('ours', 'bridge', 'DEL', config, container), 'DEL');
  const usual = configOf({ disableContainerInterface: false });
  succeeds(t, host.run('ours', 'bridge', 'ADD', usual, container), 'ADD');
  t.match(container.lab.ip('link', 'show', 'eth0')[0], { flags: /UP/, operstate: 'UP' });
  host.run('ours', 'bridge', 'DEL', usual, container);
  t.same(linkNames(host), ['lo']);
  t.end();
});

test('hairpin mode and isolation of the port', (t) => {
  const host = new CniHost(t);
  for (const hairpinMode of [false, true]) {
    for (const portIsolation of [false, true]) {
      const container = host.container();
      const config = configOf({ hairpinMode, portIsolation });
      succeeds(t, host.run('ours', 'bridge', 'ADD', config, container), 'ADD');
      t.match(port(host), { hairpin: hairpinMode, isolated: portIsolation }, JSON.stringify(config));
      if (!portIsolation) {
        // a broadcast comes back to who sent it, or does not
        container.lab.run('ip', 'addr', 'add', '10.68.0.2/24', 'dev', 'eth0');
        container.lab.run('nft', 'add table netdev t');
        container.lab.run('nft', 'add chain netdev t c { type filter hook ingress device eth0 priority 0; }');
        container.lab.run('nft', 'add rule netdev t c arp operation request counter');
        t.throws(() => container.lab.run('ping', '-c1', '-W1', '10.68.0.77'));
        const back = /counter packets (\d+)/.exec(container.lab.run('nft', 'list', 'table', 'netdev', 't'));
        t.equal(Number(back?.[1]) > 0, hairpinMode, 'a request of its own was seen again');
      }
      host.run('ours', 'bridge', 'DEL', config, container);
      t.same(linkNames(host), ['lo']);
    }
  }
  t.end();
});

test('a promiscuous bridge, also one that was there', (t) => {
  const host = new CniHost(t);
  host.lab.run('ip', 'link', 'add', BRIDGE, 'type', 'bridge');
  const container = host.container();
  const config = configOf({ promiscMode: true });
  const isPromiscuous = () =>
    (host.lab.ip('link', 'show', BRIDGE)[0] as { flags: string[] }).flags.includes('PROMISC');
  t.notOk(isPromiscuous());
  const { json: prevResult } = host.run('ours', 'bridge', 'ADD', config, container);
  t.ok(isPromiscuous());
  const check = () => host.run('ours', 'bridge', 'CHECK', { ...config, prevResult }, container);
  succeeds(t, check(), 'CHECK');
  host.lab.run('ip', 'link', 'set', BRIDGE, 'promisc', 'off');
  t.match(check().json, {
    msg: `Bridge interface ${BRIDGE} configured Promisc Mode true doesn't match current state: false`,
  });
  // it may be so for others' sake
  const calm = configOf({ promiscMode: false });
  host.lab.run('ip', 'link', 'set', BRIDGE, 'promisc', 'on');
  succeeds(t, host.run('ours', 'bridge', 'CHECK', { ...calm, prevResult }, container), 'CHECK');
  const second = host.container();
  succeeds(t, host.run('ours', 'bridge', 'ADD', calm, second), 'ADD');
  t.ok(isPromiscuous(), 'the second attachment leaves that alone');
  for (const one of [container, second]) succeeds(t, host.run('ours', 'bridge', 'DEL', config, one), 'DEL');
  t.same(linkNames(host), [BRIDGE, 'lo'], 'the bridge is somebody’s');
  t.end();
});

test('the check of frames’ sources is as the reference’s', (t) => {
  const host = new CniHost(t);
  const mac = '02:11:22:33:44:55';
  const config = configOf({ cniVersion: '1.0.0', macspoofchk: true, args: { cni: { mac } } });
  const rules = [];
  for (const [adds, removes] of [
    ['ours', 'reference'],
    ['reference', 'ours'],
  ] as const) {
    const container = host.container();
    succeeds(t, host.run(adds, 'bridge', 'ADD', config, container), `${adds}: ADD`);
    const text = host.lab.run('nft', 'list', 'table', 'bridge', 'nat');
    rules.push(text.replaceAll(container.id, 'id').replaceAll(/veth[0-9a-f]{8}/g, 'veth'));
    succeeds(t, host.run(removes, 'bridge', 'DEL', config, container), `${removes}: DEL`);
    t.notMatch(host.lab.run('nft', 'list', 'ruleset'), container.id);
    t.same(linkNames(container), ['lo']);
    host.lab.run('nft', 'flush', 'ruleset');
  }
  t.match(rules[0], /ether saddr 02:11:22:33:44:55 return/);
  t.equal(rules[0], rules[1]);
  // an attachment of the same name again, and one that stays
  const [one, two] = [host.container(), host.container()];
  for (const container of [one, two])
    succeeds(t, host.run('ours', 'bridge', 'ADD', config, container), 'ADD');
  one.lab.run('ip', 'link', 'del', 'eth0');
  succeeds(t, host.run('ours', 'bridge', 'ADD', config, one), 'ADD again');
  const jumps = host.lab.run('nft', 'list', 'chain', 'bridge', 'nat', 'PREROUTING').match(/jump/g);
  t.equal(jumps?.length, 2, 'a jump for each');
  succeeds(t, host.run('ours', 'bridge', 'DEL', config, one, { CNI_NETNS: '' }), 'namespace not known');
  const left = host.lab.run('nft', 'list', 'ruleset');
  t.notMatch(left, one.id);
  t.match(left, two.id);
  succeeds(t, host.run('ours', 'bridge', 'DEL', config, two), 'DEL');
  t.equal(host.lab.run('nft', 'list', 'ruleset').trim(), '');
  t.notOk(existsSync(join(host.dataDir, 'net')) && readdirSync(join(host.dataDir, 'net')).length > 0);
  t.end();
});
