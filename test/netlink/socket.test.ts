import { test } from 'tap';
import { registry } from '../../host/codec/registry.js';
import { Batch } from '../../host/codec.js';
import { NetlinkError, SocketError } from '../../host/netlink/errors.js';
import { NetlinkSocket } from '../../host/netlink/socket.js';
import { Subscription } from '../../host/netlink/subscription.js';
import {
  ack,
  answer,
  datagram,
  done,
  FakeKernel,
  type Reaction,
  requestsIn,
} from '../../host/netlink/testing/index.js';
import { link } from '../../host/schema/link/link.js';
import { route } from '../../host/schema/route.js';

registry().register(link);
registry().register(route);
const { newlink, getlink, dellink } = link.messages;
const DUMP_INTR = 0x10;
const MULTI = 0x2;
const ENOBUFS = 105;
const EBUSY = 16;

function open(
  behave: (request: Uint8Array) => Reaction,
  timeout = 1000,
): { kernel: FakeKernel; socket: NetlinkSocket } {
  const kernel = new FakeKernel(behave);
  return { kernel, socket: NetlinkSocket.open({ protocol: 'route', native: kernel, timeout }) };
}

function links(request: Uint8Array, from: number, count: number, flags = MULTI): Uint8Array[] {
  return Array.from({ length: count }, (_, i) =>
    answer(newlink, request, { flags, header: { index: from + i }, attributes: { ifname: `x${from + i}` } }),
  );
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    return (error as { code: string }).code;
  }
  return 'no error';
}

test('a dump in pieces, however they are cut', async (t) => {
  const cuts: ((request: Uint8Array) => Reaction)[] = [
    (request) => ({ datagrams: [datagram(...links(request, 1, 5), done(request))] }),
    (request) => ({ datagrams: [datagram(...links(request, 1, 5)), done(request)] }),
    (request) => ({ datagrams: [...links(request, 1, 5), done(request)], oneByOne: true }),
    (request) => ({
      datagrams: [datagram(...links(request, 1, 2)), datagram(...links(request, 3, 3), done(request))],
      oneByOne: true,
    }),
    // an answer to an earlier request that was given up, and its end
    (request) => {
      const old = request.slice();
      new DataView(old.buffer).setUint32(8, 1, true);
      return {
        datagrams: [
          datagram(...links(old, 90, 2), done(old)),
          datagram(...links(request, 1, 5), done(request)),
        ],
      };
    },
  ];
  for (const behave of cuts) {
    const { socket } = open(behave);
    const found = await socket.dump(getlink, {}, { reply: newlink });
    t.match(
      found.map(({ attributes }) => attributes.ifname),
      ['x1', 'x2', 'x3', 'x4', 'x5'],
    );
    const columns = await socket.dumpColumns(getlink, {}, newlink, ['ifname', 'index']);
    t.equal(columns.rowCount, 5);
    t.equal(columns.ifname.get(4), 'x5');
    const views = await socket.dumpViews(getlink, {}, newlink);
    t.match(
      views.map(({ ifname }) => ifname),
      ['x1', 'x2', 'x3', 'x4', 'x5'],
    );
    t.equal(socket.dumpSync(getlink).length, 5);
    socket.close();
  }
});

test('an interrupted dump is done again, and never passed off as whole', async (t) => {
  let attempts = 0;
  const { socket, kernel } = open((request) => {
    attempts++;
    const flags = attempts < 3 ? MULTI | DUMP_INTR : MULTI;
    return { datagrams: [datagram(...links(request, attempts * 10, 2, flags), done(request))] };
  });
  const found = await socket.dump(getlink);
  t.equal(attempts, 3);
  t.equal(kernel.sent.length, 3);
  t.match(
    found.map(({ header }) => header.index),
    [30, 31],
  );
  const forever = open((request) => ({
    datagrams: [datagram(...links(request, 1, 2, MULTI | DUMP_INTR), done(request))],
  }));
  t.equal(await codeOf(forever.socket.dump(getlink)), 'ERR_DUMP_INTERRUPTED');
  t.equal(forever.kernel.sent.length, 10);
  // the flag may stand on the end only
  let ends = 0;
  const last = open((request) => {
    ends++;
    return {
      datagrams: [
        datagram(...links(request, 1, 2)),
        done(request, { flags: ends === 1 ? MULTI | DUMP_INTR : MULTI }),
      ],
    };
  });
  t.equal((await last.socket.dump(getlink)).length, 2);
  t.equal(ends, 2);
});

test('what is lost is not silent', async (t) => {
  const lost = open(
    (request) => ({ datagrams: [datagram(...links(request, 1, 2))], errno: ENOBUFS, oneByOne: true }),
    50,
  );
  t.equal(await codeOf(lost.socket.dump(getlink)), 'ERR_TIMEOUT');
  let attempts = 0;
  const cut = open((request) => {
    attempts++;
    const whole = datagram(...links(request, 1, 2));
    return attempts === 1
      ? { datagrams: [whole.subarray(0, 40)], realLength: whole.length, oneByOne: true }
      : { datagrams: [whole, done(request)] };
  }, 200);
  const work = cut.socket.dump(getlink);
  setTimeout(() => cut.kernel.deliver({}), 5);
  t.equal(await codeOf(work), 'ERR_TIMEOUT', 'the end of the cut dump never came');
  const overrun = open(() => ({ datagrams: [], errno: ENOBUFS }));
  t.equal(await codeOf(overrun.socket.request(getlink, { flags: 4 })), 'ERR_OVERRUN');
  const broken = open((request) => ({
    datagrams: [answer(newlink, request, { attributes: { ifname: 'abc' } }).subarray(0, 38)],
  }));
  t.equal(await codeOf(broken.socket.dump(getlink)), 'ERR_TRUNCATED');
});

test('a refused request says what the kernel meant', async (t) => {
  const { socket } = open((request) => {
    // the attribute behind the header of 32 bytes
    return { datagrams: [ack(request, { errno: 22, text: 'not like this', offset: 32 })] };
  });
  try {
    await socket.request(newlink, { flags: 4, attributes: { mtu: 1, ifname: 'x' } });
    t.fail('should have been refused');
  } catch (error) {
    t.ok(error instanceof NetlinkError);
    t.match(error, {
      code: 'EINVAL',
      errno: 22,
      request: 'newlink',
      extendedAck: 'not like this',
      attribute: 'mtu',
    });
    t.equal((error as Error).message, 'newlink: Invalid argument: not like this (attribute mtu)');
  }
  const dump = open((request) => ({ datagrams: [done(request, { errno: EBUSY })] }));
  t.equal(await codeOf(dump.socket.dump(getlink)), 'EBUSY');
  t.equal(await codeOf(open(() => ({ sendErrno: 90 })).socket.dump(getlink)), 'EMSGSIZE');
});

test('only the kernel is believed', async (t) => {
  const { socket, kernel } = open(() => ({}), 60);
  const work = socket.request(dellink, { flags: 4 });
  const [request] = kernel.sent;
  kernel.deliver({ datagrams: [ack(request as Uint8Array)], sender: 1234 });
  t.equal(await codeOf(work), 'ERR_TIMEOUT');
});

test('deadlines and signals end a call; the socket is of use afterwards', async (t) => {
  let silent = true;
  const { socket } = open((request) => (silent ? {} : { datagrams: [ack(request)] }), 40);
  t.equal(await codeOf(socket.request(dellink, { flags: 4 })), 'ERR_TIMEOUT');
  t.throws(() => socket.requestSync(dellink, { flags: 4 }), { code: 'ERR_TIMEOUT' });
  const controller = new AbortController();
  setTimeout(() => controller.abort(new Error('enough')), 5);
  await t.rejects(socket.request(dellink, { flags: 4 }, { signal: controller.signal, timeout: 1000 }), {
    message: 'enough',
  });
  await t.rejects(socket.request(dellink, { flags: 4 }, { signal: AbortSignal.abort(new Error('before')) }), {
    message: 'before',
  });
  silent = false;
  await socket.request(dellink, { flags: 4 });
  const waiting = open(() => ({})).socket;
  const pending = codeOf(waiting.request(dellink, { flags: 4 }));
  waiting.close();
  t.equal(await pending, 'ERR_CLOSED');
  t.equal(await codeOf(waiting.request(dellink)), 'ERR_CLOSED');
});

test('a dump that was given up is heard to its end before the next', async (t) => {
  let first: Uint8Array | undefined;
  const { socket, kernel } = open((request) => {
    if (first === undefined) {
      first = request;
      return { datagrams: [datagram(...links(request, 1, 2))] };
    }
    return { datagrams: [datagram(...links(request, 50, 1), done(request))] };
  });
  t.equal(await codeOf(socket.dump(getlink, {}, { timeout: 20 })), 'ERR_TIMEOUT');
  kernel.deliver({
    datagrams: [
      datagram(...links(first as unknown as Uint8Array, 3, 2)),
      done(first as unknown as Uint8Array),
    ],
  });
  const found = await socket.dump(getlink);
  t.match(
    found.map(({ header }) => header.index),
    [50],
  );
});

test('calls wait for each other, in their order', async (t) => {
  const { socket, kernel } = open((request) => ({
    datagrams: [datagram(...links(request, kernel.sent.length, 1), done(request))],
  }));
  const all = await Promise.all(Array.from({ length: 20 }, () => socket.dump(getlink)));
  t.match(
    all.map(([message]) => message?.header.index),
    Array.from({ length: 20 }, (_, i) => i + 1),
  );
  const busy = socket.dump(getlink);
  t.throws(() => socket.dumpSync(getlink), { code: 'ERR_SOCKET_BUSY' });
  await busy;
});

test('a batch asks for one acknowledgement, and tells failures apart', async (t) => {
  const { socket, kernel } = open((sent) => {
    const requests = requestsIn(sent);
    const failures = [1, 3].map((i) => ack(requests[i] as Uint8Array, { errno: 17, text: `number ${i}` }));
    return { datagrams: [...failures, ack(requests.at(-1) as Uint8Array)], oneByOne: true };
  });
  const batch = socket.batch(5);
  for (let i = 0; i < 5; i++) batch.add(newlink, { flags: 1, attributes: { ifname: `x${i}` } });
  const outcome = await socket.send(batch, () => newlink);
  t.match(
    outcome.failures.map(({ index, error }) => [index, error.code, error.extendedAck]),
    [
      [1, 'EEXIST', 'number 1'],
      [3, 'EEXIST', 'number 3'],
    ],
  );
  const flags = requestsIn(kernel.sent[0] as Uint8Array).map((request) =>
    new DataView(request.buffer, request.byteOffset).getUint16(6, true),
  );
  t.same(flags, [1, 1, 1, 1, 5]);
  t.same(await socket.send(new Batch(), () => newlink), { failures: [], answers: [] });
});

test('a subscription says when something was lost', async (t) => {
  const kernel = new FakeKernel();
  const subscription = Subscription.open({ protocol: 'route', groups: [1, 33], native: kernel });
  t.same(
    kernel.options.map(([, , value]) => value),
    [1, 33],
  );
  const request = new Uint8Array(16);
  kernel.deliver({ datagrams: links(request, 1, 2) });
  kernel.deliver({ errno: ENOBUFS });
  kernel.deliver({ datagrams: links(request, 3, 1) });
  const seen: string[] = [];
  for await (const event of subscription) {
    seen.push(
      event.kind === 'overrun' ? 'overrun' : event.messages.map(({ attributes }) => attributes.ifname).join(),
    );
    if (seen.length === 3) break;
  }
  t.same(seen, ['x1,x2', 'overrun', 'x3']);
  t.ok(kernel.closed);
  const failing = Subscription.open({ protocol: 'route', groups: [], native: new FakeKernel() });
  failing.close();
  for await (const _ of failing) t.fail('nothing was heard');
  t.ok(SocketError.prototype instanceof Error);
});
