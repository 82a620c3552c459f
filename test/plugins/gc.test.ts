import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Test, test } from 'tap';
import { CniHost, type Container, type Json, type Outcome } from './support/host.js';

interface Attachment {
  readonly containerID: string;
  readonly ifname: string;
}

const attachmentOf = ({ id }: Container): Attachment => ({ containerID: id, ifname: 'eth0' });

function bridgeConfig(host: CniHost, extra: Json = {}): Json {
  return {
    cniVersion: '1.1.0',
    name: 'net',
    type: 'bridge',
    bridge: 'br0',
    isGateway: true,
    ipMasq: true,
    ipam: { type: 'host-local', dataDir: host.dataDir, ranges: [[{ subnet: '10.62.0.0/24' }]] },
    ...extra,
  };
}

function firewallConfig(backend: string, prevResult?: Json): Json {
  return {
    cniVersion: '1.1.0',
    name: 'net',
    type: 'firewall',
    backend,
    ...(prevResult ? { prevResult } : {}),
  };
}

/** Leases by whose they are: container to address. */
function leases(host: CniHost): Map<string, string> {
  const directory = join(host.dataDir, 'net');
  const found = new Map<string, string>();
  for (const name of existsSync(directory) ? readdirSync(directory) : []) {
    if (!/^\d+\./.test(name)) continue;
    found.set(readFileSync(join(directory, name), 'utf8').split('\r\n')[0] as string, name);
  }
  return found;
}

/** Everything that other programs see of rules. */
function rules(host: CniHost): string {
  return `${host.lab.run('nft', 'list', 'ruleset')}\n${host.lab.run('iptables-save')}`;
}

function succeeds(t: Test, outcome: Outcome, what: string): Json {
  if (outcome.status !== 0) t.fail(`${what}: ${outcome.stdout}${outcome.stderr}`);
  return outcome.json;
}

/** ADD of bridge and firewall, as a runtime does it. */
async function attach(
  t: Test,
  host: CniHost,
  [bridge, backend]: [Json, string],
  container: Container,
): Promise<Json> {
  const first = succeeds(t, await host.start('ours', 'bridge', 'ADD', bridge, container), 'bridge');
  const config = firewallConfig(backend, first);
  return succeeds(t, await host.start('ours', 'firewall', 'ADD', config, container), 'firewall');
}

async function collect(
  t: Test,
  host: CniHost,
  [bridge, backend]: [Json, string],
  container: Container,
  valid: readonly Attachment[],
): Promise<void> {
  // the list is made here, and not looked at again
  const lists = { 'cni.dev/valid-attachments': [...valid], 'cni.dev/attachments': [...valid] };
  const listedAt = Date.now();
  const calls: [string, Json][] = [
    ['bridge', bridge],
    // what begins and ends while the first is at work would be garbage to the second, had it not the list's time
    ['firewall', { ...firewallConfig(backend), 'netloom/listed-at': listedAt }],
  ];
  for (const [type, config] of calls) {
    const outcome = await host.start('ours', type, 'GC', { ...config, ...lists }, container);
    succeeds(t, outcome, `GC of ${type}`);
  }
}

for (const [backend, count] of [
  ['nftables', 14],
  ['iptables', 6],
] as const) {
  test(`${backend}: GC after GC while containers are attached`, { timeout: 120_000 }, async (t) => {
    const host = new CniHost(t);
    const network: [Json, string] = [bridgeConfig(host, { ipMasqBackend: backend }), backend];
    const stale = [host.container(), host.container()];
    for (const container of stale) await attach(t, host, network, container);
    const old = stale.map(({ id }) => leases(host).get(id) as string);
    t.ok(
      old.every((address) => rules(host).includes(address)),
      'rules of those that are forgotten',
    );
    const containers = Array.from({ length: count }, () => host.container());
    const started: Container[] = [];
    const results = new Map<Container, Json>();
    let adding = true;
    let rounds = 0;
    const collecting = (async () => {
      // the runtime counts an ADD as soon as it has begun
      for (; adding; rounds++) {
        await collect(t, host, network, stale[0] as Container, started.map(attachmentOf));
      }
    })();
    const attachers = Array.from({ length: 2 }, async (_, lane) => {
      for (const container of containers.filter((_one, i) => i % 2 === lane)) {
        started.push(container);
        results.set(container, await attach(t, host, network, container));
        await sleep(10 * lane);
      }
    });
    await Promise.all(attachers);
    adding = false;
    await collecting;
    t.ok(rounds > 1, `${rounds} rounds of GC`);
    const present = leases(host);
    const all = rules(host);
    for (const container of containers) {
      const address = present.get(container.id);
      t.equal(
        (results.get(container) as { ips: { address: string }[] }).ips[0]?.address,
        `${address}/24`,
        'its lease',
      );
      const own = all
        .split('\n')
        .filter((line) => line.includes(`${address} `) || line.includes(`${address}/32 `));
      // masquerade, and both directions of the firewall
      t.ok(own.length >= 3, `rules of ${address}:\n${own.join('\n')}`);
      container.lab.run('ping', '-c1', '-W2', '10.62.0.1');
    }
    t.equal(present.size, containers.length);
    for (const address of old)
      t.notOk(new RegExp(`${address.replaceAll('.', '\\.')}[ /]`).test(all), address);
    for (const { id } of stale) t.notOk(present.has(id));
    await collect(t, host, network, stale[0] as Container, []);
    t.equal(leases(host).size, 0, 'and all are garbage when nobody claims them');
    t.notMatch(rules(host), /10\.62\.0\.\d+[ /]/);
  });
}

test('an ADD that begins when the list is made, and ends before GC is there', {
  timeout: 60_000,
}, async (t) => {
  const host = new CniHost(t);
  const network: [Json, string] = [bridgeConfig(host), 'nftables'];
  const container = host.container();
  const listedAt = Date.now() - 1;
  await attach(t, host, network, container);
  const said: [Json, string] = [{ ...network[0], 'netloom/listed-at': listedAt }, 'nftables'];
  const lists = { 'cni.dev/valid-attachments': [] };
  succeeds(t, host.run('ours', 'bridge', 'GC', { ...said[0], ...lists }), 'GC');
  t.equal(leases(host).size, 1, 'the runtime has said when');
  t.match(host.lab.run('nft', 'list', 'ruleset'), /10\.62\.0\.2/);
  succeeds(t, host.run('ours', 'bridge', 'GC', { ...network[0], ...lists }), 'GC');
  t.equal(leases(host).size, 0, 'it has not');
});

test('what the reference made belongs to attachments too', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const [kept, gone] = [host.container(), host.container()];
  const theirs = { ...bridgeConfig(host), cniVersion: '1.0.0' };
  for (const container of [kept, gone])
    succeeds(t, host.run('reference', 'bridge', 'ADD', theirs, container), 'their ADD');
  const lists = { 'cni.dev/valid-attachments': [attachmentOf(kept)] };
  succeeds(t, host.run('ours', 'bridge', 'GC', { ...bridgeConfig(host), ...lists }), 'GC');
  t.same([...leases(host).keys()], [kept.id]);
  const nat = host.lab.run('iptables-save', '-t', 'nat');
  t.match(nat, /-s 10\.62\.0\.2\/32/);
  t.notMatch(nat, /-s 10\.62\.0\.3\/32/);
});

test('spoof checks go when their port is gone', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const config = bridgeConfig(host, { macspoofchk: true, ipMasq: false });
  const [kept, gone, unlisted] = [host.container(), host.container(), host.container()];
  for (const container of [kept, gone, unlisted])
    succeeds(t, host.run('ours', 'bridge', 'ADD', config, container), 'ADD');
  gone.lab.run('ip', 'link', 'del', 'eth0');
  const lists = { 'cni.dev/valid-attachments': [attachmentOf(kept)] };
  succeeds(t, host.run('ours', 'bridge', 'GC', { ...config, ...lists }), 'GC');
  const left = host.lab.run('nft', 'list', 'table', 'bridge', 'nat');
  t.match(left, `cni-br-iface-${kept.id}-eth0`);
  t.match(left, `cni-br-iface-${unlisted.id}-eth0`, 'it may be another network’s');
  t.notOk(left.includes(gone.id));
  kept.lab.run('ping', '-c1', '-W2', '10.62.0.1');
});

test('firewall: an address that has changed hands keeps its rules', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const [before, after] = [host.container(), host.container()];
  const prevResult = { cniVersion: '1.1.0', ips: [{ address: '10.62.0.9/24' }] };
  const config = firewallConfig('iptables', prevResult);
  for (const container of [before, after])
    succeeds(t, host.run('ours', 'firewall', 'ADD', config, container), 'ADD');
  const filter = (): string => host.lab.run('iptables-save', '-t', 'filter');
  const lists = { 'cni.dev/valid-attachments': [attachmentOf(after)] };
  succeeds(t, host.run('ours', 'firewall', 'GC', { ...firewallConfig('iptables'), ...lists }), 'GC');
  t.match(filter(), /-s 10\.62\.0\.9\/32 -j ACCEPT/);
  succeeds(t, host.run('ours', 'firewall', 'DEL', config, before), 'a DEL that comes late');
  t.match(filter(), /-s 10\.62\.0\.9\/32 -j ACCEPT/);
  // without a result, and without the namespace
  const bare = firewallConfig('iptables');
  const gone = { CNI_NETNS: '/run/netns/gone' };
  succeeds(t, host.run('ours', 'firewall', 'DEL', bare, after, gone), 'DEL');
  t.notMatch(filter(), /10\.62\.0\.9/);
  t.notMatch(host.lab.run('nft', 'list', 'tables'), /cni_firewall_claims/);
});
