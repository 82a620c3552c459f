import fc from 'fast-check';
import { test } from 'tap';
import { clientIdOf, clientOptions, dhcpShape } from '../../../host/plugins/ipam/dhcp/config.js';
import { readFlags } from '../../../host/plugins/ipam/dhcp/flags.js';
import {
  GobDecoder,
  GobEncoder,
  type GobStruct,
  type GobValue,
} from '../../../host/plugins/ipam/dhcp/gob.js';
import { type DhcpMessage, decodeMessage, encodeMessage } from '../../../host/plugins/ipam/dhcp/message.js';
import {
  readClasslessRoutes,
  readDomainSearch,
  readPrefixLength,
  readStaticRoutes,
} from '../../../host/plugins/ipam/dhcp/options.js';
import { decodePacket, encodePacket } from '../../../host/plugins/ipam/dhcp/packet.js';
import { resultOf, termsOf } from '../../../host/plugins/ipam/dhcp/terms.js';
import { pauses } from '../../../host/plugins/ipam/dhcp/timing.js';
import { readHeader, readResult, writeResult } from '../../../host/plugins/ipam/dhcp/wire.js';

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(/\s/g, ''), 'hex'));
const isOurs = (error: unknown): boolean =>
  /^ERR_(DHCP_MALFORMED|DHCP_LEASE|GOB)$/.test(String((error as { code?: unknown }).code));

/** A DHCPACK as a server's packet: IPv4 and UDP around it, checksums by another program's reckoning. */
function packetTo68(payload: Uint8Array): Uint8Array {
  const packet = encodePacket('192.168.77.1', '192.168.77.10', payload);
  const view = new DataView(packet.buffer);
  // no checksum, and the ports of an answer
  view.setUint16(20, 67);
  view.setUint16(22, 68);
  view.setUint16(26, 0);
  return packet;
}

const message: DhcpMessage = {
  op: 'reply',
  xid: 0xdeadbeef,
  secs: 3,
  broadcast: true,
  ciaddr: '0.0.0.0',
  yiaddr: '192.168.77.10',
  siaddr: '1.2.3.4',
  giaddr: '5.6.7.8',
  chaddr: bytesOf('020000000001'),
  options: new Map([[53, Uint8Array.of(5)]]),
};

test('messages: the layout of RFC 2131, and back', async (t) => {
  const bytes = encodeMessage(message);
  t.equal(bytes.length, 300);
  t.equal(
    Buffer.from(bytes.subarray(0, 34)).toString('hex'),
    '02010600deadbeef0003800000000000c0a84d0a0102030405060708020000000001',
  );
  t.equal(Buffer.from(bytes.subarray(236, 244)).toString('hex'), '63825363350105ff');
  t.same(decodeMessage(bytes), message);
});

test('messages: options in pieces, in other fields, cut off', async (t) => {
  const long = new Uint8Array(700).fill(7);
  const bytes = encodeMessage({ ...message, options: new Map([[43, long]]) });
  t.same(decodeMessage(bytes).options.get(43), long, 'RFC 3396');
  const overloaded = new Uint8Array(300);
  overloaded.set(encodeMessage({ ...message, options: new Map([[52, Uint8Array.of(3)]]) }).subarray(0, 244));
  overloaded.set([12, 1, 98, 255], 44);
  overloaded.set([12, 1, 97, 255], 108);
  t.same(decodeMessage(overloaded).options.get(12), Uint8Array.of(97, 98), 'file first, then sname');
  for (const end of [241, 242]) {
    t.throws(() => decodeMessage(bytes.subarray(0, end)), { code: 'ERR_DHCP_MALFORMED' });
  }
  t.throws(() => encodeMessage({ ...message, options: new Map([[255, long]]) }), { code: 'ERR_DHCP_OPTION' });
  t.throws(() => encodeMessage({ ...message, ciaddr: '::1' }), { code: 'ERR_DHCP_MALFORMED' });
  t.throws(() => encodeMessage({ ...message, chaddr: new Uint8Array(17) }), { code: 'ERR_DHCP_MALFORMED' });
});

test('messages: whatever goes out comes back; whatever comes in is a message or an error', async (t) => {
  const address = fc.ipV4();
  const option = fc.tuple(fc.integer({ min: 1, max: 254 }), fc.uint8Array({ maxLength: 600 }));
  const any = fc.record({
    op: fc.constantFrom('request' as const, 'reply' as const),
    xid: fc.nat(0xffffffff),
    secs: fc.nat(0xffff),
    broadcast: fc.boolean(),
    ciaddr: address,
    yiaddr: address,
    siaddr: address,
    giaddr: address,
    chaddr: fc.uint8Array({ maxLength: 16 }),
    options: fc
      .array(option, { maxLength: 12 })
      // option 52 says where more of them are
      .map(
        (pairs) => new Map(pairs.filter(([code]) => code !== 52).map(([c, v]) => [c, Uint8Array.from(v)])),
      ),
  });
  fc.assert(
    fc.property(any, (one) => {
      const back = decodeMessage(encodeMessage(one));
      t.ok(JSON.stringify([...back.options]) === JSON.stringify([...one.options]) && back.xid === one.xid);
    }),
    { numRuns: 200 },
  );
  let read = 0;
  const attempt = (bytes: Uint8Array): boolean => {
    try {
      const { payload } = decodePacket(bytes, false);
      const decoded = decodeMessage(payload);
      read++;
      resultOf(termsOf(decoded), 5);
      return true;
    } catch (error) {
      return isOurs(error);
    }
  };
  const change = fc.tuple(fc.nat(700), fc.nat(255));
  fc.assert(
    fc.property(any, fc.array(change, { maxLength: 6 }), fc.nat(800), (one, changes, cut) => {
      const packet = packetTo68(encodeMessage(one));
      for (const [at, value] of changes) if (at < packet.length && at >= 28) packet[at] = value;
      return attempt(packet) && attempt(packet.subarray(0, cut));
    }),
    { numRuns: 1000 },
  );
  t.ok(read > 300, `${read} could be read`);
  fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), attempt), { numRuns: 1000 });
});

test('packets: what is refused', async (t) => {
  const good = packetTo68(encodeMessage(message));
  t.match(decodePacket(good), { source: '192.168.77.1', destination: '192.168.77.10' });
  const spoiled = (at: number, value: number, payload = good): Uint8Array => {
    const copy = payload.slice();
    copy[at] = value;
    return copy;
  };
  for (const [what, bytes] of [
    ['too short', good.subarray(0, 27)],
    ['IPv6', spoiled(0, 0x65)],
    ['a header of 16 bytes', spoiled(0, 0x44)],
    ['longer than it is', spoiled(2, 9)],
    ['a fragment', spoiled(6, 0x20)],
    ['TCP', spoiled(9, 6)],
    ['another source', spoiled(12, 7)],
    ['another port', spoiled(23, 67)],
    ['a datagram of 4 bytes', spoiled(25, 4, spoiled(24, 0))],
    ['a datagram beyond the packet', spoiled(24, 4)],
    ['checksum', spoiled(27, 1)],
  ] as const) {
    t.throws(() => decodePacket(bytes), { code: 'ERR_DHCP_MALFORMED' }, what);
  }
  t.doesNotThrow(() => decodePacket(spoiled(27, 1), false), 'checksums of virtual links');
});

const options = (code: number, hex: string): ReadonlyMap<number, Uint8Array> =>
  new Map([[code, bytesOf(hex)]]);

test('options: routes, masks, names', async (t) => {
  const classless = (hex: string): unknown => readClasslessRoutes(options(121, hex), 121);
  t.same(classless('00 c0a84d01 08 0a c0a84d02 14 0affff c0a84d03 20 01020304 00000000'), [
    { dst: '0.0.0.0/0', router: '192.168.77.1' },
    { dst: '10.0.0.0/8', router: '192.168.77.2' },
    { dst: '10.255.240.0/20', router: '192.168.77.3' },
    { dst: '1.2.3.4/32', router: '0.0.0.0' },
  ]);
  for (const hex of ['', '21 0102030405 c0a84d01', '08 0a c0a84d', '18 0a00'])
    t.equal(classless(hex), undefined);
  t.same(
    readStaticRoutes(
      options(33, '0a010101c0a84d01 ac100102c0a84d01 c0a80203c0a84d01 00000000c0a84d01 e0000001c0a84d01'),
    ),
    [
      { dst: '10.0.0.0/8', router: '192.168.77.1' },
      { dst: '172.16.0.0/16', router: '192.168.77.1' },
      { dst: '192.168.2.0/24', router: '192.168.77.1' },
    ],
  );
  t.same(readStaticRoutes(options(33, '0a0101')), []);
  for (const [mask, length] of [
    ['00000000', 0],
    ['80000000', 1],
    ['fffffe00', 23],
    ['ffffffff', 32],
    ['ff00ff00', undefined],
    ['ffffff', undefined],
  ] as const) {
    t.equal(readPrefixLength(options(1, mask)), length);
  }
  const search = (hex: string): string[] => readDomainSearch(options(119, hex));
  t.same(search('03656e67 05 6170706c65 03636f6d 00 09 6d61726b6574696e67 c004'), [
    'eng.apple.com',
    'marketing.apple.com',
  ]);
  for (const hex of ['c000', '0361', '01 61 c002', '40', '03616263']) t.same(search(hex), []);
});

const person: GobStruct = {
  struct: 'P',
  fields: [
    ['Name', 'string'],
    ['Age', 'int'],
  ],
};

test('gob: the bytes of Go', async (t) => {
  // gob.NewEncoder(&b).Encode(P{"Ann", -65}) of Go 1.26
  const bytes = bytesOf(
    '1f7f030101015001ff8000010201044e616d65010c00010341676501040000000bff800103416e6e01ff8100',
  );
  // older ones number the first type of a stream 65
  t.equal(
    Buffer.from(new GobEncoder().encode(person, { Name: 'Ann', Age: -65 })).toString('hex'),
    '20ff81030101015001ff8200010201044e616d65010c00010341676501040000000bff820103416e6e01ff8100',
  );
  const decoder = new GobDecoder();
  const values = [...bytes].flatMap((byte) => decoder.push(Uint8Array.of(byte)));
  t.same(
    values.map((value) => ({ ...(value as object) })),
    [{ Name: 'Ann', Age: -65 }],
    'byte by byte',
  );
});

test('gob: whatever goes out comes back; whatever comes in is a value or an error', async (t) => {
  const integer = fc.oneof(fc.integer(), fc.integer({ min: -(2 ** 52), max: 2 ** 52 - 1 }));
  const type: GobStruct = {
    struct: 'T',
    fields: [
      ['Text', 'string'],
      ['Number', 'int'],
      ['Flag', 'bool'],
      ['Bytes', 'bytes'],
      ['People', { slice: person }],
      ['Inner', person],
    ],
  };
  const one = fc.record({ Name: fc.string({ minLength: 1 }), Age: integer.filter((age) => age !== 0) });
  const any = fc.record({
    Text: fc.string({ unit: 'grapheme', minLength: 1 }),
    Number: integer.filter((n) => n !== 0),
    Flag: fc.constant(true),
    Bytes: fc.uint8Array({ minLength: 1 }),
    People: fc.array(one, { minLength: 1 }),
    Inner: one,
  });
  const plain = (value: unknown): string =>
    JSON.stringify(value, (_, inner) => (inner instanceof Uint8Array ? [...inner] : inner));
  fc.assert(
    fc.property(fc.array(any, { minLength: 1, maxLength: 3 }), (all) => {
      const encoder = new GobEncoder();
      const decoder = new GobDecoder();
      return all.every((value) => {
        const [back] = decoder.push(encoder.encode(type, value));
        return plain(back) === plain(value);
      });
    }),
    { numRuns: 200 },
  );
  const attempt = (bytes: Uint8Array): boolean => {
    try {
      for (const value of new GobDecoder().push(bytes)) {
        readHeader(value);
        readResult(value);
      }
      return true;
    } catch (error) {
      return isOurs(error);
    }
  };
  const { type: resultType, value } = writeResult({
    ips: [{ address: '10.1.2.3/20', gateway: '10.1.2.1' }],
    routes: [{ dst: '0.0.0.0/0', gw: '10.1.2.1', priority: 7, mtu: 1400 }],
    dns: { nameservers: ['1.1.1.1'], search: ['a'], domain: 'd', options: ['o'] },
  });
  const whole = new GobEncoder().encode(resultType, value);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
      (changes) => {
        const bytes = whole.slice();
        for (const [at, byte] of changes) bytes[at] = byte;
        return attempt(bytes);
      },
    ),
    { numRuns: 3000 },
  );
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), attempt), { numRuns: 2000 });
  t.throws(() => new GobDecoder(1000).push(bytesOf('fe1000')), { code: 'ERR_GOB' }, 'a message too long');
  t.pass();
});

test('results on the wire', async (t) => {
  const result = {
    ips: [{ address: '10.1.2.3/20', gateway: '10.1.2.1' }, { address: 'fd00::1/64' }],
    routes: [
      { dst: '10.0.0.0/9', gw: '10.1.2.1', mtu: 1400, advmss: 1300, priority: 5, table: 6, scope: 253 },
      { dst: '::/0' },
    ],
    dns: { nameservers: ['1.1.1.1'], domain: 'd', search: ['s'], options: ['o'] },
  };
  const { type, value } = writeResult(result);
  const [back] = new GobDecoder().push(new GobEncoder().encode(type, value));
  t.same(readResult(back as GobValue), result);
  t.same(readResult({}), { ips: [], routes: [] });
});

test('terms: times, and what may not be missing', async (t) => {
  const ack = (pairs: readonly (readonly [number, string])[]): DhcpMessage => ({
    ...message,
    options: new Map(pairs.map(([code, hex]) => [code, bytesOf(hex)])),
  });
  const must = [[1, 'ffffff00'] as const, [54, 'c0a84d01'] as const];
  const times = (...more: (readonly [number, string])[]): (number | null)[] => {
    const { leaseTime, renewalTime, rebindingTime } = termsOf(ack([...must, ...more]));
    return [leaseTime, renewalTime, rebindingTime];
  };
  t.same(times(), [3600, 1800, 3150], 'an hour where the server does not say');
  t.same(times([51, '00000064']), [100, 50, 87.5]);
  t.same(times([51, '00000064'], [58, '0000000a'], [59, '00000014']), [100, 10, 20]);
  t.same(times([51, '00000064'], [58, '00000014'], [59, '0000000a']), [100, 50, 87.5], 'T2 before T1');
  t.same(times([51, '00000064'], [59, '000000ff']), [100, 50, 87.5], 'T2 after the end');
  t.same(times([51, '00000064'], [58, '00000000']), [100, 50, 87.5]);
  t.same(times([51, 'ffffffff'], [58, '00000001']), [null, null, null]);
  t.same(times([51, '0000']), [3600, 1800, 3150], 'a value of another size');
  for (const missing of [must.slice(1), must.slice(0, 1)]) {
    t.throws(() => termsOf(ack(missing)), { code: 'ERR_DHCP_LEASE' });
  }
  t.throws(() => termsOf(ack([...must, [51, '00000000']])), { code: 'ERR_DHCP_LEASE' });
  t.throws(() => termsOf({ ...ack(must), yiaddr: '0.0.0.0' }), { code: 'ERR_DHCP_LEASE' });
  const held = termsOf(ack(must));
  t.match(termsOf(ack([]), held), { prefixLength: 24, server: '192.168.77.1' });
  t.notOk('mtu' in termsOf(ack([...must, [26, '0043']])), 'an MTU below 68 is none');
});

test('the client identifier, flags, pauses', async (t) => {
  const config = dhcpShape.read({ ipam: {} }, '');
  const id = (containerId: string): number[] => [
    ...(clientOptions(config, clientIdOf(containerId, 'n', 'eth0'), '').provided.get(61) ?? []),
  ];
  t.same(id('c'), [0, ...Buffer.from('c/n/eth0')]);
  t.equal(id('c'.repeat(400)).length, 255);
  const timing = (...args: string[]): unknown => readFlags(args)?.timing;
  t.match(timing('-timeout', '1m2.5s', '--resendmax=250ms', '-resendtimeout', '1h'), {
    timeout: 62_500,
    resendMax: 250,
    resendTimeout: 3_600_000,
  });
  t.match(timing(), { timeout: 10_000, resendMax: 62_000, resendTimeout: 208_000, broadcast: false });
  t.match(timing('-timeout=99999h'), { timeout: 2 ** 29 }, 'more than a timer takes');
  for (const wrong of ['0', '5', '-1s', '1x', '', 's', '0s']) t.throws(() => timing('-timeout', wrong));
  for (const wrong of ['daemon', '-', '---x', '-nope'])
    t.throws(() => readFlags([wrong]), { code: 'ERR_DHCP_FLAG' });
  t.equal(readFlags(['-help']), undefined);
  const waits = pauses({ resendMax: 10_000 });
  for (const expected of [2, 2, 2, 2, 4, 8, 10, 10]) {
    const wait = (waits.next().value as number) / 1000;
    t.ok(Math.abs(wait - expected) <= 1, `${wait} is about ${expected}`);
  }
});
