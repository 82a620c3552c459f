import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import { Lab } from '../support/lab.js';
import { listening, netloom, Watcher } from './support/watchers.js';

/** What both print of the changes that `nft -f` makes, one call for each part; or a function. */
async function same(t: Test, parts: readonly (string | ((lab: Lab) => void))[]): Promise<string> {
  const lab = new Lab(t, 'monrule');
  lab.run('ip', 'link', 'set', 'lo', 'up');
  const nft = new Watcher(t, lab, 'nft', '-a', 'monitor');
  const own = Watcher.monitor(t, lab, '--objects', 'nft,address');
  await listening(lab, own);
  // nft says nothing when it listens: until it has heard of a table
  lab.run('nft', 'add', 'table', 'inet', 'begin');
  for (let tries = 0; !nft.text.includes('table inet begin') && tries < 100; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    lab.run('nft', 'add table inet begin; delete table inet begin');
  }
  for (const part of parts) {
    if (typeof part !== 'string') {
      part(lab);
      continue;
    }
    const { status, stderr } = lab.namespace.execSync('nft', ['-f', '-'], { input: part });
    if (status !== 0) t.fail(`${part}: ${stderr}`);
  }
  lab.run('nft', 'add', 'table', 'inet', 'finished');
  await Promise.all([nft.prints('table inet finished'), own.prints('table inet finished')]);
  const lines = (text: string, label: RegExp): string[] =>
    text
      .split('\n')
      .map((line) => line.replace(label, '').trimEnd())
      .filter((line) => /^(add|insert|delete) /.test(line) && !/inet (begin|finished)/.test(line))
      // others than rules have their handle only from nft -a
      .map((line) => (line.includes(' rule ') ? line : line.replace(/ # handle \d+/, '')))
      // of sets that were not made by nft, it does not know in which order bytes of names are
      .map((line) => line.replace(/bridges \{ "[^"]*" \}/, 'bridges { … }'))
      .map((line) => line.replaceAll(/expires (\d+[hms]+)+/g, 'expires …').replace(/ # $/, ''));
  const ours = lines(own.text, /^\[NFT\]/);
  const theirs = lines(nft.text, /^$/);
  t.ok(theirs.length >= parts.length, 'nft tells of it');
  t.same(ours, theirs);
  return ours.join('\n');
}

const base = `
table inet t {
  chain o {
  }
  chain nat {
    type nat hook prerouting priority -90;
  }
  chain post {
    type nat hook postrouting priority 100;
  }
  chain c {
  }
}
table ip t4 {
  chain c {
  }
  chain n {
    type nat hook prerouting priority 0;
  }
}
table ip6 t6 {
  chain c {
  }
  chain n {
    type nat hook prerouting priority 0;
  }
}
table bridge b {
  chain c {
  }
}`;

const rules = (text: string): string[] =>
  text
    .trim()
    .split('\n')
    .map((line) => `add rule ${line.trim()}`);

test('matches', { timeout: 60_000 }, async (t) => {
  const text = await same(t, [
    base,
    ...rules(`
      inet t c tcp dport 80 counter accept
      inet t c meta l4proto tcp accept
      inet t c meta l4proto { tcp, udp } th dport 53 accept
      inet t c tcp dport { 80, 443, 1000-2000 } accept
      inet t c tcp dport { 80, 60000-65535 } accept
      inet t c tcp dport 80-90 drop
      inet t c tcp dport >= 80 drop
      inet t c tcp dport != 80-90 drop
      inet t c tcp dport != 80 drop
      inet t c ip saddr 10.0.0.0/8 drop
      inet t c ip saddr 10.0.0.0/12 drop
      inet t c ip saddr 10.0.0.1 ip daddr != 10.0.0.0/13 accept
      inet t c ip saddr 10.0.0.1 ip daddr 10.0.0.2 accept
      inet t c ip saddr 10.0.0.1-10.0.0.9 accept
      inet t c ip saddr { 10.0.0.1, 10.0.0.2 } ip daddr { 10.0.0.0/8, 12.0.0.0/8, 224.0.0.0/3 } accept
      inet t c ip saddr & 255.0.255.0 == 10.0.1.0 accept
      inet t c ip6 saddr fd00::/64 drop
      inet t c ip6 saddr fd00::/63 ip6 daddr fd00::1 drop
      inet t c meta nfproto ipv4 accept
      inet t c meta nfproto ipv4 tcp dport 80 accept
      inet t c iifname "eth0" oifname != "eth*" accept
      inet t c iif lo accept
      inet t c ct state established,related accept
      inet t c ct state { new, established } accept
      inet t c ct state invalid drop
      inet t c ct state new,untracked,invalid,related,established drop
      inet t c ct status dnat accept
      inet t c ct status snat,dnat accept
      inet t c ct mark 0x1 accept
      inet t c meta mark and 0x2000 == 0x2000 accept
      inet t c meta mark and 0x2000 != 0 accept
      inet t c meta mark 0x2000 accept
      inet t c fib daddr type local accept
      inet t c fib saddr . iif oif missing drop
      inet t c fib daddr type != local jump o
      inet t c ip protocol icmp accept
      inet t c ip protocol tcp tcp dport 80 accept
      inet t c icmp type echo-request accept
      inet t c icmpv6 type { nd-neighbor-solicit, echo-request } accept
      inet t c udp sport 67 udp dport 68 accept
      inet t c sctp dport 99 accept
      inet t c th dport 99 accept
      inet t c meta l4proto tcp ct original proto-dst 8080 accept
      inet t c ct original ip daddr 10.0.0.1 accept
      inet t c ct direction original accept
      inet t c tcp dport vmap { 80 : accept, 443 : jump o }
      inet t c ip daddr vmap { 10.0.0.1 : goto o, 10.0.0.2 : drop }
      inet t c ip saddr . tcp dport { 10.0.0.1 . 80, 10.0.0.2 . 443 } accept
      inet t c tcp flags syn accept
      inet t c tcp flags & (syn | ack) == syn accept
      inet t c meta skuid 5 accept
      inet t c meta pkttype broadcast accept
      ip t4 c ip saddr 10.0.0.0/8 tcp dport 80 accept
      ip t4 c ip protocol tcp accept
      ip t4 c meta l4proto tcp accept
      ip6 t6 c ip6 nexthdr tcp tcp dport 8 accept
      bridge b c ether saddr != 02:00:00:00:00:01 drop
      bridge b c ether type arp accept
      bridge b c iifname "v0" ether saddr 02:00:00:00:00:01 accept
      bridge b c ip saddr 10.0.0.1 accept
      bridge b c meta protocol ip accept
      bridge b c arp saddr ip 10.0.0.1 accept
      bridge b c ether type ip ip saddr 10.0.0.1 tcp dport 80 accept`),
  ]);
  t.notMatch(text, '[', 'no rule is told as the kernel has it');
});

test('statements and translations', { timeout: 60_000 }, async (t) => {
  const text = await same(t, [
    base,
    ...rules(`
      inet t c meta mark set 0x2000
      inet t c meta mark set meta mark or 0x2000
      inet t c meta mark set meta mark and 0xff00
      inet t c meta mark set meta mark xor 0x2000
      inet t c meta mark set meta mark and 0xffff0fff or 0x2000
      inet t c ct mark set meta mark
      inet t c meta mark set ct mark
      inet t c goto o
      inet t c return
      inet t c continue
      inet t c counter
      inet t c counter comment "hello world"
      inet t c log prefix "foo" level info
      inet t c log
      inet t c log group 3 prefix "x"
      inet t c limit rate 10/second burst 5 packets accept
      inet t c limit rate 10/minute burst 7 packets accept
      inet t c limit rate over 1 mbytes/second drop
      inet t c reject
      inet t c reject with tcp reset
      inet t c reject with icmpx admin-prohibited
      ip t4 c reject
      ip t4 c reject with icmp host-unreachable
      inet t c notrack
      inet t nat tcp dport 80 dnat ip to 10.0.0.1
      inet t nat tcp dport 80 dnat ip to 10.0.0.1:8080
      inet t nat tcp dport 80 dnat ip6 to [fd00::1]:8080
      inet t nat tcp dport 80 redirect to :8080
      inet t nat redirect
      inet t post masquerade
      inet t post masquerade random,fully-random
      inet t post masquerade persistent
      inet t post ip saddr 10.0.0.0/24 ip daddr != 10.0.0.0/24 oifname "eth0" counter masquerade comment "c"
      inet t post snat ip to 10.0.0.9
      inet t post ip protocol udp snat ip to 10.0.0.9:1000-2000
      inet t post snat ip to 10.0.0.9-10.0.0.12
      inet t post snat ip6 to fd00::9
      ip t4 n tcp dport 80 dnat to 10.0.0.1:8080
      ip t4 n dnat to tcp dport map { 80 : 10.0.0.1, 81 : 10.0.0.2 }
      ip t4 n dnat ip addr . port to tcp dport map { 80 : 10.0.0.1 . 8080 }
      ip6 t6 n tcp dport 80 dnat to [fd00::1]:8080`),
    'insert rule inet t c drop',
    'add counter inet t cnt',
    'add rule inet t c counter name cnt',
    'flush chain inet t c',
  ]);
  t.notMatch(text, '[ ', 'no rule is told as the kernel has it');
});

test('sets, maps and elements', { timeout: 60_000 }, async (t) => {
  await same(t, [
    base,
    'add set inet t s { type ipv4_addr; flags interval; elements = { 10.0.0.0/8, 11.0.0.1-11.0.0.5, 12.0.0.1 }; }',
    'add set inet t s2 { type inet_service; flags timeout; timeout 1h; comment "hi"; elements = { 80, 443 timeout 10m }; }',
    'add set inet t s3 { type ipv4_addr . inet_service; elements = { 10.0.0.1 . 80 }; }',
    'add map inet t m { type inet_service : ipv4_addr; elements = { 80 : 10.0.0.1 }; }',
    'add map inet t vm { type ifname : verdict; elements = { "eth0" : jump o, "eth1" : accept }; }',
    'add set inet t s4 { type ether_addr; size 100; counter; elements = { 02:00:00:00:00:01 comment "x" }; }',
    'add set inet t s6 { type ipv6_addr; flags interval; auto-merge; elements = { fd00::/64 }; }',
    'add set inet t s7 { type inet_proto; elements = { tcp }; }',
    'add map inet t m8 { type ipv4_addr : ipv4_addr . inet_service; elements = { 1.2.3.4 : 1.2.3.5 . 6 }; }',
    'add element inet t s { 13.0.0.0/24, 14.0.0.1 }',
    'add element inet t s { 224.0.0.0/3 }',
    'delete element inet t s { 13.0.0.0/24 }',
    'delete element inet t s2 { 80 }',
    ...rules(`
      inet t c ip saddr @s drop
      inet t c ip saddr != @s drop
      inet t c iifname vmap @vm
      inet t c add @s2 { tcp dport }
      inet t c update @s2 { tcp dport timeout 1m }
      inet t nat dnat ip to tcp dport map @m`),
    'flush chain inet t c',
    'delete set inet t s',
    'delete set inet t s7',
  ]);
});

test('what the plugins of CNI write', { timeout: 120_000 }, async (t) => {
  const pod = new Lab(t, 'monpod');
  const directory = mkdtempSync(join(tmpdir(), 'nl-monnft-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const ranges = [[{ subnet: '10.8.0.0/24' }], [{ subnet: 'fd08::/64' }]];
  const list = {
    cniVersion: '1.0.0',
    name: 'blue',
    plugins: [
      {
        type: 'bridge',
        bridge: 'br-blue',
        isGateway: true,
        ipMasq: true,
        ipMasqBackend: 'nftables',
        macspoofchk: true,
        ipam: { type: 'host-local', ranges, dataDir: join(directory, 'leases') },
      },
      { type: 'portmap', backend: 'nftables', snat: true, capabilities: { portMappings: true } },
      { type: 'firewall', backend: 'nftables', ingressPolicy: 'same-bridge' },
    ],
  };
  writeFileSync(join(directory, '10-blue.conflist'), JSON.stringify(list));
  const portMappings = [
    { hostPort: 8080, containerPort: 80, protocol: 'tcp' },
    { hostPort: 8081, containerPort: 80, protocol: 'udp', hostIP: '10.8.0.1' },
    { hostPort: 9000, containerPort: 90, protocol: 'tcp' },
  ];
  const cni = (command: string) => (lab: Lab) => {
    const places = ['--conf-dir', directory, '--cache-dir', join(directory, 'cache')];
    const args = [netloom, 'cni', command, 'blue', pod.name, ...places];
    const env = { ...process.env, CAP_ARGS: JSON.stringify({ portMappings }) };
    const { status, stdout, stderr } = lab.namespace.execSync(process.execPath, args, { env });
    if (status !== 0) t.fail(`cni ${command}: ${stdout}${stderr}`);
  };
  const chains = [
    ['inet', 'filter', 'output', -100],
    ['inet', 'nat', 'input', 100],
    ['bridge', 'filter', 'input', -200],
    ['bridge', 'filter', 'output', 100],
    ['bridge', 'filter', 'forward', 100],
    ['ip', 'route', 'output', -150],
  ] as const;
  const declared = chains.map(
    ([family, type, hook, priority], i) =>
      `add table ${family} p\nadd chain ${family} p c${i} { type ${type} hook ${hook} priority ${priority}; }`,
  );
  const text = await same(t, [...declared, cni('add'), cni('del')]);
  t.match(text, /add rule .*masquerade/);
  t.match(text, /add rule .*dnat/);
  t.notMatch(text, '[ ', 'no rule is told as the kernel has it');
});
