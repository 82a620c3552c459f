import { type Test, test } from 'tap';
import { TransactionError } from '../../host/netfilter/errors.js';
import * as x from '../../host/netfilter/expressions.js';
import { Netfilter } from '../../host/netfilter/netfilter.js';
import { Lab } from '../support/lab.js';

async function lab(t: Test): Promise<{ lab: Lab; nft: Netfilter; text: () => string }> {
  const one = new Lab(t, 'nft');
  const nft = await Netfilter.open({ namespace: one.namespace });
  t.teardown(() => nft.close());
  return { lab: one, nft, text: () => one.run('nft', 'list', 'ruleset') };
}

test('rules read by nft as they were meant', async (t) => {
  const { lab: a, nft, text } = await lab(t);
  const table = { family: 'ip', table: 'shop' } as const;
  await nft.transaction((tx) => {
    tx.addTable(table)
      .addChain({
        ...table,
        chain: 'post',
        type: 'nat',
        hook: 'postrouting',
        priority: 100,
        policy: 'accept',
      })
      .addChain({ ...table, chain: 'pod' })
      .addRule({
        ...table,
        chain: 'post',
        expressions: [...x.source('10.62.0.0/16'), x.jump('pod')],
        comment: 'pod of a test',
      })
      .addRule({
        ...table,
        chain: 'pod',
        expressions: [...x.destination('10.62.0.0/12', 'neq'), x.counter(), x.masquerade()],
      })
      .addRule({
        ...table,
        chain: 'pod',
        expressions: [...x.iifname('eth0'), ...x.oifname('veth*', 'neq'), x.drop()],
      })
      .addRule({
        ...table,
        chain: 'pod',
        expressions: [...x.l4proto(6), ...x.destinationPort(8080), x.accept()],
      })
      .insertRule({
        ...table,
        chain: 'pod',
        expressions: [...x.connectionState('established', 'related'), x.returnToCaller()],
      });
  });
  const listed = text();
  for (const line of [
    'type nat hook postrouting priority srcnat; policy accept;',
    'ip saddr 10.62.0.0/16 jump pod comment "pod of a test"',
    'ip daddr != 10.48.0.0/12 counter packets 0 bytes 0 masquerade',
    'iifname "eth0" oifname != "veth*" drop',
    'tcp dport 8080 accept',
    'ct state established,related return',
  ]) {
    t.ok(listed.includes(line), line);
  }
  t.ok(listed.indexOf('ct state') < listed.indexOf('ip daddr'), 'inserted rules come first');
  t.match(
    (await nft.tables()).map(({ family, name }) => [family, name]),
    [['ip', 'shop']],
  );
  t.match(
    (await nft.chains(table)).map(({ name }) => name),
    ['post', 'pod'],
  );
  const rules = await nft.rules({ ...table, chain: 'post' });
  t.equal(rules.length, 1);
  t.equal(rules[0]?.comment, 'pod of a test');
  t.equal(rules[0]?.expressions?.elem?.at(-1)?.name, 'immediate');
  await nft.transaction((tx) => tx.deleteRule({ ...table, chain: 'post', handle: rules[0]?.handle ?? 0 }));
  t.notOk(text().includes('jump pod'));
  t.ok(await nft.deleteTable(table));
  t.notOk(await nft.deleteTable(table), 'deleting twice is no error');
  t.equal(a.run('nft', 'list', 'ruleset'), '');
});

test('rules that nft made are decoded', async (t) => {
  const { lab: a, nft } = await lab(t);
  a.run('nft', 'add', 'table', 'inet', 'f');
  a.run('nft', 'add', 'chain', 'inet', 'f', 'c', '{ type filter hook input priority -5; policy drop; }');
  a.run(
    'nft',
    'add',
    'rule',
    'inet',
    'f',
    'c',
    'ip6',
    'saddr',
    'fd00::/8',
    'tcp',
    'dport',
    '{22,80}',
    'limit',
    'rate',
    '5/second',
    'counter',
    'accept',
  );
  const [chain] = await nft.chains({ family: 'inet', table: 'f' });
  t.match(chain, { family: 'inet', hook: { num: 1, priority: -5 }, policy: 'drop', type: 'filter' });
  const [rule] = await nft.rules({ family: 'inet', table: 'f' });
  const names = rule?.expressions?.elem?.map(({ name }) => name);
  t.match(names, [
    'meta',
    'cmp',
    'payload',
    'cmp',
    'meta',
    'cmp',
    'payload',
    'lookup',
    'limit',
    'counter',
    'immediate',
  ]);
});

test('sets, maps and their elements', async (t) => {
  const { nft, text } = await lab(t);
  const table = { family: 'ip', table: 's' } as const;
  const set = { ...table, set: 'pods' };
  const IPV4_ADDRESS = 7;
  await nft.transaction((tx) => {
    tx.addTable(table)
      .addChain({ ...table, chain: 'c', hook: 'forward', priority: 0 })
      .addSet({ ...set, keyLength: 4, keyType: IPV4_ADDRESS })
      .addSet({ ...table, set: 'ports', keyLength: 4, keyType: IPV4_ADDRESS, data: 'verdict' })
      .addElements(set, [{ key: Uint8Array.of(10, 0, 0, 1) }, { key: Uint8Array.of(10, 0, 0, 2) }])
      .addElements({ ...table, set: 'ports' }, [{ key: Uint8Array.of(10, 0, 0, 9), data: { code: 'drop' } }])
      .addRule({
        ...table,
        chain: 'c',
        expressions: [x.payload('network-header', 12, 4), x.lookup('pods'), x.accept()],
      })
      .addRule({
        ...table,
        chain: 'c',
        expressions: [x.payload('network-header', 16, 4), x.lookup('ports', { verdictMap: true })],
      });
  });
  const listed = text();
  t.match(listed, /elements = { 10.0.0.1, 10.0.0.2 }/);
  t.match(listed, /elements = { 10.0.0.9 : drop }/);
  t.match(listed, /ip saddr @pods accept/);
  t.match(listed, /ip daddr vmap @ports/);
  t.equal((await nft.elements(set)).length, 2);
  await nft.transaction((tx) => tx.deleteElements(set, [{ key: Uint8Array.of(10, 0, 0, 1) }]));
  t.match(
    (await nft.elements(set)).map(({ key }) => [...(key?.value ?? [])]),
    [[10, 0, 0, 2]],
  );
});

test('a transaction is done wholly or not at all, and names what was refused', async (t) => {
  const { nft, text } = await lab(t);
  const table = { family: 'inet', table: 'half' } as const;
  const failed = await nft
    .transaction((tx) => {
      tx.addTable(table)
        .addChain({ ...table, chain: 'a' })
        .addRule({ ...table, chain: 'a', expressions: [x.jump('nowhere')] })
        .addChain({ ...table, chain: 'b' });
    })
    .then(
      () => undefined,
      (error: unknown) => error,
    );
  t.ok(failed instanceof TransactionError);
  t.match(failed, { index: 2, code: 'ENOENT', operation: 'add rule inet half a' });
  t.match((failed as Error).message, /add rule inet half a \(operation 2/);
  t.equal(text(), '');
  // the socket is of use afterwards
  await nft.transaction((tx) => tx.addTable(table));
  t.match(text(), /table inet half/);
  await t.rejects(
    nft.transaction((tx) => tx.createTable(table)),
    { code: 'EEXIST', operation: 'create table inet half' },
  );
});

test('a transaction of thousands of elements', async (t) => {
  const { nft } = await lab(t);
  const table = { family: 'ip', table: 'big' } as const;
  const set = { ...table, set: 'all' };
  await nft.transaction((tx) => {
    tx.addTable(table).addSet({ ...set, keyLength: 4, keyType: 7 });
    for (let part = 0; part < 40; part++) {
      tx.addElements(
        set,
        Array.from({ length: 250 }, (_, i) => ({ key: Uint8Array.of(10, 1, part, i) })),
      );
    }
  });
  t.equal((await nft.elements(set)).length, 10_000);
});
