import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import t from 'tap';
import { guarded, openPacketSocket, type PacketSocket } from '../../host/netlink/native.js';
import { Lab } from '../support/lab.js';

const ETH_P_IP = 0x0800;

interface Teardown {
  teardown(work: () => unknown): void;
}

async function pair(t: Teardown): Promise<{ a: Lab; b: Lab; index: number; mac: Uint8Array }> {
  const a = new Lab(t, 'a');
  const b = new Lab(t, 'b');
  a.run('ip', 'link', 'add', 'v0', 'type', 'veth', 'peer', 'name', 'v0', 'netns', b.name);
  for (const lab of [a, b]) lab.run('ip', 'link', 'set', 'v0', 'up');
  const [{ ifindex }] = a.ip('link', 'show', 'v0');
  const [{ address }] = b.ip('link', 'show', 'v0');
  return { a, b, index: ifindex, mac: Uint8Array.from(Buffer.from(address.replaceAll(':', ''), 'hex')) };
}

/** The next packet. */
async function next(socket: PacketSocket, buffer: Uint8Array): Promise<Buffer> {
  for (let i = 0; i < 200; i++) {
    const packet = socket.receive(buffer);
    if (packet !== undefined) return Buffer.from(buffer.subarray(0, packet.length));
    await sleep(10);
  }
  throw new Error('nothing came');
}

t.test('packets of one link, with the filter before the first', async (t) => {
  const { a, b, index } = await pair(t);
  a.run('ip', 'address', 'add', '10.9.8.1/24', 'dev', 'v0');
  b.run('ip', 'address', 'add', '10.9.8.2/24', 'dev', 'v0');
  // ldb [9]; jeq #17 (UDP), accept, drop
  const filter = new Uint8Array([
    0x30, 0, 0, 0, 9, 0, 0, 0, 0x15, 0, 0, 1, 17, 0, 0, 0, 6, 0, 0, 0, 255, 255, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0,
  ]);
  const socket = openPacketSocket({ namespace: a.namespace.fd, protocol: ETH_P_IP, ifindex: index, filter });
  t.teardown(() => socket.close());
  const readable = new Promise<void>((resolve) => socket.startReading(resolve));
  b.run('ping', '-c', '1', '-W', '2', '10.9.8.1');
  t.equal(socket.receive(new Uint8Array(2000)), undefined, 'ICMP does not pass');
  b.run('bash', '-c', 'echo -n hello > /dev/udp/10.9.8.1/5000');
  await readable;
  const packet = await next(socket, new Uint8Array(2000));
  t.equal(packet.length, 20 + 8 + 5, 'begins with the IP header');
  t.equal(packet.subarray(28).toString(), 'hello');
  t.same([...packet.subarray(12, 20)], [10, 9, 8, 2, 10, 9, 8, 1]);
});

t.test('sends to a link-layer address', async (t) => {
  const { a, b, index, mac } = await pair(t);
  const socket = openPacketSocket({ namespace: a.namespace.fd, protocol: ETH_P_IP, ifindex: index });
  t.teardown(() => socket.close());
  const tcpdump = b.namespace.run(() =>
    spawn('tcpdump', ['-i', 'v0', '-c', '1', '-e', '-x', '-n', 'ip'], { stdio: 'pipe' }),
  );
  t.teardown(() => tcpdump.kill());
  await once(tcpdump.stderr, 'data');
  await sleep(300);
  const bytes = Buffer.from('4500001d0000400040110000c0000201c00002020044004300090000', 'hex');
  guarded(() => socket.send(Buffer.concat([bytes, Buffer.from('!')]), mac));
  const [text] = (await once(tcpdump.stdout.setEncoding('utf8'), 'data')) as [string];
  t.match(
    text,
    Buffer.from(mac)
      .toString('hex')
      .replace(/..(?!$)/g, '$&:'),
  );
  t.match(text, '192.0.2.1.68 > 192.0.2.2.67: ');
});

t.test('failures', async (t) => {
  const { a, index } = await pair(t);
  const open = (ifindex: number, filter?: Uint8Array): PacketSocket =>
    openPacketSocket({ namespace: a.namespace.fd, protocol: ETH_P_IP, ifindex, filter });
  t.throws(() => open(9999), { code: 'ENODEV', syscall: 'bind' });
  t.throws(() => open(index, new Uint8Array(8)), { code: 'EINVAL', syscall: 'setsockopt' });
  const socket = open(index);
  t.throws(() => guarded(() => socket.send(new Uint8Array(20), new Uint8Array(9))), TypeError);
  a.run('ip', 'link', 'set', 'v0', 'down');
  t.throws(() => guarded(() => socket.send(new Uint8Array(20), new Uint8Array(6))), { code: 'ENETDOWN' });
  socket.startReading(() => undefined);
  socket.close();
  socket.close();
  await setImmediate();
  t.throws(() => guarded(() => socket.send(new Uint8Array(20), new Uint8Array(6))), { code: 'ERR_CLOSED' });
  t.throws(() => guarded(() => socket.receive(new Uint8Array(20))), { code: 'ERR_CLOSED' });
});

t.test('a socket that is forgotten is closed', async (t) => {
  const { a, index } = await pair(t);
  const packets = (): number => a.run('cat', '/proc/net/packet').trim().split('\n').length - 1;
  (() => {
    openPacketSocket({ namespace: a.namespace.fd, protocol: ETH_P_IP, ifindex: index });
  })();
  t.equal(packets(), 1);
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  for (let i = 0; i < 20 && packets() > 0; i++) {
    gc();
    await sleep(20);
  }
  t.equal(packets(), 0);
});
