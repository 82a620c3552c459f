import { type Test, test } from 'tap';
import * as x from '../../host/netfilter/expressions.js';
import { Netfilter } from '../../host/netfilter/netfilter.js';
import { Lab } from '../support/lab.js';

const table = { family: 'inet', table: 'shop' } as const;
const till = { ...table, chain: 'till' } as const;

interface ListedRule {
  readonly rule?: { readonly chain: string; readonly comment?: string };
  readonly table?: object;
}

/** Ours, which remembers, and what nft(8) says. */
async function lab(t: Test) {
  const one = new Lab(t, 'joint');
  const nft = await Netfilter.open({ namespace: one.namespace, remember: true });
  t.teardown(() => nft.close());
  const listed = (): ListedRule[] =>
    (JSON.parse(one.run('nft', '-j', 'list', 'ruleset')) as { nftables: ListedRule[] }).nftables;
  const comments = (): string[] =>
    listed().flatMap(({ rule }) => (rule === undefined ? [] : [rule.comment ?? '']));
  return { lab: one, nft, listed, comments };
}

/** Puts a rule into the chain, which is made with the first. */
function adds(nft: Netfilter, comment: string): Promise<void> {
  return nft.updateTogether(async (transaction, ruleset) => {
    const rules = await ruleset.rules(table);
    if (rules.length === 0) transaction.addTable(table).addChain(till);
    transaction.addRule({ ...till, expressions: [x.accept()], comment });
  });
}

/** Takes a rule away, and the table with the last. */
function removes(nft: Netfilter, comment: string): Promise<void> {
  return nft.updateTogether(async (transaction, ruleset) => {
    const rules = await ruleset.rules(table);
    const gone = rules.filter((rule) => rule.comment === comment);
    if (gone.length === 0) return;
    if (gone.length === rules.length) transaction.deleteTable(table);
    else for (const { handle = 0 } of gone) transaction.deleteRule({ ...till, handle });
  });
}

const names = Array.from({ length: 50 }, (_, i) => `customer ${i}`);

test('updates that come together are one transaction', async (t) => {
  const { nft, listed, comments } = await lab(t);
  const before = await nft.generation();
  await Promise.all(names.map((name) => adds(nft, name)));
  t.equal(await nft.generation(), before + 1, 'the kernel has committed once');
  t.strictSame(comments(), names, 'each in its order; the chain was made once');
  await Promise.all(names.slice(1).map((name) => removes(nft, name)));
  t.equal(await nft.generation(), before + 2);
  t.strictSame(comments(), names.slice(0, 1));
  await Promise.all([adds(nft, 'new'), ...names.map((name) => removes(nft, name))]);
  t.strictSame(comments(), ['new'], 'who removes sees what was added just before, and leaves the table');
  await Promise.all([adds(nft, 'newer'), removes(nft, 'new'), removes(nft, 'newer')]);
  t.strictSame(
    listed().filter((entry) => 'table' in entry || 'rule' in entry),
    [],
    'the last takes the table along',
  );
});

test('one that is refused fails alone', async (t) => {
  const { nft, comments } = await lab(t);
  await adds(nft, 'first');
  const wrong = (): Promise<void> =>
    nft.updateTogether(async (transaction, ruleset) => {
      await ruleset.rules(table);
      transaction.addRule({ ...till, expressions: [x.jump('nowhere')], comment: 'wrong' });
    });
  const thrown = (): Promise<void> =>
    nft.updateTogether(async (_transaction, ruleset) => {
      await ruleset.rules(table);
      throw new Error('undecided');
    });
  const done = await Promise.allSettled([
    ...names.slice(0, 5).map((name) => adds(nft, name)),
    wrong(),
    thrown(),
    ...names.slice(5, 10).map((name) => adds(nft, name)),
  ]);
  t.strictSame(
    done.map(({ status }) => status === 'fulfilled'),
    [true, true, true, true, true, false, false, true, true, true, true, true],
  );
  t.match((done[5] as PromiseRejectedResult).reason, { code: 'ENOENT', failures: [{ index: 0 }] });
  t.match((done[6] as PromiseRejectedResult).reason, { message: 'undecided' });
  t.strictSame(comments().sort(), ['first', ...names.slice(0, 10)].sort());
});

test('somebody else changes the ruleset meanwhile', async (t) => {
  const { lab: one, nft, comments } = await lab(t);
  await adds(nft, 'first');
  let disturbed = 0;
  const disturbing = (name: string): Promise<void> =>
    nft.updateTogether(async (transaction, ruleset) => {
      await ruleset.rules(table);
      if (disturbed++ === 0)
        one.run('nft', 'add', 'rule', 'inet', 'shop', 'till', 'drop', 'comment', '"theirs"');
      transaction.addRule({ ...till, expressions: [x.accept()], comment: name });
    });
  await Promise.all([disturbing('a'), disturbing('b'), disturbing('c')]);
  t.equal(disturbed, 6, 'all were asked anew');
  t.strictSame(comments(), ['first', 'theirs', 'a', 'b', 'c']);
});

test('sets of one rule, made by several at once', async (t) => {
  const { lab: one, nft } = await lab(t);
  const ports = [80, 81, 82, 83];
  await Promise.all(
    ports.map((port) =>
      nft.updateTogether(async (transaction, ruleset) => {
        await ruleset.rules(table);
        transaction.addTable(table).addChain(till);
        const key = Uint8Array.of(port >> 8, port & 255);
        const set = transaction.addAnonymousSet({ ...table, keyLength: 2, keyType: 13 }, [{ key }]);
        transaction.addRule({
          ...till,
          expressions: [...x.l4proto(6), x.payload('transport-header', 2, 2), x.lookup(set)],
          comment: `port ${port}`,
        });
      }),
    ),
  );
  const text = one.run('nft', 'list', 'ruleset');
  for (const port of ports) t.match(text, new RegExp(`tcp dport \\{ ${port} \\} comment "port ${port}"`));
});
