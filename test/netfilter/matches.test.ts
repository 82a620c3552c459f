import { test } from 'tap';
import * as x from '../../host/netfilter/expressions.js';
import { MatchSyntaxError, parseMatches } from '../../host/netfilter/matches.js';
import { Netfilter } from '../../host/netfilter/netfilter.js';
import { Lab } from '../support/lab.js';

/** What is written, and what nft(8) prints of it where that is not the same. */
const matches: [family: 'ip' | 'ip6', text: string, listed?: string][] = [
  ['ip', 'ip saddr 10.0.0.1'],
  ['ip', 'ip daddr != 10.0.0.0/8'],
  ['ip', 'ip saddr == 10.0.0.0/12', 'ip saddr 10.0.0.0/12'],
  ['ip', 'ip saddr 10.0.0.5-10.0.0.9'],
  ['ip', 'ip daddr != 10.0.0.5-10.0.0.9'],
  ['ip', 'ip saddr { 10.0.0.1, 10.0.0.2 }'],
  [
    'ip',
    'ip saddr != {10.0.0.0/8,192.168.0.1-192.168.0.9}',
    'ip saddr != { 10.0.0.0/8, 192.168.0.1-192.168.0.9 }',
  ],
  ['ip', 'ip saddr { 10.1.0.0/16, 10.0.0.0/8, 255.255.255.255 }', 'ip saddr { 10.0.0.0/8, 255.255.255.255 }'],
  ['ip6', 'ip6 saddr fd00::1'],
  ['ip6', 'ip6 daddr { fd00::/8, 2001:db8::1 }', 'ip6 daddr { 2001:db8::1, fd00::/8 }'],
  ['ip6', 'ip6 nexthdr tcp', 'ip6 nexthdr 6'],
  ['ip', 'tcp dport 80'],
  ['ip', 'udp sport != 1024-65535'],
  ['ip', 'meta l4proto { tcp, udp } th dport 53'],
  ['ip', 'sctp dport { 80, 8000-8010 }'],
  ['ip', 'iifname "eth0"'],
  ['ip', 'iifname != cni*', 'iifname != "cni*"'],
  ['ip', 'meta iifname { eth0, eth1 }', 'iifname { "eth0", "eth1" }'],
  ['ip', 'meta mark 0x10', 'meta mark 0x00000010'],
  ['ip', 'meta mark { 0x10, 0x20 }', 'meta mark { 0x00000010, 0x00000020 }'],
  ['ip', 'ct mark != 5', 'ct mark != 0x00000005'],
  ['ip', 'ct state new,established', 'ct state established,new'],
  ['ip', 'fib saddr type local'],
  ['ip', 'fib daddr type != local'],
  ['ip', 'ip protocol udp', 'ip protocol 17'],
];

test('matches as nft reads them', async (t) => {
  const lab = new Lab(t, 'match');
  const nft = await Netfilter.open({ namespace: lab.namespace });
  t.teardown(() => nft.close());
  for (const [family, text, listed = text] of matches) {
    const table = { family, table: 't' } as const;
    const chain = { ...table, chain: 'c' };
    await nft.transaction((tx) => {
      const reading = parseMatches(text, family);
      tx.addTable(table).addChain(chain);
      tx.addRule({ ...chain, expressions: [...reading(tx, table), x.accept()], comment: 'a', tag: 'b' });
    });
    const [, rule = ''] =
      lab.run('nft', 'list', 'ruleset').match(/chain c \{\n\t\t(.*) accept comment "a"\n/) ?? [];
    t.equal(rule.replaceAll(/protocol udp/g, 'protocol 17').replaceAll(/nexthdr tcp/g, 'nexthdr 6'), listed);
    t.match(await nft.rules(chain), [{ comment: 'a', tag: 'b' }]);
    await nft.deleteTable(table);
  }
  t.equal(lab.run('nft', 'list', 'ruleset'), '', 'sets go with their rules');
});

test('what is not understood', async (t) => {
  for (const [family, text] of [
    ['ip', 'ip saddr'],
    ['ip', 'ip saddr fd00::1'],
    ['ip', 'ip saddr 10.0.0.0/33'],
    ['ip', 'ip saddr 10.0.0.0/8/8'],
    ['ip', 'ip saddr 10.0.0.9-10.0.0.1'],
    ['ip', 'ip saddr { 10.0.0.1'],
    ['ip', 'ip saddr { }'],
    ['ip', 'ip6 saddr fd00::1'],
    ['ip6', 'ip saddr 10.0.0.1'],
    ['ip', 'tcp dport http'],
    ['ip', 'tcp dport 65536'],
    ['ip', 'tcp flags syn'],
    ['ip', 'iifname a-name-that-is-too-long'],
    ['ip', 'iifname { "eth*", "lo" }'],
    ['ip', 'fib daddr type nowhere'],
    ['ip', 'ct state many'],
    ['ip', 'ip saddr = 10.0.0.1'],
    ['ip', 'accept'],
    ['ip', 'ip saddr 10.0.0.1 drop'],
    ['ip', 'constructor toString'],
  ] as const) {
    t.throws(() => parseMatches(text, family), MatchSyntaxError, text);
  }
  t.equal(parseMatches('', 'ip').length, 2, 'nothing matches everything');
});

test('ranges of ports are translated one to one', async (t) => {
  const lab = new Lab(t, 'match');
  const nft = await Netfilter.open({ namespace: lab.namespace });
  t.teardown(() => nft.close());
  const table = { family: 'ip', table: 't' } as const;
  const COUNT = 2000;
  await nft.transaction((tx) => {
    const base = { ...table, chain: 'c', type: 'nat', hook: 'prerouting', priority: -100 } as const;
    tx.addTable(table).addChain(base);
    const elements = Array.from({ length: COUNT }, (_, i) => ({
      key: x.portBytes(8000 + i),
      data: x.portBytes(20_000 + i),
    }));
    const map = tx.addAnonymousSet(
      { ...table, keyLength: 2, keyType: 13, data: { length: 2, type: 13 } },
      elements,
    );
    tx.addRule({
      ...base,
      expressions: [
        ...x.l4proto(6),
        ...x.destinationPort(8000, 9999),
        ...x.destinationTranslation('10.0.0.2', map),
      ],
    });
  });
  const listed = lab.run('nft', 'list', 'ruleset');
  t.match(listed, /tcp dport 8000-9999 dnat to 10\.0\.0\.2:tcp dport map \{/);
  t.equal(listed.match(/\d+ : 2[01]\d{3}/g)?.length, COUNT);
});
