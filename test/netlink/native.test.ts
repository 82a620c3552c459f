import { spawn, spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { test } from 'tap';
import {
  exchangeCalls,
  exchangeFlags,
  flock,
  flockAsync,
  guarded,
  OWN_NAMESPACE,
  openSocket,
  peerCredentials,
  tableLayout,
} from '../../host/netlink/native.js';
import { Lab } from '../support/lab.js';

const BUFFER = 64 * 1024;
const shimUrl = new URL('../../host/netlink/native.js', import.meta.url).href;

/** RTM_GETLINK, dump. */
function request(sequence = 1): Uint8Array {
  const bytes = new Uint8Array(32);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint16(4, 18, true);
  view.setUint16(6, 0x301, true);
  view.setUint32(8, sequence, true);
  return bytes;
}

function arrays(): [Uint8Array, Uint32Array] {
  return [new Uint8Array(BUFFER), new Uint32Array(tableLayout.head + 16 * tableLayout.entry)];
}

const none = new Uint8Array(0);

function netlinkDescriptors(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      return target.startsWith('socket:') || target.includes('eventfd') || target.startsWith('net:')
        ? [target]
        : [];
    } catch {
      return [];
    }
  });
}

test('sends and receives as one', async (t) => {
  const lab = new Lab(t, 'shim');
  const socket = openSocket({ protocol: 0, namespace: lab.namespace.fd });
  const [buffer, table] = arrays();
  await socket.exchange(request(), buffer, table, 1000);
  t.equal(table[tableLayout.flags], exchangeFlags.sent);
  t.ok((table[tableLayout.count] as number) >= 1);
  t.equal(table[tableLayout.head + tableLayout.sender], 0);
  t.match(Buffer.from(buffer).toString('latin1'), /lo\0/);
  const asynchronous = buffer.slice(0, 64);
  socket.exchangeSync(request(), buffer, table, 1000);
  t.same(buffer.slice(0, 8), asynchronous.slice(0, 8));
  t.ok(socket.portId > 0);
  const before = performance.now();
  await socket.exchange(none, buffer, table, 30);
  t.equal(table[tableLayout.flags], exchangeFlags.timedOut);
  t.ok(performance.now() - before >= 25);
  const waiting = socket.exchange(none, buffer, table, 10_000);
  t.throws(() => guarded(() => socket.exchangeSync(none, ...arrays(), 0)), {
    name: 'SocketError',
    code: 'ERR_SOCKET_BUSY',
  });
  t.throws(() => guarded(() => socket.receive(...arrays())), { code: 'ERR_SOCKET_BUSY' });
  socket.interrupt();
  await waiting;
  t.equal(table[tableLayout.flags], exchangeFlags.interrupted);
  const closing = socket.exchange(none, buffer, table, 10_000);
  socket.close();
  await closing;
  t.equal(socket.fd, -1);
  socket.close();
  t.throws(() => guarded(() => socket.exchangeSync(none, ...arrays(), 0)), {
    name: 'SocketError',
    code: 'ERR_CLOSED',
  });
});

test('a socket belongs to the namespace it was opened in; this thread stays at home', async (t) => {
  const lab = new Lab(t, 'shim');
  lab.run('ip', 'link', 'add', 'only-here', 'type', 'bridge');
  const home = readlinkSync('/proc/thread-self/ns/net');
  const socket = openSocket({ protocol: 0, namespace: lab.namespace.fd });
  t.equal(readlinkSync('/proc/thread-self/ns/net'), home);
  const [buffer, table] = arrays();
  await socket.exchange(request(), buffer, table, 1000);
  t.match(Buffer.from(buffer).toString('latin1'), /only-here/);
  socket.close();
});

test('options are on, as strace sees them', (t) => {
  const script = `
    import { openSocket } from ${JSON.stringify(shimUrl)};
    openSocket({ protocol: 0, receiveBuffer: 65536 }).close();`;
  const { stderr } = spawnSync(
    'strace',
    ['-f', '-e', 'trace=socket,setsockopt,bind', process.execPath, '--input-type=module', '-e', script],
    {
      encoding: 'utf8',
    },
  );
  t.match(stderr, /socket\(AF_NETLINK, SOCK_RAW\|SOCK_CLOEXEC\|SOCK_NONBLOCK, NETLINK_ROUTE\)/);
  for (const option of ['NETLINK_EXT_ACK', 'NETLINK_CAP_ACK', 'NETLINK_GET_STRICT_CHK']) {
    t.match(stderr, new RegExp(`SOL_NETLINK, ${option}, \\[1\\], 4\\) = 0`));
  }
  t.match(stderr, /SOL_SOCKET, SO_RCVBUFFORCE, \[65536\], 4\) = 0/);
  t.end();
});

test('errors carry code, errno and system call', (t) => {
  t.throws(() => openSocket({ protocol: 255 }), {
    name: 'SystemCallError',
    code: 'EPROTONOSUPPORT',
    errno: 93,
    syscall: 'socket',
  });
  t.throws(() => openSocket({ protocol: 0, namespace: 9999 }), { code: 'EBADF', syscall: 'setns' });
  t.end();
});

test('who listens is not collected, and hears what its group is told', async (t) => {
  const lab = new Lab(t, 'shim');
  const heard: string[] = [];
  const groups: number[] = [];
  (() => {
    const socket = openSocket({ protocol: 0, namespacePath: lab.path });
    socket.join(1);
    const [buffer, table] = arrays();
    const weak = new WeakRef(socket);
    socket.startReading(() => {
      weak.deref()?.receive(buffer, table);
      heard.push(Buffer.from(buffer).toString('latin1'));
      groups.push(table[tableLayout.head + tableLayout.groups] as number);
      if (heard.length === 1) weak.deref()?.leave(1);
      if (heard.length === 1) lab.run('ip', 'link', 'add', 'unheard', 'type', 'bridge');
      if (heard.length === 1) setTimeout(() => weak.deref()?.close(), 50);
    });
  })();
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let i = 0; i < 5; i++) {
    collect();
    await sleep(5);
  }
  const before = netlinkDescriptors().length;
  lab.run('ip', 'link', 'add', 'heard', 'type', 'bridge');
  await sleep(100);
  t.match(heard[0], /heard\0/);
  t.equal(groups[0], 1, 'RTNLGRP_LINK');
  t.notOk(
    heard.some((text) => text.includes('unheard')),
    'left the group',
  );
  t.equal(netlinkDescriptors().length, before - 1, 'closed: the socket');
});

test('a datagram that is too long is cut, and says so; one that has no room waits', (t) => {
  const lab = new Lab(t, 'shim');
  for (let i = 0; i < 60; i++) lab.run('ip', 'link', 'add', `link${i}`, 'type', 'bridge');
  const socket = openSocket({ protocol: 0, namespace: lab.namespace.fd });
  const small = new Uint8Array(32_768);
  const [buffer, table] = arrays();
  // first a receive with much room: the kernel then makes its datagrams as long as that
  socket.exchangeSync(request(1), new Uint8Array(262_144), table, 1000);
  while ((table[tableLayout.count] as number) > 0) socket.receive(buffer, table);
  socket.exchangeSync(request(2), small, table, 1000);
  t.equal(table[tableLayout.count], 1, 'a second would not have had 32 KiB');
  const length = table[tableLayout.head + tableLayout.length] as number;
  const real = table[tableLayout.head + tableLayout.realLength] as number;
  t.ok(length <= small.length);
  t.ok(real >= length);
  let datagrams = 1;
  for (;;) {
    socket.receive(buffer, table);
    const count = table[tableLayout.count] as number;
    if (count === 0) break;
    for (let i = 0; i < count; i++) {
      const at = tableLayout.head + i * tableLayout.entry;
      t.equal((table[at + tableLayout.offset] as number) % 8, 0);
    }
    datagrams += count;
  }
  t.ok(datagrams > 1, `${datagrams} datagrams`);
  const one = new Uint32Array(tableLayout.head + tableLayout.entry);
  socket.exchangeSync(request(3), buffer, one, 1000);
  t.equal(one[tableLayout.count], 1, 'a table for one');
  socket.close();
  t.end();
});

test('truncation for certain: a datagram of 40,000 bytes from another socket', (t) => {
  const to = openSocket({ protocol: 2, receiveBuffer: 1 << 20 });
  // NETLINK_USERSOCK carries what processes send each other; python is the other one
  const sender = spawnSync('python3', [
    '-c',
    `import socket; s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 2); s.bind((0, 0))
s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
for n in (40000, 100): s.sendto(bytes([n & 255]) * n, (${to.portId}, 0))
print(s.getsockname()[0])`,
  ]);
  t.equal(sender.status, 0, sender.stderr.toString());
  const [, table] = arrays();
  const buffer = new Uint8Array(32_768);
  to.exchangeSync(none, buffer, table, 1000);
  const { head, entry } = tableLayout;
  t.same(
    [...table.slice(0, head + entry)],
    [...[1, 0, 0, 0, 0, 32_768, 40_000, Number(sender.stdout), 0], OWN_NAMESPACE],
  );
  to.receive(buffer, table);
  t.equal(table[tableLayout.count], 1, 'the next is whole');
  t.equal(table[head + tableLayout.realLength], 100);
  to.close();
  t.end();
});

test('an overrun is told after what was received before it', (t) => {
  const to = openSocket({ protocol: 2, receiveBuffer: 8192 });
  const sender = spawnSync('python3', [
    '-c',
    `import socket; s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 2); s.bind((0, 0)); s.setblocking(False)
sent = 0
try:
  for i in range(1000): s.sendto(bytes(100), (${to.portId}, 0)); sent += 1
except BlockingIOError: pass
print(sent)`,
  ]);
  const sent = Number(sender.stdout);
  t.ok(sent > 0 && sent < 1000, 'the buffer is full');
  const [buffer, table] = [
    new Uint8Array(262_144),
    new Uint32Array(tableLayout.head + 1000 * tableLayout.entry),
  ];
  to.receive(buffer, table);
  t.equal(table[tableLayout.count], sent);
  to.close();
  const lab = new Lab(t, 'shim');
  const listener = openSocket({ protocol: 0, namespace: lab.namespace.fd, receiveBuffer: 4096 });
  listener.join(1);
  for (let i = 0; i < 20; i++) lab.run('ip', 'link', 'add', `link${i}`, 'type', 'bridge');
  listener.exchangeSync(none, buffer, table, 1000);
  const ENOBUFS = 105;
  t.equal(table[tableLayout.errno], ENOBUFS);
  t.equal(exchangeCalls[table[tableLayout.call] as number], 'recvmsg');
  listener.exchangeSync(none, buffer, table, 1000);
  t.ok((table[tableLayout.count] as number) > 0, 'what came before is there');
  t.equal(table[tableLayout.errno], 0);
  listener.close();
  t.end();
});

test('a failed send is data, with its system call', async (t) => {
  const socket = openSocket({ protocol: 0, sendBuffer: 4096 });
  const [buffer, table] = arrays();
  const long = new Uint8Array(1 << 20);
  const EMSGSIZE = 90;
  await socket.exchange(long, buffer, table, 1000);
  t.same([...table.slice(0, 4)], [0, EMSGSIZE, 0, exchangeCalls.indexOf('sendmsg')]);
  t.throws(() => guarded(() => socket.sendSync(long)), { code: 'EMSGSIZE', syscall: 'sendmsg' });
  socket.sendSync(request(9));
  socket.receive(buffer, table);
  t.equal(
    new DataView(buffer.buffer).getUint32(8, true),
    9,
    'sent without waiting; answered with its sequence',
  );
  socket.close();
});

test('wrong arguments are refused before any system call', (t) => {
  const socket = openSocket({ protocol: 0 });
  const [buffer, table] = arrays();
  const wrong = [
    () => socket.exchangeSync(none, buffer, new Uint8Array(400) as unknown as Uint32Array, 0),
    () => socket.exchangeSync(none, new Uint16Array(40_000) as unknown as Uint8Array, table, 0),
    () => socket.exchangeSync(undefined as unknown as Uint8Array, buffer, table, 0),
    () => socket.exchangeSync(none, buffer, table, '5' as unknown as number),
    () => socket.exchangeSync(none, new Uint8Array(32_767), table, 0),
    () => socket.exchangeSync(none, buffer, new Uint32Array(8), 0),
    () => socket.receive(buffer, undefined as unknown as Uint32Array),
    () => socket.startReading(undefined as unknown as () => void),
  ];
  for (const call of wrong) t.throws(call, { name: 'TypeError' });
  socket.close();
  t.end();
});

test('flock keeps others out', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'nl-lock-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'lock');
  writeFileSync(path, '');
  const fd = openSync(path, 'r');
  const other = openSync(path, 'r');
  flock(fd, 2);
  t.throws(() => flock(other, 2 | 4), { code: 'EAGAIN', syscall: 'flock' });
  t.equal(spawnSync('flock', ['-n', path, 'true']).status, 1, 'util-linux sees the lock');
  flock(fd, 8);
  flock(other, 2 | 4);
  closeSync(fd);
  closeSync(other);
  t.end();
});

test('flockAsync waits without holding the thread', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'nl-lock-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'lock');
  writeFileSync(path, '');
  const fd = openSync(path, 'r');
  t.teardown(() => closeSync(fd));
  // util-linux holds the lock
  const holder = spawn('flock', [path, 'sh', '-c', 'echo held; read line'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await new Promise((resolve) => holder.stdout.once('data', resolve));
  await t.rejects(flockAsync(fd, 2, { timeout: 50 }), { name: 'SocketError', code: 'ERR_TIMEOUT' });
  await t.rejects(flockAsync(fd, 2, { signal: AbortSignal.timeout(30) }), { name: 'TimeoutError' });
  await t.rejects(flockAsync(9999, 2), { code: 'EBADF', syscall: 'flock' });
  let ticks = 0;
  const timer = setInterval(() => ticks++, 5);
  const waiting = flockAsync(fd, 2);
  setTimeout(() => holder.stdin.end('\n'), 60);
  await waiting;
  clearInterval(timer);
  t.ok(ticks > 3, 'the event loop went on');
  t.equal(spawnSync('flock', ['-n', path, 'true']).status, 1, 'held');
});

test('who is at the other end', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'nl-peer-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'socket');
  const server = createServer().listen(path);
  await new Promise((resolve) => server.once('listening', resolve));
  const accepted = new Promise<number>((resolve) => {
    server.once('connection', (connection) => {
      resolve((connection as unknown as { _handle: { fd: number } })._handle.fd);
    });
  });
  const client = createConnection(path);
  const fd = await accepted;
  t.match(peerCredentials(fd), { pid: process.pid, uid: process.getuid?.() ?? 0 });
  client.destroy();
  server.close();
});
