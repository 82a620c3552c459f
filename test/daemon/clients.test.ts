import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execPath, getuid } from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import t from 'tap';
import { type Daemon, type DaemonOptions, startDaemon } from '../../host/daemon/index.js';
import { bundled } from '../../host/plugins/index.js';
import { answerOf, call, callBytes, connected, heard } from './support/raw-client.js';

const ONE_SHOT = 255;

interface Fixture {
  readonly path: string;
  readonly directory: string;
  readonly daemon: Daemon;
}

async function served(
  t: { teardown(work: () => unknown): void },
  options: Partial<DaemonOptions> = {},
): Promise<Fixture> {
  const directory = mkdtempSync(join(tmpdir(), 'netloom-daemon-'));
  const path = join(directory, 'daemon.sock');
  const log = pino({ level: 'silent' });
  const runDirectory = join(directory, 'run');
  const daemon = await startDaemon({ socketPath: path, bundled, log, runDirectory, ...options });
  t.teardown(async () => {
    await daemon.drain();
    rmSync(directory, { recursive: true, force: true });
  });
  return { path, directory, daemon };
}

const version = { CNI_COMMAND: 'VERSION' };

async function metric(path: string, beginning: string): Promise<number> {
  const socket = await connected(path);
  const all = heard(socket);
  socket.write('GET /metrics HTTP/1.1\r\nHost: daemon\r\n\r\n');
  const line = (await all)
    .toString()
    .split('\n')
    .find((one) => one.startsWith(`${beginning} `));
  return Number(line?.slice(beginning.length + 1) ?? 0);
}

/** A daemon that can still be asked. */
async function answers(path: string): Promise<boolean> {
  return (await call(path, callBytes('bridge', version, '')))?.status === 0;
}

/** host-local, which needs no namespace. */
function leaseCall(directory: string, container: string, command = 'ADD'): Buffer {
  const config = {
    cniVersion: '1.0.0',
    name: 'net',
    ipam: { subnet: '10.1.0.0/16', dataDir: join(directory, 'leases') },
  };
  const variables = {
    CNI_COMMAND: command,
    CNI_CONTAINERID: container,
    CNI_NETNS: '/nowhere',
    CNI_IFNAME: 'eth0',
    CNI_PATH: '/nowhere',
  };
  return callBytes('host-local', variables, JSON.stringify(config));
}

function leases(directory: string): string[] {
  return readdirSync(join(directory, 'leases', 'net')).filter((name) => /^\d/.test(name));
}

t.test('a client that says nothing, or half of it, is let go', async (t) => {
  const { path } = await served(t, { patience: 100 });
  const bytes = callBytes('bridge', version, '');
  for (const part of [0, 3, 8, 20, bytes.length - 1]) {
    const socket = await connected(path);
    const all = heard(socket);
    socket.write(bytes.subarray(0, part));
    t.equal((await all).length, 0, `${part} bytes`);
  }
  t.equal(await metric(path, 'netloom_refused_total{reason="silent"}'), 5);
  t.ok(await answers(path));
});

t.test('garbage', async (t) => {
  const { path } = await served(t);
  const long = Buffer.alloc(8);
  long.write('NLM\u0001', 'latin1');
  long.writeUInt32LE(1 << 30, 4);
  const unended = Buffer.concat([callBytes('bridge', version, '').subarray(0, 8), Buffer.from('bridge')]);
  unended.writeUInt32LE(6, 4);
  const cases: Buffer[] = [
    Buffer.from('nonsense, nothing but nonsense'),
    Buffer.alloc(64),
    long,
    unended,
    Buffer.concat([callBytes('bridge', version, ''), Buffer.from('more')]),
    Buffer.from(`GET /${'a'.repeat(5000)}`),
  ];
  for (const bytes of cases) {
    const socket = await connected(path);
    const all = heard(socket);
    socket.write(bytes);
    t.equal((await all).length, 0, bytes.toString('latin1', 0, 20));
  }
  t.equal(await metric(path, 'netloom_refused_total{reason="garbage"}'), cases.length);
  const skewed = await call(path, callBytes('bridge', version, '', 9));
  t.equal(skewed?.status, ONE_SHOT, 'another version: nothing is done');
  const unknown = await call(path, callBytes('no-such-plugin', version, ''));
  t.equal(unknown?.status, ONE_SHOT, 'a plugin that it does not have');
  const outside = callBytes('bridge', version, '');
  const elsewhere = Buffer.from(outside.toString('latin1').replace(/net:\[\d/, 'net:[9'), 'latin1');
  t.equal((await call(path, elsewhere))?.status, ONE_SHOT, 'a caller in another namespace');
  const deep = `{"cniVersion":"1.0.0","name":"net","ipam":${'['.repeat(5000)}${']'.repeat(5000)}}`;
  const nested = await call(path, callBytes('host-local', { ...version, CNI_COMMAND: 'STATUS' }, deep));
  t.match(JSON.parse(nested?.stdout ?? ''), { code: 6, msg: /nested/ });
  t.ok(await answers(path));
});

t.test('a gigabyte', async (t) => {
  const { path } = await served(t);
  const before = process.memoryUsage.rss();
  const socket = await connected(path);
  const all = heard(socket);
  const block = Buffer.alloc(1 << 20, 'x');
  let sent = 0;
  for (; sent < 1024 && !socket.destroyed; sent++) {
    if (!socket.write(block))
      await new Promise((resolve) => socket.once('drain', resolve).once('close', resolve));
  }
  await all;
  t.ok(sent < 100, `${sent} MiB were taken`);
  t.ok(process.memoryUsage.rss() - before < 100e6);
  t.ok(await answers(path));
});

t.test('a client that dies', async (t) => {
  const { path, directory } = await served(t);
  // before it is answered: what was made for it is taken back
  for (let i = 0; i < 20; i++) {
    const socket = await connected(path);
    await new Promise((resolve) => socket.write(leaseCall(directory, `dead${i}`), resolve));
    if (i % 2 === 0) await sleep(i / 4);
    socket.destroy();
  }
  while ((await metric(path, 'netloom_connections')) > 1) await sleep(5);
  const left = leases(directory);
  // an answer may have been in the socket already: then the client could have read it
  t.ok(left.length <= 10, `${left.length} leases are left`);
  t.ok(await answers(path));
});

t.test('five hundred clients at once', async (t) => {
  const { path, directory } = await served(t);
  const all = await Promise.all(
    Array.from({ length: 500 }, (_one, i) => call(path, leaseCall(directory, `c${i}`))),
  );
  t.ok(all.every((answer) => answer?.status === 0));
  const addresses = all.map((answer) => JSON.parse(answer?.stdout ?? '').ips[0].address as string);
  t.equal(new Set(addresses).size, 500);
  t.equal(leases(directory).length, 500);
  const gone = await Promise.all(
    Array.from({ length: 500 }, (_one, i) => call(path, leaseCall(directory, `c${i}`, 'DEL'))),
  );
  t.ok(gone.every((answer) => answer?.status === 0));
  t.same(leases(directory), []);
  t.equal(await metric(path, 'netloom_queue_length'), 0);
});

t.test("a directory that is not the daemon's alone", async (t) => {
  const base = mkdtempSync(join(tmpdir(), 'netloom-daemon-'));
  t.teardown(() => rmSync(base, { recursive: true, force: true }));
  const start = (directory: string) =>
    startDaemon({ socketPath: join(directory, 'daemon.sock'), bundled, log: pino({ level: 'silent' }) });
  const refused = { code: 'ERR_DAEMON_DIRECTORY' };
  for (const mode of [0o755, 0o701, 0o710, 0o1777]) {
    const directory = join(base, mode.toString(8));
    mkdirSync(directory);
    chmodSync(directory, mode);
    await t.rejects(start(directory), refused, mode.toString(8));
  }
  const file = join(base, 'file');
  writeFileSync(file, '');
  await t.rejects(start(file), refused);
  if (getuid?.() === 0) {
    const directory = join(base, 'owned');
    mkdirSync(directory, { mode: 0o700 });
    chownSync(directory, 65534, 65534);
    await t.rejects(start(directory), refused, 'of another user');
  }
  const taken = await served(t);
  await t.rejects(start(taken.directory), { code: 'ERR_DAEMON_RUNS' });
  t.ok(await answers(taken.path), 'who has the socket keeps it');
});

t.test('a peer that is not root', { skip: getuid?.() === 0 ? false : 'needs root' }, async (t) => {
  const { path, directory } = await served(t);
  chmodSync(directory, 0o755);
  chmodSync(path, 0o666);
  // it is told before it has said anything
  const program = `
    const socket = require('node:net').connect(${JSON.stringify(path)});
    socket.on('data', (data) => process.stdout.write(data));
    socket.on('error', () => undefined);`;
  const child = await new Promise<Buffer>((resolve, reject) => {
    import('node:child_process').then(({ execFile }) =>
      execFile(
        execPath,
        ['-e', program],
        { uid: 65534, gid: 65534, encoding: 'buffer', cwd: '/', env: {} },
        (error, stdout) => (error === null ? resolve(stdout) : reject(error)),
      ),
    );
  });
  t.equal(answerOf(child)?.status, ONE_SHOT, 'nothing is done for it');
  t.equal(await metric(path, 'netloom_refused_total{reason="user"}'), 1);
});

t.test('a full disk', { skip: getuid?.() === 0 ? false : 'needs root' }, async (t) => {
  const { path, directory } = await served(t);
  const disk = join(directory, 'leases');
  mkdirSync(disk);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16k,nr_inodes=64', 'tmpfs', disk]);
  t.teardown(() => spawnSync('umount', [disk]));
  t.equal((await call(path, leaseCall(directory, 'before')))?.status, 0);
  writeFileSync(join(disk, 'rest'), '');
  const fill = spawnSync('dd', ['if=/dev/zero', `of=${join(disk, 'rest')}`, 'bs=4096', 'count=100']);
  t.not(fill.status, 0);
  const failed = await call(path, leaseCall(directory, 'full'));
  t.equal(failed?.status, 1);
  t.equal(JSON.parse(failed?.stdout ?? '').code, 5);
  t.equal(leases(directory).length, 1, 'no lease of it');
  t.equal((await call(path, leaseCall(directory, 'full', 'DEL')))?.status, 0);
  rmSync(join(disk, 'rest'));
  const again = await call(path, leaseCall(directory, 'full'));
  t.equal(again?.status, 0, again?.stdout ?? '');
  t.equal(leases(directory).length, 2);
  for (const container of ['before', 'full'])
    t.equal((await call(path, leaseCall(directory, container, 'DEL')))?.status, 0);
});

t.test('idle for long enough, it ends', async (t) => {
  const { path, daemon } = await served(t, { idleExit: 50 });
  t.ok(await answers(path));
  await daemon.ended;
  await t.rejects(connected(path), { code: 'ENOENT' });
});
