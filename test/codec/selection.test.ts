import { test } from 'tap';
import type { DecodedMessage } from '../../host/codec/block.js';
import { decodeLoaded } from '../../host/codec/decode.js';
import { registry } from '../../host/codec/registry.js';
import { Selection } from '../../host/codec/selection.js';
import { decode, encode } from '../../host/codec.js';
import { link } from '../../host/schema/link/link.js';

const { newlink } = link.messages;

function message(n: number): Uint8Array {
  return encode(newlink, {
    seq: n,
    header: { index: n, flags: ['up'] },
    attributes: {
      ifname: `veth${1000 + n}`,
      mtu: 1000 + n,
      linkinfo: { kind: 'bridge', data: { vlanFiltering: 1 } },
    },
  });
}

test('a message that comes alone gets a compiled function too, which reads the same', (t) => {
  // encoding has compiled functions of its own
  const encoded = Array.from({ length: 60 }, (_, i) => message(i + 1));
  const real = globalThis.Function;
  let compiled = 0;
  globalThis.Function = new Proxy(real, {
    construct(target, args) {
      compiled++;
      return Reflect.construct(target, args);
    },
  });
  t.teardown(() => {
    globalThis.Function = real;
  });
  for (const [i, bytes] of encoded.entries()) {
    const n = i + 1;
    const [one, ...others] = decode('route', bytes);
    t.same(others, []);
    t.match(one, {
      name: 'newlink',
      seq: n,
      header: { index: n, flags: ['up'] },
      attributes: {
        ifname: `veth${1000 + n}`,
        mtu: 1000 + n,
        linkinfo: { kind: 'bridge', data: { vlanFiltering: 1 } },
      },
    });
  }
  t.ok(compiled > 0, 'the decoder compiled a function');
  t.end();
});

test('a selection has the attributes that it names, and the header; before and after it is compiled', (t) => {
  registry().register(link);
  const some = new Selection('ifname', 'linkinfo');
  const none = new Selection();
  for (let n = 1; n <= 60; n++) {
    const bytes = message(n);
    const read = (selection?: Selection): DecodedMessage | undefined => {
      const out: DecodedMessage[] = [];
      decodeLoaded('route', registry().machine.load(bytes), bytes.length, out, undefined, selection);
      return out[0];
    };
    const whole = read();
    const { ifname, linkinfo } = whole?.attributes ?? {};
    t.equal(ifname, `veth${1000 + n}`);
    t.strictSame(read(some), { ...whole, attributes: { ifname, linkinfo } });
    t.strictSame(read(none), { ...whole, attributes: {} });
  }
  t.end();
});
