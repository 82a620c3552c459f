import { fileURLToPath } from 'node:url';
import t from 'tap';
import type { DecodedMessage } from '../../host/codec/block.js';
import { decodeMessages } from '../../host/codec/decode.js';
import { encode } from '../../host/codec/encode.js';
import { registry } from '../../host/codec/registry.js';
import { nfnetlinkBatch } from '../../host/schema/netfilter/batch.js';
import { nftables } from '../../host/schema/netfilter/nftables.js';
import { printExpression } from './support/bytecode.js';
import { datagrams, hex, namespaceShell } from './support/kernel.js';

const NETFILTER = 12;
const REQUEST = 1;
const ACK = 4;
const DUMP = 0x300;
const CREATE = 0x400;
const APPEND = 0x800;
const ruleset = fileURLToPath(new URL('../../../test/schema/fixtures/ruleset.nft', import.meta.url));

interface Expressions {
  elem: { name: string; data?: Record<string, unknown> }[];
}

registry().register(nftables);
registry().register(nfnetlinkBatch);

const { messages } = nftables;
const dump = (message: Parameters<typeof encode>[0], attributes = {}) =>
  hex(
    encode(message, { flags: REQUEST | DUMP, seq: 1, header: { nfgenFamily: 'inet' }, attributes } as never),
  );
const request = (...requests: string[]) => `"$REQUEST" ${NETFILTER} ${requests.join(' ')}\n`;
const decoded = (output: string, name: string): Record<string, unknown>[] =>
  datagrams(output)
    .flatMap((bytes): DecodedMessage[] => decodeMessages('netfilter', bytes))
    .filter((message) => message.name === name)
    .map(({ attributes }) => attributes as Record<string, unknown>);

const sets = ['s1', 's2', 's3', 'm1', 'm2', 'm3', 'm4'];
const everything = [
  dump(messages.gettable),
  dump(messages.getchain),
  dump(messages.getobj),
  dump(messages.getset),
  dump(messages.getrule),
  ...sets.map((set) => dump(messages.getsetelem, { table: 't', set })),
];

t.test('what the kernel dumps reads as nft reads it', async (t) => {
  const shell = namespaceShell(t);
  const [bytes = '', debug = '', json = ''] = shell(
    `nft -f ${ruleset}\n${request(...everything)}echo =====\nnft --debug=netlink list ruleset\necho =====\nnft -j list ruleset\n`,
  ).split('=====\n');

  const wanted = debug
    .split('\n')
    .filter((line) => line.startsWith('  [ '))
    .map((line) => line.trimEnd());
  const rules = decoded(bytes, 'newrule') as { expressions: { elem: { name: string }[] } }[];
  t.ok(wanted.length > 100);
  t.same(
    rules.flatMap((rule) => rule.expressions.elem.map(printExpression)),
    wanted,
    'expressions',
  );

  const listed = (JSON.parse(json) as { nftables: Record<string, Record<string, unknown>>[] }).nftables;
  const of = (kind: string) => listed.flatMap((entry) => (entry[kind] === undefined ? [] : [entry[kind]]));
  t.same(
    decoded(bytes, 'newchain').map(({ name, table, handle, type, policy, hook }) => {
      const place = hook as { num: number; priority: number } | undefined;
      const hooks = ['prerouting', 'input', 'forward', 'output', 'postrouting'];
      return { name, table, handle, type, policy, hook: place && hooks[place.num], prio: place?.priority };
    }),
    of('chain').map(({ name, table, handle, type, policy, hook, prio }) => {
      return { name, table, handle, type, policy, hook, prio };
    }),
    'chains',
  );
  t.same(
    rules.map((rule) => (rule as unknown as { handle: number }).handle),
    of('rule').map(({ handle }) => handle),
    'the handles of rules',
  );
  const object = (name: string) => decoded(bytes, 'newobj').find((one) => one.name === name);
  t.match(object('c1'), { type: 'counter', data: { packets: 3, bytes: 5 } });
  t.match(object('q1'), { type: 'quota', data: { bytes: 10 << 20, flags: ['invert'] } });
  t.match(object('l1'), { type: 'limit', data: { rate: 5, unit: 1, type: 'pkts' } });
  t.match(object('h1'), { type: 'ct-helper', data: { name: 'ftp', l4proto: 6 } });
  t.match(object('e1'), {
    type: 'ct-expect',
    data: { l3proto: 2, l4proto: 6, dport: 99, timeout: 600_000, size: 12 },
  });
  t.match(object('y1'), { type: 'synproxy', data: { mss: 1460, wscale: 7 } });
  const set = (name: string) => decoded(bytes, 'newset').find((one) => one.name === name);
  t.match(set('s1'), {
    flags: ['interval', 'concat'],
    keyLen: 8,
    desc: { concat: { elem: [{ len: 4 }, { len: 2 }] } },
  });
  t.match(set('m1'), { flags: ['map'], keyLen: 4, dataType: 'verdict' });
  t.match(set('m4'), { flags: ['object'], objType: 'counter' });
  t.match(set('dyn'), {
    flags: ['timeout', 'eval'],
    timeout: 60_000,
    desc: { size: 100 },
    expr: { name: 'counter' },
  });
});

t.test('what was decoded is encoded to the same ruleset', async (t) => {
  const shell = namespaceShell(t);
  const [bytes = '', first = ''] = shell(
    `nft -f ${ruleset}\n${request(...everything)}echo =====\nnft list ruleset\n`,
  ).split('=====\n');

  const batch: string[] = [];
  let seq = 1;
  const write = (message: Parameters<typeof encode>[0], flags: number, attributes: object, header = {}) => {
    seq++;
    const bytes = encode(message, {
      flags: REQUEST | flags,
      seq,
      header: { nfgenFamily: 'inet', ...header },
      attributes,
    } as never);
    batch.push(hex(bytes));
  };
  write(nfnetlinkBatch.messages.batchbegin, 0, {}, { resId: 10 });
  const again = (
    name: string,
    message: Parameters<typeof encode>[0],
    flags = CREATE,
    extra: (i: number, attributes: Record<string, unknown>) => object = () => ({}),
  ) => {
    decoded(bytes, name).forEach((attributes, i) => {
      const { handle, use, position, type, count, ...rest } = attributes;
      write(message, flags, { ...rest, ...(name === 'newset' ? {} : { type }), ...extra(i, attributes) });
    });
  };
  again('newtable', messages.newtable);
  again('newchain', messages.newchain);
  again('newobj', messages.newobj);
  again('newset', messages.newset, CREATE, (i) => ({ id: i + 1 }));
  for (const { table, set, elements } of decoded(bytes, 'newsetelem')) {
    const { elem } = elements as { elem?: unknown[] };
    // the kernel ends a dump of elements with an empty message
    if (elem !== undefined) write(messages.newsetelem, CREATE, { table, set, elements });
  }
  // the kernel reports flags of an exthdr that writes, and takes none
  const written = decoded(bytes, 'newrule').flatMap((rule) => (rule.expressions as Expressions).elem);
  t.ok(written.some(({ name, data }) => name === 'exthdr' && data?.sreg !== undefined));
  again('newrule', messages.newrule, CREATE | APPEND, (_, { expressions }) => ({
    expressions: {
      elem: (expressions as Expressions).elem.map((one) =>
        one.name === 'exthdr' && one.data?.sreg !== undefined
          ? { ...one, data: { ...one.data, flags: undefined } }
          : one,
      ),
    },
  }));
  const last = batch.pop() as string;
  const acked = Buffer.from(last, 'hex');
  acked.writeUInt16LE(acked.readUInt16LE(6) | ACK, 6);
  batch.push(acked.toString('hex'));
  write(nfnetlinkBatch.messages.batchend, 0, {}, { resId: 10 });

  const padded = batch.map((message) => message.padEnd(Math.ceil(message.length / 8) * 8, '0')).join('');
  const [answer = '', second = ''] = shell(`${request(padded)}echo =====\nnft list ruleset\n`).split(
    '=====\n',
  );
  const answers = datagrams(answer).flatMap((block) => decodeMessages('netfilter', block));
  const failures = answers
    .filter(({ header }) => (header as { error?: number }).error !== 0)
    .map(({ seq, header, attributes }) => {
      const sent = Uint8Array.from(Buffer.from(batch[seq - 2] ?? '', 'hex'));
      return { header, attributes, request: decodeMessages('netfilter', sent) };
    });
  t.same(failures, [], 'the kernel takes every message');
  t.equal(answers.length, 1, 'and acknowledges the last');
  t.equal(second, first);
  t.ok(first.includes('dnat ip to 10.1.1.1:8080'));
});
