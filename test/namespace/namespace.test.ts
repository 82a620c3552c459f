import { execFileSync, type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'tap';
import { Namespace } from '../../host/namespace/namespace.js';
import { sysctlPath } from '../../host/namespace/sysctl.js';
import { Lab } from '../support/lab.js';

const unique = (): string => `nl-ns-${randomBytes(4).toString('hex')}`;
const namespaceUrl = new URL('../../host/namespace/namespace.js', import.meta.url).href;

/** Runs a module that has Namespace, in a process of its own, below a program if one is given. */
function run(
  script: string,
  below: readonly string[] = [],
  user: { uid?: number; gid?: number } = {},
  flags: readonly string[] = [],
): SpawnSyncReturns<string> {
  const module = `import { Namespace } from ${JSON.stringify(namespaceUrl)}; import fs from 'node:fs'; ${script}`;
  const [file, ...args] = [...below, process.execPath, ...flags, '--input-type=module', '-e', module];
  return spawnSync(file as string, args, { encoding: 'utf8', timeout: 10_000, ...user });
}

/** What such a process prints. */
function program(...args: Parameters<typeof run>): string {
  const { stdout, stderr } = run(...args);
  return stdout + stderr;
}

function temporary(t: { teardown(work: () => void): void }): string {
  const directory = mkdtempSync(join(tmpdir(), 'nl-ns-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  return directory;
}

const named = (): string[] =>
  execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' })
    .split('\n')
    .map((line) => line.split(' ')[0] as string);

test('made as ip netns makes them', (t) => {
  const name = unique();
  const namespace = Namespace.create(name);
  t.teardown(() => Namespace.delete(name));
  t.ok(named().includes(name));
  t.equal(namespace.path, `/run/netns/${name}`);
  t.match(execFileSync('ip', ['-n', name, 'link'], { encoding: 'utf8' }), /lo:/);
  t.throws(() => Namespace.create(name), { code: 'ERR_NAMESPACE_EXISTS' });
  const again = Namespace.open(name);
  t.ok(again.equals(namespace));
  t.notOk(again.equals(Namespace.current()));
  t.equal(Namespace.list().find((one) => one.name === name)?.inode, namespace.id.ino);
  again.close();
  t.ok(Namespace.delete(name));
  t.notOk(Namespace.delete(name), 'deleting twice is no error');
  t.notOk(named().includes(name));
  t.equal(namespace.sysctl.get('net.ipv4.ip_forward'), '0', 'an open handle keeps it alive');
  namespace.close();
  t.throws(() => namespace.fd, { code: 'ERR_NAMESPACE_CLOSED' });
  t.end();
});

test('opened by name, path, process and descriptor', async (t) => {
  const lab = new Lab(t, 'open');
  const child = spawn('ip', ['netns', 'exec', lab.name, 'sleep', '30']);
  t.teardown(() => child.kill());
  const pid = child.pid as number;
  // ip enters the namespace before it becomes sleep
  for (let i = 0; i < 100 && readlinkSync(`/proc/${pid}/exe`) !== readlinkSync('/proc/self/exe'); i++) {
    if (/sleep|busybox|coreutils/.test(readlinkSync(`/proc/${pid}/exe`))) break;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  for (const target of [
    lab.name,
    lab.path,
    { name: lab.name },
    { path: lab.path },
    { pid },
    { fd: lab.namespace.fd },
  ]) {
    const opened = Namespace.open(target);
    t.ok(opened.equals(lab.namespace), JSON.stringify(target));
    opened.close();
  }
  t.throws(() => Namespace.open('nl-no-such-name'), {
    code: 'ERR_NAMESPACE_NOT_FOUND',
    message: /\/run\/netns\/nl-no-such-name/,
  });
  t.throws(() => Namespace.open('/etc/passwd'), { code: 'ERR_NOT_A_NAMESPACE' });
  t.throws(() => Namespace.open({ path: '/proc/self/ns/mnt' }), { code: 'ERR_NOT_A_NAMESPACE' });
  t.throws(() => Namespace.open({ pid: 4_000_000 }), { code: 'ERR_NAMESPACE_NOT_FOUND' });
  for (const name of ['..', '.', '', 'nul\0', '/run/netns/nul\0', { name: 'a/b' }, { path: '' }]) {
    t.throws(() => Namespace.open(name), { code: 'ERR_INVALID_NAME' }, JSON.stringify(name));
    t.throws(() => Namespace.create(name), { code: 'ERR_INVALID_NAME' });
    t.throws(() => Namespace.delete(name), { code: 'ERR_INVALID_NAME' });
  }
  t.equal(Namespace.current().path, undefined);
});

test('what is no namespace is told at once, and left alone', (t) => {
  const directory = temporary(t);
  const fifo = join(directory, 'fifo');
  execFileSync('mkfifo', [fifo]); // opening one waits for a writer
  const file = join(directory, 'file');
  writeFileSync(file, 'precious');
  const mounted = join(directory, 'mounted');
  mkdirSync(mounted);
  execFileSync('mount', ['-t', 'tmpfs', 'none', mounted]);
  t.teardown(() => execFileSync('umount', [mounted]));
  const socket = join(directory, 'socket');
  execFileSync('python3', ['-c', `import socket; socket.socket(socket.AF_UNIX).bind('${socket}')`]);
  for (const path of [fifo, file, mounted, socket, directory]) {
    t.throws(() => Namespace.open(path), { code: 'ERR_NOT_A_NAMESPACE', message: new RegExp(path) });
    t.throws(() => Namespace.delete(path), { code: 'ERR_NOT_A_NAMESPACE' });
  }
  t.throws(() => Namespace.open(`${file}/below`), { code: 'ERR_NAMESPACE_NOT_FOUND' });
  t.equal(readFileSync(file, 'utf8'), 'precious');
  t.match(readFileSync('/proc/self/mountinfo', 'utf8'), new RegExp(` ${mounted} `));
  t.ok(existsSync(fifo));
  t.end();
});

test('links to namespaces, and names whose mount is gone', (t) => {
  const lab = new Lab(t, 'link');
  const link = `/run/netns/${unique()}`;
  const dead = `/run/netns/${unique()}`;
  const gone = `/run/netns/${unique()}`;
  t.teardown(() => {
    for (const path of [link, dead, gone]) rmSync(path, { force: true });
  });
  symlinkSync(lab.path, link);
  symlinkSync('/proc/4000000/ns/net', dead);
  writeFileSync(gone, '');
  const opened = Namespace.open(link);
  t.ok(opened.equals(lab.namespace));
  opened.close();
  const names = Namespace.list();
  t.equal(names.find(({ path }) => path === link)?.inode, lab.namespace.id.ino);
  t.notOk(names.some(({ path }) => path === dead || path === gone));
  t.throws(() => Namespace.open(dead), { code: 'ERR_NAMESPACE_NOT_FOUND' });
  t.throws(() => Namespace.open(gone), { code: 'ERR_NOT_A_NAMESPACE' });
  for (const path of [link, dead, gone]) t.ok(Namespace.delete(path), path);
  t.ok(named().includes(lab.name), 'what a link led to is left alone');
  Namespace.open(lab.name).close();
  t.end();
});

test('what ip netns made can be deleted, and the other way round', (t) => {
  const name = unique();
  execFileSync('ip', ['netns', 'add', name]);
  t.ok(Namespace.delete({ name }));
  t.notOk(named().includes(name));
  t.notOk(existsSync(`/run/netns/${name}`));
  Namespace.create({ name }).close();
  execFileSync('ip', ['netns', 'delete', name]);
  t.notOk(Namespace.list().some((one) => one.name === name));
  t.end();
});

test('what fails half-way leaves nothing behind', (t) => {
  const directory = temporary(t);
  t.throws(() => Namespace.create(join(directory, 'no/such/directory')), {
    name: 'SystemCallError',
    code: 'ENOENT',
    syscall: 'open',
  });
  chmodSync(directory, 0o777);
  const path = join(directory, 'name');
  const create = `
    let before = fs.readdirSync('/proc/self/fd').length;
    try { Namespace.create(${JSON.stringify(path)}); } catch (error) {
      console.log(error.name, error.code, error.syscall, fs.readdirSync('/proc/self/fd').length - before, error.message);
    }`;
  const refused = program(create, [], { uid: 1_234_568, gid: 1_234_568 });
  t.match(refused, /^SystemCallError EPERM unshare 0 .*\(root, or the capabilities/);
  t.notOk(existsSync(path), 'a user without rights');
  const injected = ['strace', '-f', '-qq', '-o', '/dev/null', '-e', 'trace=mount,fstatfs', '-e'];
  t.match(program(create, [...injected, 'inject=mount:error=ENOMEM']), /^SystemCallError ENOMEM mount 0/);
  t.notOk(existsSync(path), 'binding fails');
  t.match(program(create, [...injected, 'inject=fstatfs:error=EIO']), /^SystemCallError EIO fstatfs 0/);
  t.notOk(existsSync(path), 'opening fails');
  t.notMatch(readFileSync('/proc/self/mountinfo', 'utf8'), new RegExp(path));
  const closed = program(
    `try { Namespace.create('never'); } catch (error) { console.log(error.code, error.message); }`,
    [],
    { uid: 1_234_568, gid: 1_234_568 },
  );
  t.match(closed, /^EACCES open '\/run\/netns\/never': Permission denied \(root is needed\)|^EPERM mount/);
  t.notOk(existsSync('/run/netns/never'));
  t.end();
});

test('many who make the first names at the same time hide nothing from each other', (t) => {
  // a machine that has just started: nothing is in /run
  const script = `before=$(grep -c ' /run/netns ' /proc/self/mountinfo)
    mount -t tmpfs none /run
    for i in 1 2 3 4 5 6; do "$0" --input-type=module -e "$1" name$i & done
    wait
    for i in 1 2 3 4 5 6; do ip -n name$i -br link || echo name$i is hidden; done
    echo $(($(grep -c ' /run/netns ' /proc/self/mountinfo) - before))
    ls /run/netns | tr '\\n' ' '`;
  const create = `import { Namespace } from ${JSON.stringify(namespaceUrl)};
    const until = Math.ceil(Date.now() / 250) * 250 + 250;
    while (Date.now() < until);
    Namespace.create(process.argv[1]).close();`;
  const outcome = spawnSync('unshare', ['-m', 'sh', '-c', script, process.execPath, create], {
    encoding: 'utf8',
  });
  t.notMatch(outcome.stdout, /hidden/, outcome.stderr);
  t.match(outcome.stdout, /\n1\nname1 name2 name3 name4 name5 name6 $/);
  t.end();
});

test('an ordinary user, inside a user namespace', (t) => {
  const directory = temporary(t);
  chmodSync(directory, 0o777);
  const user = { uid: 1_234_569, gid: 1_234_569 };
  const work = `
    const space = Namespace.create(${JSON.stringify(join(directory, 'mine'))});
    try {
      space.sysctl.set('net.ipv4.ip_forward', 1);
      console.log(space.sysctl.get('net.ipv4.ip_forward'), Namespace.createAnonymous().equals(space));
      const { stdout } = space.execSync('readlink', ['/proc/self/ns/net']);
      console.log(stdout.trim() === 'net:[' + space.id.ino + ']');
    } catch (error) {
      console.log(error.code, error.syscall);
    }
    console.log(Namespace.delete(space.path), Namespace.delete(space.path));`;
  t.equal(program(work, ['unshare', '-Urnm'], user), '1 false\ntrue\ntrue false\n');
  // the thread's own namespace is root's here: it could leave, but not come back
  t.equal(program(work, ['unshare', '-Urm'], user), '1 false\nEPERM setns\ntrue false\n');
  t.end();
});

test('the thread pool stays at home, even when it starts inside', (t) => {
  const root = fileURLToPath(new URL('../../../', import.meta.url));
  // the addon alone: importing modules starts the pool by itself
  const script = `
    const native = require('${root}prebuilds/linux-${process.arch}/netloom.node');
    const fs = require('fs');
    const space = native.createAnonymousNamespace();
    const home = fs.readlinkSync('/proc/self/ns/net');
    native.enterNamespace(space, () => fs.readFile('/etc/hostname', () => {
      const tasks = fs.readdirSync('/proc/self/task').map((id) => fs.readlinkSync('/proc/self/task/' + id + '/ns/net'));
      console.log(tasks.length > 8, tasks.every((one) => one === home));
    }));`;
  t.equal(execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' }), 'true true\n');
  t.end();
});

test('a thread that cannot come back ends the process', (t) => {
  const strace = [
    'strace',
    '-qq',
    '-o',
    '/dev/null',
    '-e',
    'trace=setns',
    '-e',
    'inject=setns:error=EPERM:when=3',
  ];
  const { stdout, stderr } = run(
    `const space = Namespace.createAnonymous(); space.run(() => console.log('inside')); console.log('never');`,
    strace,
  );
  t.equal(stdout, 'inside\n');
  t.match(stderr, /netloom: cannot return to the network namespace of this process/);
  t.end();
});

test('no descriptor is left: closed, disposed, failed, forgotten', (t) => {
  const out = program(
    `const count = () => fs.readdirSync('/proc/self/fd').length;
     Namespace.current().close();
     const before = count();
     const a = Namespace.createAnonymous();
     a.run(() => 1);
     a.sysctl.get('net/ipv4/ip_forward');
     a[Symbol.dispose]();
     a.close();
     await Namespace.open({ pid: process.pid })[Symbol.asyncDispose]();
     for (const path of ['/etc/passwd', '/nowhere', '/proc/self/ns/mnt']) try { Namespace.open(path); } catch {}
     console.log(count() - before);
     (() => { for (let i = 0; i < 20; i++) Namespace.createAnonymous(); })();
     console.log(count() - before);
     for (let i = 0; i < 20 && count() > before; i++) { gc(); await new Promise((done) => setTimeout(done, 10)); }
     console.log(count() - before);`,
    [],
    {},
    ['--expose-gc'],
  );
  t.equal(out, '0\n20\n0\n');
  t.end();
});

test('without a name, and named later', (t) => {
  const namespace = Namespace.createAnonymous();
  const before = named();
  const directory = mkdtempSync(join(tmpdir(), 'nl-bind-'));
  const path = namespace.bind(join(directory, 'bound'));
  const opened = Namespace.open(path);
  t.ok(opened.equals(namespace));
  t.same(named(), before);
  opened.close();
  Namespace.delete(path);
  rmSync(directory, { recursive: true });
  namespace.close();
  t.end();
});

test('run brings the thread back, whatever happens', (t) => {
  const lab = new Lab(t, 'run');
  const home = readlinkSync('/proc/thread-self/ns/net');
  const there = lab.namespace.run(() => readlinkSync('/proc/thread-self/ns/net'));
  t.equal(there, `net:[${lab.namespace.id.ino}]`);
  t.equal(readlinkSync('/proc/thread-self/ns/net'), home);
  t.throws(
    () =>
      lab.namespace.run(() => {
        throw new Error('inside');
      }),
    { message: 'inside' },
  );
  t.equal(readlinkSync('/proc/thread-self/ns/net'), home);
  t.throws(() => lab.namespace.run(async () => undefined), { code: 'ERR_ASYNCHRONOUS_RUN' });
  t.throws(() => lab.namespace.run(() => Promise.reject(new Error('unhandled otherwise'))), {
    code: 'ERR_ASYNCHRONOUS_RUN',
  });
  t.equal(
    lab.namespace.run(() => lab.namespace.run(() => readlinkSync('/proc/thread-self/ns/net'))),
    there,
    'nested',
  );
  t.end();
});

test('programs run inside', async (t) => {
  const lab = new Lab(t, 'exec');
  const { stdout, status } = await lab.namespace.exec('readlink', ['/proc/self/ns/net']);
  t.equal(stdout.trim(), `net:[${lab.namespace.id.ino}]`);
  t.equal(status, 0);
  const failed = await lab.namespace.exec('sh', ['-c', 'cat >&2; exit 3'], { input: 'complaint' });
  t.match(failed, { status: 3, stderr: 'complaint', signal: null });
  await t.rejects(lab.namespace.exec('/no/such/program'), { code: 'ENOENT' });
  await t.rejects(lab.namespace.exec('sleep', ['10'], { signal: AbortSignal.timeout(30) }), {
    code: 'ABORT_ERR',
  });
  t.equal(lab.namespace.execSync('sh', ['-c', 'echo sync']).stdout, 'sync\n');
  t.equal(lab.namespace.execSync('pwd', [], { cwd: '/proc' }).stdout, '/proc\n');
  const long = lab.namespace.execSync('head', ['-c', '3000000', '/dev/zero']);
  t.equal(long.stdout.length, 3_000_000, 'more than the megabyte that Node stops at');
});

test('sysctls are those of the namespace', (t) => {
  const lab = new Lab(t, 'sysctl');
  const { sysctl } = lab.namespace;
  const own = execFileSync('sysctl', ['-n', 'net.ipv4.ip_forward'], { encoding: 'utf8' });
  sysctl.set('net.ipv4.ip_forward', 1);
  t.equal(lab.run('sysctl', '-n', 'net.ipv4.ip_forward').trim(), '1');
  t.equal(execFileSync('sysctl', ['-n', 'net.ipv4.ip_forward'], { encoding: 'utf8' }), own);
  t.equal(sysctl.get('net/ipv4/ip_forward'), '1');
  t.throws(() => sysctl.get('net.no.such'), { code: 'ENOENT', path: '/proc/sys/net/no/such' });
  t.notOk(sysctl.ensure('net.no.such', 1));
  t.ok(sysctl.ensure('net.ipv4.ip_forward', 1));
  t.equal(sysctlPath('net.ipv4.conf.eth0/1.forwarding'), '/proc/sys/net/ipv4/conf/eth0.1/forwarding');
  t.equal(sysctlPath('net/ipv4/conf/eth0.1/forwarding'), '/proc/sys/net/ipv4/conf/eth0.1/forwarding');
  t.throws(() => sysctlPath('net/../../etc/passwd'), { code: 'ERR_INVALID_NAME' });
  t.end();
});
