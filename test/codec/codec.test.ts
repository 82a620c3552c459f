import { test } from 'tap';
import {
  ColumnReader,
  DecodeError,
  decode,
  decodeColumns,
  decodeRecords,
  EncodeError,
  encode,
  encodeColumns,
  explainAck,
  inputBuffer,
  isMessage,
  register,
} from '../../host/codec.js';
import {
  attributeSet,
  be32,
  choice,
  enumeration,
  family,
  flag,
  nest,
  string,
  struct,
  u8,
  u16,
  u32,
} from '../../host/schema/definition.js';
import { link } from '../../host/schema/link/link.js';
import { neighbour } from '../../host/schema/neighbour.js';
import { route } from '../../host/schema/route.js';

const { newroute } = route.messages;
const { newlink } = link.messages;
const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'));

test('an answer of the kernel, byte for byte', (t) => {
  // RTM_NEWROUTE of `ip route add 10.0.0.0/8 via 10.62.0.9`, as strace -e write shows it
  const bytes = hex(`34000000 1800 0506 01000000 00000000 02 08 00 00 fe 03 00 01 00000000
    0800 0100 0a000000  0800 0500 0a3e0009  0800 0400 03000000`);
  const [message] = decode('route', bytes);
  t.same(message, {
    name: 'newroute',
    type: 24,
    flags: 0x605,
    seq: 1,
    pid: 0,
    header: {
      family: 2,
      dstLen: 8,
      srcLen: 0,
      tos: 0,
      table: 254,
      protocol: 'boot',
      scope: 'universe',
      type: 'unicast',
      flags: [],
    },
    attributes: { dst: '10.0.0.0', gateway: '10.62.0.9', oif: 3 },
  });
  t.ok(message !== undefined && isMessage(message, newroute) && message.attributes.oif === 3);
  const again = encode(newroute, {
    flags: 0x605,
    seq: 1,
    header: { family: 2, dstLen: 8, table: 254, protocol: 'boot', scope: 'universe', type: 'unicast' },
    attributes: { dst: '10.0.0.0', gateway: '10.62.0.9', oif: 3 },
  });
  t.equal(Buffer.from(again).toString('hex'), Buffer.from(bytes).toString('hex'));
  t.same(decodeRecords('route', bytes), [
    { offset: 0, length: 52, name: 'newroute', type: 24, flags: 0x605, seq: 1, pid: 0, truncated: false },
  ]);
  t.end();
});

test('errors and ends carry their extended acknowledgement', (t) => {
  const request = encode(newlink, {
    seq: 9,
    attributes: { mtu: 5, linkinfo: { kind: 'vxlan', data: { id: 1, ttl: 7 } } },
  });
  // NLMSG_ERROR, capped, with NLMSGERR_ATTR_MSG and NLMSGERR_ATTR_OFFS
  const bytes = hex(`40000000 0200 0003 09000000 00000000 eaffffff 20000000 1000 0506 09000000 00000000
    0d00 0100 6e6f207375636800 00000000 0800 0200 20000000`);
  const [message] = decode('route', bytes);
  t.match(message, {
    name: 'error',
    header: { error: -22, request: { len: 32, type: 16, seq: 9 } },
    attributes: { msg: 'no such', offs: 32 },
  });
  t.same(explainAck('route', request, { offs: 32 }), { attribute: 'mtu' });
  const ttl = request.length - 4 - 4;
  t.same(explainAck('route', request, { offs: ttl }), { attribute: 'linkinfo.data.ttl' });
  t.same(explainAck('route', request, { missType: 1, missNest: 40 }), { missing: 'linkinfo.kind' });
  t.same(explainAck('route', request, { offs: 999 }), {});
  const done = decode('route', hex('14000000 0300 0200 05000000 00000000 f0ffffff'));
  t.match(done, [{ name: 'done', header: { error: -16 } }]);
  t.end();
});

test('what no schema knows is kept, and encoded again as it was', (t) => {
  const attributes = {
    ifname: 'x',
    200: Uint8Array.of(1, 2, 3),
    201: [Uint8Array.of(4), Uint8Array.of(5, 6)],
  };
  const bytes = encode(newlink, { attributes: attributes as never });
  const [message] = decode('route', bytes);
  t.same(message?.attributes, attributes);
  t.equal(
    Buffer.from(encode(newlink, { attributes: message?.attributes as never })).toString('hex'),
    Buffer.from(bytes).toString('hex'),
  );
  // a payload that does not fit its type: IFLA_MTU with two bytes
  const odd = decode(
    'route',
    hex('26000000 1000 0000 00000000 00000000 00000000000000000000000000000000 0600 0400 0500'),
  );
  t.same(odd[0]?.attributes, { 4: Uint8Array.of(5, 0) });
  const unknown = decode('route', hex('14000000 ff00 0000 00000000 00000000 01020304'));
  t.match(unknown, [{ name: 'unknown', type: 255, raw: Uint8Array.of(1, 2, 3, 4) }]);
  t.end();
});

test('malformed bytes are marked, never thrown about', (t) => {
  t.same(decode('route', new Uint8Array(0)), []);
  t.match(decode('route', hex('01020304')), [
    { name: 'unknown', truncated: true, raw: Uint8Array.of(1, 2, 3, 4) },
  ]);
  const whole = encode(newroute, { header: { family: 2 }, attributes: { dst: '10.0.0.0', oif: 3 } });
  for (let cut = 1; cut < whole.length; cut++) {
    const messages = decode('route', whole.slice(0, cut));
    t.ok(messages.length === 1 && messages[0]?.truncated, `cut to ${cut} bytes`);
  }
  t.throws(() => decode('carrier-pigeon' as 'route', whole), {
    name: 'DecodeError',
    code: 'ERR_UNKNOWN_PROTOCOL',
  });
  t.end();
});

test('values that do not fit say where and why', (t) => {
  const wrong: [object, string, string][] = [
    [{ mtu: -1 }, 'ERR_INVALID_VALUE', 'attributes.mtu'],
    [{ mtu: 2 ** 32 }, 'ERR_INVALID_VALUE', 'attributes.mtu'],
    [{ mtu: '5' }, 'ERR_INVALID_VALUE', 'attributes.mtu'],
    [{ ifname: 5 }, 'ERR_INVALID_VALUE', 'attributes.ifname'],
    [{ ifname: 'a\0b' }, 'ERR_INVALID_VALUE', 'attributes.ifname'],
    [{ address: 'no address' }, 'ERR_INVALID_VALUE', 'attributes.address'],
    [{ operstate: 'sideways' }, 'ERR_INVALID_VALUE', 'attributes.operstate'],
    [{ nothing: 1 }, 'ERR_UNKNOWN_ATTRIBUTE', 'attributes.nothing'],
    [{ linkinfo: { data: { id: 1 } } }, 'ERR_MISSING_SELECTOR', 'attributes.linkinfo.data'],
    [{ linkinfo: { kind: 'vxlan', data: { id: 'x' } } }, 'ERR_INVALID_VALUE', 'attributes.linkinfo.data.id'],
    [{ propList: { altIfname: ['a', 7] } }, 'ERR_INVALID_VALUE', 'attributes.propList.altIfname[1]'],
    [{ ifalias: 'x'.repeat(70_000) }, 'ERR_ATTRIBUTE_TOO_LONG', 'attributes'],
  ];
  for (const [attributes, code, path] of wrong) {
    try {
      encode(newlink, { attributes });
      t.fail(path);
    } catch (error) {
      t.ok(error instanceof EncodeError);
      t.match(error, { code, path });
    }
  }
  t.throws(() => encode(newlink, { header: { flags: ['upp'] } as never }), {
    message: /^header.flags: unknown flag/,
  });
  t.throws(() => encode(newlink, { header: { nothing: 1 } as never }), {
    code: 'ERR_UNKNOWN_ATTRIBUTE',
    path: 'header.nothing',
  });
  t.end();
});

test('many messages from columns', (t) => {
  const count = 500;
  const rows = Array.from({ length: count }, (_, i) => i);
  const dst = Uint8Array.from(rows.flatMap((i) => [10, i >> 8, i & 255, 0]));
  const bytes = encodeColumns(
    newroute,
    {
      flags: 5,
      header: { family: 2, table: 254, type: 'unicast' },
      attributes: { gateway: '10.62.0.9', metrics: { mtu: 1 } },
    },
    {
      dst: { values: dst, width: 4 },
      oif: Uint32Array.from(rows),
      'header.dstLen': Uint8Array.from(rows, (i) => i % 33),
      'metrics.mtu': Uint32Array.from(rows, (i) => 1000 + i),
      sport: Uint16Array.from(rows),
    },
    { firstSequence: 100 },
  );
  const messages = decode('route', bytes);
  t.equal(messages.length, count);
  messages.forEach(({ seq, header, attributes }, i) => {
    if (seq !== 100 + i || header.dstLen !== i % 33) t.fail(`message ${i}`);
    t.same(attributes, {
      gateway: '10.62.0.9',
      metrics: { mtu: 1000 + i },
      dst: `10.${i >> 8}.${i & 255}.0`,
      oif: i,
      sport: i,
    });
  });
  t.throws(() => encodeColumns(newroute, {}, { oif: new Uint16Array(2) }), {
    code: 'ERR_INVALID_VALUE',
    path: 'oif',
  });
  t.throws(() => encodeColumns(newroute, {}, { oif: new Uint32Array(2), mark: new Uint32Array(3) }), {
    message: /^mark: /,
  });
  t.throws(() => encodeColumns(newroute, {}, { nothing: new Uint32Array(2) }), {
    code: 'ERR_UNKNOWN_ATTRIBUTE',
  });
  t.equal(encodeColumns(newroute, {}, { oif: new Uint32Array(0) }).length, 0);
  t.end();
});

test('columns of varying length, of both families, and in place', (t) => {
  const inputs = [
    { ifname: 'lo' },
    { ifname: 'a-longer-name', address: '02:00:00:00:00:01' },
    { mtu: 9 },
    { ifname: 'x'.repeat(15), linkinfo: { kind: 'veth' } },
  ];
  const bytes = Uint8Array.from(
    inputs.flatMap((attributes, i) => [...padded(encode(newlink, { header: { index: i }, attributes }))]),
  );
  const columns = decodeColumns(newlink, bytes, ['ifname', 'address', 'mtu', 'linkinfo.kind', 'index']);
  t.equal(columns.rowCount, 4);
  t.same(
    inputs.map((_, i) => columns.ifname.get(i)),
    ['lo', 'a-longer-name', undefined, 'x'.repeat(15)],
  );
  t.equal(columns.address.get(1), '02:00:00:00:00:01');
  t.same(
    [0, 1, 2, 3].map((i) => columns.mtu.get(i)),
    [undefined, undefined, 9, undefined],
  );
  t.equal(columns['linkinfo.kind'].get(3), 'veth');
  t.same([...columns.index.values], [0, 1, 2, 3]);
  t.throws(() => columns.mtu.get(4), RangeError);
  const reader = new ColumnReader(newroute, ['gateway']);
  reader.push(encode(newroute, { attributes: { gateway: '10.0.0.1' } }));
  reader.push(encode(newroute, { attributes: { gateway: '2001:db8::1' } }));
  const mixed = reader.columns();
  t.same([mixed.gateway.get(0), mixed.gateway.get(1)], ['10.0.0.1', '2001:db8::1']);
  const inside = inputBuffer(bytes.length);
  inside.set(bytes);
  const place = new ColumnReader(newlink, ['ifname']);
  place.push(inside);
  t.equal(place.columns().ifname.get(3), 'x'.repeat(15));
  t.throws(() => decodeColumns(newlink, bytes, ['no-such-thing']), DecodeError);
  t.throws(() => decodeColumns(newlink, bytes, ['linkinfo']), { code: 'ERR_UNKNOWN_COLUMN' });
  t.end();
});

function padded(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array((bytes.length + 3) & ~3);
  out.set(bytes);
  return out;
}

test('more shapes than fit are forgotten and found anew', (t) => {
  const { newneigh } = neighbour.messages;
  let bytes = 0;
  for (let i = 0; i < 6000; i++) {
    const lladdr = new Uint8Array(1 + (i % 40)).fill(i);
    const message = encode(newneigh, {
      attributes: { dst: '10.0.0.1', lladdr, [300 + (i % 3000)]: new Uint8Array(i % 97) } as never,
    });
    bytes += message.length;
    const [decoded] = decode('route', message);
    if (decoded?.attributes.dst !== '10.0.0.1') t.fail(`message ${i}`);
  }
  t.ok(bytes > 0);
  t.end();
});

test('a family of one’s own', (t) => {
  const inner = attributeSet('inner', { on: [1, flag], name: [2, string] });
  const attributes = attributeSet('demo', {
    kind: [1, enumeration(be32, { plain: 1, nested: 2 })],
    payload: [2, choice('kind', { plain: u32, nested: nest(inner) })],
  });
  const demo = family({
    name: 'demo',
    protocol: 'generic',
    version: 3,
    messages: {
      set: { number: 7, header: struct('genlmsghdr', { cmd: u8, version: u8, reserved: u16 }), attributes },
    },
  });
  register(demo, 0x77);
  for (const given of [
    { kind: 'plain', payload: 5 } as const,
    { kind: 'nested', payload: { on: true, name: 'x' } } as const,
  ]) {
    const bytes = encode(demo.messages.set, { type: 0x77, attributes: given });
    const [message] = decode('generic', bytes);
    t.match(message, { name: 'set', type: 0x77, header: { cmd: 7, version: 3 }, attributes: given });
  }
  t.throws(() => encode(demo.messages.set, {}), { code: 'ERR_UNKNOWN_FAMILY' });
  t.end();
});
