import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'tap';
import { livingProcess } from '../../host/inspect/engines/pid-file.js';
import { describe, discover, inventory, openFound } from '../../host/inspect/index.js';
import { parseMounts } from '../../host/inspect/mounts.js';
import { Namespace } from '../../host/namespace/namespace.js';
import { Lab } from '../support/lab.js';

interface Teardown {
  teardown(work: () => unknown): void;
}

/** Starts a program that says when it is ready, in a line, and ends with the test. */
async function start(
  t: Teardown,
  file: string,
  args: string[],
): Promise<{ child: ChildProcess; line: string }> {
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => child.kill('SIGKILL'));
  const line = await new Promise<string>((resolve, reject) => {
    child.stdout?.setEncoding('utf8').once('data', (text: string) => resolve(text.trim()));
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`${file} ended with ${code}`)));
  });
  return { child, line };
}

test('a named namespace is found once, by its name first', async (t) => {
  const lab = new Lab(t, 'named');
  const child = lab.namespace.run(() => spawn('sleep', ['100'], { stdio: 'ignore' }));
  t.teardown(() => child.kill('SIGKILL'));
  const { namespaces } = discover();
  const found = namespaces.filter(({ id }) => id.inode === lab.namespace.id.ino);
  t.equal(found.length, 1);
  const [{ references, processes, id } = { references: [], processes: [], id: { device: 0 } }] = found;
  t.match(references[0], { kind: 'name', path: lab.path, name: `netns:${lab.name}` });
  t.same(processes, [child.pid]);
  t.ok(references.some(({ kind, pid }) => kind === 'process' && pid === child.pid));
  t.ok(
    references.some(({ kind, pid }) => kind === 'descriptor' && pid === process.pid),
    'the test has it open too',
  );
  t.equal(id.device, statSync(lab.path).dev);
  const inodes = namespaces.map((one) => one.id.inode);
  t.equal(new Set(inodes).size, inodes.length, 'each once');
});

test('a namespace that only a descriptor leads to', async (t) => {
  const namespace = Namespace.createAnonymous();
  t.teardown(() => namespace.close());
  const found = discover().namespaces.find(({ id }) => id.inode === namespace.id.ino);
  t.match(found?.references, [
    { kind: 'descriptor', pid: process.pid, path: `/proc/${process.pid}/fd/${namespace.fd}` },
  ]);
  t.same(found?.processes, []);
  if (found === undefined) return;
  const opened = openFound(found);
  t.equal(opened.id.ino, namespace.id.ino);
  opened.close();
});

test('a namespace that is held open after its name is gone', async (t) => {
  const name = `nl-held-${process.pid}`;
  const namespace = Namespace.create(name);
  t.teardown(() => namespace.close());
  Namespace.delete(name);
  const found = discover().namespaces.find(({ id }) => id.inode === namespace.id.ino);
  t.match(found?.references, [{ kind: 'descriptor', pid: process.pid }]);
});

test('a namespace that only a thread is in', async (t) => {
  const module = new URL('../../host/namespace/namespace.js', import.meta.url).href;
  const code = `
    const { Worker, isMainThread } = require('node:worker_threads');
    if (isMainThread) new Worker(process.argv[1], { eval: true });
    else import('${module}').then(({ Namespace }) => {
      const namespace = Namespace.createAnonymous();
      const { ino } = namespace.id;
      namespace.run(() => {
        namespace.close();
        require('node:fs').writeSync(1, String(ino) + '\\n');
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
      });
    });`;
  const { child, line } = await start(t, process.execPath, ['-e', code, code]);
  const found = discover().namespaces.find(({ id }) => id.inode === Number(line));
  t.match(found?.references, [{ kind: 'thread', pid: child.pid }]);
});

test('a namespace that is bound in another mount namespace', async (t) => {
  const script =
    'd=$(mktemp -d); mount -t tmpfs none "$d"; touch "$d/a b"; unshare -n mount --bind /proc/self/ns/net "$d/a b"; stat -c %i "$d/a b"; exec sleep 100';
  const { line, child } = await start(t, 'unshare', ['-m', '--propagation', 'private', 'sh', '-c', script]);
  const found = discover().namespaces.find(({ id }) => id.inode === Number(line));
  t.match(found?.references[0], { kind: 'mount', pid: child.pid, path: /^\/proc\/\d+\/root\/.*\/a b$/ });
  if (found === undefined) return;
  const opened = openFound(found);
  t.equal(opened.id.ino, Number(line));
  opened.close();
});

test('names that lead nowhere are told; other namespaces are none', async (t) => {
  const lab = new Lab(t, 'dangling');
  const link = `${lab.path}-link`;
  symlinkSync('/proc/4194303/ns/net', link);
  const empty = `${lab.path}-empty`;
  writeFileSync(empty, '');
  const other = `${lab.path}-uts`;
  symlinkSync('/proc/self/ns/uts', other);
  const good = `${lab.path}-good`;
  symlinkSync(lab.path, good);
  t.teardown(() => {
    for (const path of [link, empty, other, good]) unlinkSync(path);
  });
  const { dangling, namespaces } = discover();
  t.match(
    dangling.find(({ path }) => path === link),
    { name: `netns:${lab.name}-link`, target: '/proc/4194303/ns/net' },
  );
  t.ok(dangling.some(({ path }) => path === empty));
  t.notOk(dangling.some(({ path }) => path === good || path === other));
  const names = namespaces.flatMap(({ references }) => references.map(({ name }) => name));
  t.notOk(names.includes(`netns:${lab.name}-uts`));
  const own = namespaces.find(({ id }) => id.inode === lab.namespace.id.ino);
  t.same(
    own?.references
      .filter(({ kind }) => kind === 'name')
      .map(({ path }) => path)
      .sort(),
    [lab.path, good].sort(),
  );
});

test('a namespace that vanishes between finding and opening', async (t) => {
  const name = `nl-gone-${process.pid}`;
  const made = Namespace.create(name);
  made.close();
  const found = (await inventory({ engines: false })).namespaces.find(({ names }) =>
    names.includes(`netns:${name}`),
  );
  t.ok(found);
  Namespace.delete(name);
  if (found !== undefined) {
    const gone = { code: 'ERR_NAMESPACE_VANISHED', message: `the network namespace netns:${name} is gone` };
    t.throws(() => openFound(found), gone);
  }
  const all = (await inventory({ engines: false })).namespaces;
  t.notOk(all.some(({ names }) => names.includes(`netns:${name}`)));
});

test('namespaces that come and go meanwhile', async (t) => {
  const name = `nl-churn-${process.pid}`;
  const script = `while :; do for i in 1 2 3 4 5 6 7 8; do ip netns add ${name}-$i; ip -n ${name}-$i link set lo up; done
    for i in 1 2 3 4 5 6 7 8; do ip netns del ${name}-$i; done; done`;
  const child = spawn('sh', ['-c', script], { stdio: 'ignore', detached: true });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  t.teardown(() => {
    for (let i = 1; i <= 8; i++) Namespace.delete(`${name}-${i}`);
  });
  let seen = 0;
  for (let round = 0; round < 15; round++) {
    const all = await inventory({ engines: false });
    const described = await describe(all.namespaces, all.self.inode);
    const own = described.filter(({ names }) => names.some((one) => one.includes(name)));
    seen += own.length;
    const inodes = described.map(({ id }) => id.inode);
    if (new Set(inodes).size !== inodes.length) t.fail('one twice');
    for (const { problem } of own) if (problem !== undefined) t.fail(problem.message);
  }
  t.ok(seen > 0, `${seen} were caught`);
  // the group: the shell and what it has just started
  process.kill(-(child.pid as number), 'SIGKILL');
  await ended;
});

test('the host is first, and its numbers for others are told', async (t) => {
  const lab = new Lab(t, 'nsid');
  const before = await inventory({ engines: false });
  t.equal(before.namespaces[0]?.names[0], 'host');
  const own = before.namespaces.find(({ id }) => id.inode === lab.namespace.id.ino);
  t.equal(own?.nsid, undefined, 'reading gives no numbers');
  const holder = new Lab(t, 'holder');
  const inside = await new Promise<string>((resolve) => {
    holder.run('ip', 'netns', 'set', lab.name, '77');
    const script = `import('${new URL('../../host/inspect/index.js', import.meta.url).href}').then(async ({ inventory }) => {
      const { namespaces } = await inventory({ engines: false });
      console.log(JSON.stringify(namespaces.map(({ id, nsid }) => [id.inode, nsid])));
    })`;
    resolve(holder.run(process.execPath, '--input-type=module', '-e', script));
  });
  const numbers = new Map(JSON.parse(inside) as [number, number | undefined][]);
  t.equal(numbers.get(lab.namespace.id.ino), 77);
});

test('a namespace that nothing but a socket keeps is told by its number', async (t) => {
  const module = (path: string): string => new URL(`../../host/${path}`, import.meta.url).href;
  const code = `Promise.all([import('${module('index.js')}'), import('${module('inspect/index.js')}')]).then(
    async ([{ Namespace, NetlinkSocket, Network }, { inventory, linksByNsid }]) => {
      const network = await Network.open();
      const namespace = Namespace.createAnonymous();
      await network.links.create({ ifname: 'kept', kind: 'veth', peer: { ifname: 'inner', namespace } });
      const socket = NetlinkSocket.open({ protocol: 'route', namespace: namespace.fd });
      namespace.close();
      const { unreached } = await inventory({ engines: false });
      const { linkNetnsid } = await network.links.get('kept');
      console.log(JSON.stringify({ unreached, linkNetnsid, links: linksByNsid(linkNetnsid).map(({ ifname }) => ifname).sort() }));
      socket.close();
      network.close();
    });`;
  const lab = new Lab(t, 'unreached');
  const told = JSON.parse(lab.run(process.execPath, '-e', code)) as {
    linkNetnsid: number;
    unreached: number[];
  };
  t.same(told, { unreached: [told.linkNetnsid], linkNetnsid: told.linkNetnsid, links: ['inner', 'lo'] });
});

test('mounts are read with their blanks', (t) => {
  const text = [
    '24 1 254:0 / / rw - ext4 /dev/vda rw',
    '30 24 0:4 net:[4026532281] /run/netns/blue rw shared:5 - nsfs nsfs rw',
    '31 24 0:4 net:[4026532282] /tmp/a\\040b rw - nsfs nsfs rw',
    '32 24 0:4 mnt:[4026532283] /run/snapd/ns/x.mnt rw - nsfs nsfs rw',
    '',
  ].join('\n');
  t.same(parseMounts(text), [
    { inode: 4026532281, path: '/run/netns/blue' },
    { inode: 4026532282, path: '/tmp/a b' },
  ]);
  t.end();
});

test('a process is told from a later one of the same number', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'nl-pid-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const file = join(directory, 'pidfile');
  writeFileSync(file, String(process.pid));
  t.equal(livingProcess('/proc', process.pid, file), process.pid);
  // written long before this process began
  t.equal(livingProcess('/proc', process.pid, '/proc/../etc/passwd'), undefined);
  t.equal(livingProcess('/proc', 4194303, file), undefined);
  t.equal(livingProcess('/proc', process.pid, join(directory, 'missing')), undefined);
  t.end();
});
