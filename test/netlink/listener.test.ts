import { test } from 'tap';
import { Listener } from '../../host/netlink/listener.js';
import { FakeKernel } from '../../host/netlink/testing/fake-kernel.js';

const ENOBUFS = 105;
const EBADF = 9;

function heardOf(options: { groups?: number[]; allNamespaces?: boolean } = {}): {
  kernel: FakeKernel;
  listener: Listener;
  words: string[];
} {
  const kernel = new FakeKernel();
  const words: string[] = [];
  const listener = Listener.open(
    { protocol: 'route', groups: [1, 28], native: kernel, ...options },
    {
      datagram: (bytes, nsid) => words.push(`${bytes.length} of ${nsid}`),
      drained: (lost) => words.push(lost ? 'lost' : 'drained'),
      failed: (error) => words.push(`failed: ${error.message}`),
    },
  );
  return { kernel, listener, words };
}

const some = (length: number): Uint8Array => new Uint8Array(length);

test('it joins groups, and hears all namespaces only when told', async (t) => {
  t.same(heardOf().kernel.options, [
    [270, 1, 1],
    [270, 1, 28],
  ]);
  t.same(heardOf({ allNamespaces: true }).kernel.options[0], [270, 8, 1]);
});

test('datagrams with the namespace that they are from; losses; strangers', async (t) => {
  const { kernel, words } = heardOf();
  kernel.deliver({ datagrams: [some(16)] });
  kernel.deliver({ datagrams: [some(20), some(24)], nsid: 7 });
  kernel.deliver({ datagrams: [some(16)], errno: ENOBUFS });
  kernel.deliver({ datagrams: [some(16)], realLength: 99 });
  kernel.deliver({ datagrams: [some(16)], sender: 4711 });
  t.same(words, [
    ...['16 of undefined', 'drained'],
    ...['20 of 7', '24 of 7', 'drained'],
    ...['16 of undefined', 'lost'],
    ...['16 of undefined', 'lost'],
    'drained',
  ]);
});

test('it pauses, goes on, fails once, and closes', async (t) => {
  const { kernel, listener, words } = heardOf();
  listener.pause();
  kernel.deliver({ datagrams: [some(16)] });
  t.same(words, []);
  listener.resume();
  await Promise.resolve();
  t.same(words, ['16 of undefined', 'drained']);
  kernel.deliver({ errno: EBADF });
  t.match(words.at(-1), /^failed: recvmsg: /);
  t.ok(kernel.closed);
  listener.close();
  listener.resume();
  t.equal(words.length, 3);
});

test('whoever is called back may close it', async (t) => {
  const kernel = new FakeKernel();
  let heard = 0;
  const listener = Listener.open(
    { protocol: 'route', groups: [], native: kernel },
    {
      datagram: () => {
        heard++;
        listener.close();
      },
      drained: () => t.fail('nothing more is told'),
      failed: () => t.fail('it did not fail'),
    },
  );
  kernel.deliver({ datagrams: [some(16), some(16)] });
  t.equal(heard, 1);
});
