import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'tap';
import { Namespace } from '../../host/namespace/namespace.js';
import { sysctlPath } from '../../host/namespace/sysctl.js';
import { Lab } from '../support/lab.js';

const unique = (): string => `nl-ns-${randomBytes(4).toString('hex')}`;
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
  t.throws(() => Namespace.open('..'), { code: 'ERR_INVALID_NAME' });
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
  t.throws(() => lab.namespace.run(async () => undefined), { name: 'TypeError' });
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
