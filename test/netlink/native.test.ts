import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { test } from 'tap';
import { exchangeFlags, flock, openSocket, peerCredentials, tableLayout } from '../../host/netlink/native.js';
import { Lab } from '../support/lab.js';

const BUFFER = 64 * 1024;

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
  t.throws(() => socket.exchangeSync(none, ...arrays(), 0), { message: 'netlink: Device or resource busy' });
  socket.interrupt();
  await waiting;
  t.equal(table[tableLayout.flags], exchangeFlags.interrupted);
  const closing = socket.exchange(none, buffer, table, 10_000);
  socket.close();
  await closing;
  t.equal(socket.fd, -1);
  socket.close();
  t.throws(() => socket.exchangeSync(none, ...arrays(), 0), { message: 'netlink: Bad file descriptor' });
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
    import { openSocket } from ${JSON.stringify(new URL('../../host/netlink/native.js', import.meta.url).href)};
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

test('nothing leaks: neither when closed nor when forgotten', async (t) => {
  const before = netlinkDescriptors().length;
  const script = `
    import { openSocket } from ${JSON.stringify(new URL('../../host/netlink/native.js', import.meta.url).href)};
    import { readdirSync } from 'node:fs';
    const count = () => readdirSync('/proc/self/fd').length;
    const before = count();
    for (let i = 0; i < 50; i++) openSocket({ protocol: 0 }).close();
    const closed = count();
    (() => { for (let i = 0; i < 50; i++) openSocket({ protocol: 0 }); })();
    const open = count();
    for (let i = 0; i < 20 && count() > before; i++) { globalThis.gc(); await new Promise((done) => setTimeout(done, 10)); }
    console.log(JSON.stringify({ closed: closed - before, open: open - before, collected: count() - before }));`;
  const out = execFileSync(process.execPath, ['--expose-gc', '--input-type=module', '-e', script], {
    encoding: 'utf8',
  });
  t.same(JSON.parse(out), { closed: 0, open: 100, collected: 0 });
  t.equal(netlinkDescriptors().length, before);
});

test('children inherit no descriptor', (t) => {
  const lab = new Lab(t, 'shim');
  const socket = openSocket({ protocol: 0, namespace: lab.namespace.fd });
  const own = readlinkSync(`/proc/self/fd/${socket.fd}`);
  const fds = execFileSync('ls', ['-l', '/proc/self/fd'], { encoding: 'utf8' });
  t.notOk(fds.includes(own), own);
  t.notMatch(fds, /net:\[|eventfd/);
  socket.close();
  t.end();
});

test('a worker that ends while it listens takes nothing down', async (t) => {
  const script = `
    import { openSocket } from ${JSON.stringify(new URL('../../host/netlink/native.js', import.meta.url).href)};
    import { parentPort } from 'node:worker_threads';
    const socket = openSocket({ protocol: 0 });
    socket.setOption(270, 1, 1);
    socket.startReading(() => undefined);
    parentPort.postMessage('listening');`;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(script)}`));
  await new Promise((resolve) => worker.once('message', resolve));
  t.equal(await worker.terminate(), 1);
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
