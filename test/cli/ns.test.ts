import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'tap';
import { Lab } from '../support/lab.js';

const netloom = fileURLToPath(new URL('../../host/cli/main.js', import.meta.url));

interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(...args: string[]): Ran {
  return spawnSync(process.execPath, [netloom, ...args], {
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1' },
  });
}

/** As somebody without any privilege. */
function runAsNobody(...args: string[]): Ran {
  const who = ['--reuid=65534', '--regid=65534', '--clear-groups', '--no-new-privs', '--inh-caps=-all', '--'];
  return spawnSync('setpriv', [...who, process.execPath, netloom, ...args], { encoding: 'utf8' });
}

interface Listed {
  names: string[];
  interfaces: { name: string; addresses: string[] }[] | null;
  problem?: string;
  id: string;
}

const listed = (text: string): Listed[] => (JSON.parse(text) as { namespaces: Listed[] }).namespaces;

test('ns ls', async (t) => {
  const lab = new Lab(t, 'ls');
  lab.run('ip', 'link', 'set', 'lo', 'up');
  lab.run('sh', '-c', 'ip link add va type veth peer name vb; ip addr add 10.9.9.1/24 dev va');
  const { status, stdout, stderr } = run('ns', 'ls', `netns:${lab.name}`);
  t.equal(status, 0, stderr);
  const [title = '', row = '', ...more] = stdout.trimEnd().split('\n');
  t.match(title, /^ID +NSID +NAME +OWNER +PROCESSES +INTERFACES +ADDRESSES$/);
  t.same(row.split(/ {2,}/), [
    String(lab.namespace.id.ino),
    '-',
    `netns:${lab.name}`,
    '-',
    '0',
    'vb va',
    '10.9.9.1/24',
  ]);
  t.same(more, []);
  const json = run('ns', 'ls', '--json');
  t.match(JSON.parse(json.stdout), { schemaVersion: 1, unreached: Array, dangling: Array, problems: Array });
  const found = listed(json.stdout).filter(({ id }) => id === `net:[${lab.namespace.id.ino}]`);
  t.match(found, [
    {
      names: [`netns:${lab.name}`],
      interfaces: [{ name: 'lo', addresses: ['127.0.0.1/8', '::1/128'] }, {}, {}],
    },
  ]);
  t.match(run('ns', 'ls', 'netns:nl-none'), {
    status: 1,
    stdout: '',
    stderr: 'netloom: there is no network namespace netns:nl-none\n',
  });
  t.match(run('ns', 'ls', 'x:y'), { status: 1, stderr: /before the colon stands one of net, pid, docker/ });
});

test('ns exec becomes the command', async (t) => {
  const lab = new Lab(t, 'exec');
  const selector = `netns:${lab.name}`;
  const ino = lab.namespace.id.ino;
  t.match(run('ns', 'exec', selector, '--', 'readlink', '/proc/self/ns/net'), {
    status: 0,
    stdout: `net:[${ino}]\n`,
  });
  t.match(run('ns', 'exec', lab.name, 'sh', '-c', 'echo $0 "$@"; exit 7', '-x', '--', '-V'), {
    status: 7,
    stdout: '-x -- -V\n',
  });
  t.match(run('ns', 'exec', selector, '--', 'nl-no-such-program'), {
    status: 127,
    stderr: /execve 'nl-no-such-program': No such file/,
  });
  t.match(run('ns', 'exec', selector, '--', '/etc/passwd'), { status: 126, stderr: /Permission denied/ });
  t.match(run('ns', 'exec', 'netns:nl-none', '--', 'true'), {
    status: 125,
    stderr: /there is no network namespace/,
  });
  t.match(run('ns', 'exec', selector), { status: 125, stderr: /a command is missing/ });
  t.match(run('ns', 'exec'), { status: 125, stderr: /a selector is missing/ });
  // the same process: its signals are its own, none is ignored that Node ignores, and its input is untouched
  const child = spawn(
    process.execPath,
    [netloom, 'ns', 'exec', selector, '--', 'sh', '-c', 'echo $$; grep SigIgn /proc/$$/status; cat'],
    { stdio: 'pipe' },
  );
  child.stdin.end('typed');
  let text = '';
  for await (const chunk of child.stdout.setEncoding('utf8')) text += chunk;
  t.match(text, new RegExp(`^${child.pid}\\nSigIgn:\\s+0+\\ntyped$`));
  const sleeper = spawn(process.execPath, [netloom, 'ns', 'exec', selector, '--', 'sleep', '100'], {
    stdio: 'ignore',
  });
  while (!readFileSync(`/proc/${sleeper.pid}/comm`, 'utf8').startsWith('sleep'))
    await new Promise((resolve) => setTimeout(resolve, 10));
  t.equal(readlinkSync(`/proc/${sleeper.pid}/ns/net`), `net:[${ino}]`);
  sleeper.kill('SIGTERM');
  t.equal(await new Promise((resolve) => sleeper.once('exit', (_, signal) => resolve(signal))), 'SIGTERM');
});

test('ns exec with /etc/netns, /sys, and the container’s resolv.conf', async (t) => {
  const lab = new Lab(t, 'mounts');
  const selector = `netns:${lab.name}`;
  lab.run('ip', 'link', 'add', 'only-here', 'type', 'ifb');
  const etc = `/etc/netns/${lab.name}`;
  const made = existsSync('/etc/netns') ? etc : '/etc/netns';
  mkdirSync(etc, { recursive: true });
  t.teardown(() => rmSync(made, { recursive: true }));
  writeFileSync(`${etc}/resolv.conf`, 'nameserver 192.0.2.53\n');
  const before = readFileSync('/etc/resolv.conf', 'utf8');
  t.match(run('ns', 'exec', '--etc', selector, '--', 'cat', '/etc/resolv.conf'), {
    status: 0,
    stdout: 'nameserver 192.0.2.53\n',
  });
  t.match(run('ns', 'exec', '--etc-of', lab.name, 'self', '--', 'cat', '/etc/resolv.conf'), {
    stdout: 'nameserver 192.0.2.53\n',
  });
  t.match(run('ns', 'exec', '--etc', 'self', '--', 'true'), {
    status: 125,
    stderr: /has no name below \/run\/netns/,
  });
  t.equal(run('ns', 'exec', selector, '--', 'cat', '/etc/resolv.conf').stdout, before, 'only when asked for');
  t.match(run('ns', 'exec', '--sys', selector, '--', 'ls', '/sys/class/net'), { stdout: /only-here/ });
  t.equal(readFileSync('/etc/resolv.conf', 'utf8'), before, 'the host has its own');

  const script = `mount -t tmpfs none /etc && echo 'nameserver 192.0.2.99' > /etc/resolv.conf && echo '10.0.0.7 db' > /etc/hosts && echo && exec sleep 100`;
  const container = lab.namespace.run(() =>
    spawn('unshare', ['-m', '--propagation', 'private', 'sh', '-c', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    }),
  );
  t.teardown(() => container.kill('SIGKILL'));
  await new Promise((resolve) => container.stdout.once('data', resolve));
  const temporary = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('netloom-exec-'));
  const left = temporary();
  t.match(
    run('ns', 'exec', '--resolv', `pid:${container.pid}`, '--', 'cat', '/etc/resolv.conf', '/etc/hosts'),
    {
      status: 0,
      stdout: 'nameserver 192.0.2.99\n10.0.0.7 db\n',
    },
  );
  t.match(run('ns', 'exec', '--resolv', `pid:${container.pid}`, '--', 'nl-no-such-program'), { status: 127 });
  t.same(temporary(), left, 'nothing is left');
  const empty = new Lab(t, 'nobody');
  t.match(run('ns', 'exec', '--resolv', `netns:${empty.name}`, '--', 'true'), {
    status: 125,
    stderr: /no process in/,
  });
});

test('ns create and delete', async (t) => {
  const name = `nl-made-${process.pid}`;
  t.teardown(() => spawnSync('ip', ['netns', 'delete', name]));
  t.match(run('ns', 'create', name, '--up'), { status: 0, stdout: '', stderr: '' });
  t.match(execFileSync('ip', ['-n', name, 'link'], { encoding: 'utf8' }), /LOOPBACK,UP/);
  t.match(run('ns', 'create', name), { status: 1, stderr: /exists already/ });
  t.match(run('ns', 'create', 'a/b'), { status: 1, stderr: /no name for a network namespace/ });
  t.match(run('ns', 'delete', name), { status: 0, stderr: '' });
  t.match(run('ns', 'delete', name), { status: 1, stderr: /there is no network namespace/ });
});

test('ns link: made, found stale, repaired, removed', async (t) => {
  const lab = new Lab(t, 'link');
  const name = `nl-link-${process.pid}`;
  const path = `/run/netns/${name}`;
  t.teardown(() => run('ns', 'delete', name));
  const start = (): ReturnType<typeof spawn> =>
    lab.namespace.run(() => spawn('sleep', ['100'], { stdio: 'ignore' }));
  const first = start();
  t.teardown(() => first.kill('SIGKILL'));
  t.match(run('ns', 'link', name, `pid:${first.pid}`), { status: 0, stdout: '', stderr: '' });
  t.equal(readlinkSync(path), lab.path, 'to a name, which outlives the process');
  t.match(execFileSync('ip', ['-n', name, '-o', 'link'], { encoding: 'utf8' }), /lo:/);
  t.match(run('ns', 'link').stdout, new RegExp(`${name} +pid:${first.pid} +good +${lab.path}`));
  t.match(run('ns', 'link', name, `pid:${first.pid}`), { status: 0 }, 'again');
  t.match(run('ns', 'link', name, 'host'), { status: 1, stderr: /exists already/ }, 'not over a good one');
  t.match(
    run('ns', 'link', lab.name, 'host'),
    { status: 1, stderr: /exists already/ },
    'nor over a namespace',
  );
  t.match(run('ns', 'link', '--repair', name), {
    status: 0,
    stdout: `${name}: leads to ${lab.path} still\n`,
  });
  first.kill('SIGKILL');
  await new Promise((resolve) => first.once('exit', resolve));
  t.match(run('ns', 'link', '--repair', name), {
    status: 0,
    stdout: `${name}: led nowhere any more, removed\n`,
  });
  t.equal(lstatSync(path, { throwIfNoEntry: false }), undefined);
  t.notOk(existsSync(`/run/netloom/links/${name}`));

  // a link by another's hand, to a process that is gone
  execFileSync('ln', ['-s', `/proc/${first.pid}/ns/net`, path]);
  t.match(run('ns', 'link').stdout, new RegExp(`${name} +- +dangling`));
  t.match(run('ns', 'ls').stderr, new RegExp(`${path}: leads to /proc/${first.pid}/ns/net, which is gone`));
  t.match(run('ns', 'link', name, `netns:${lab.name}`), { status: 0 }, 'is replaced');
  t.equal(readlinkSync(path), lab.path);

  // a namespace of the same name, made anew
  const other = new Lab(t, 'anew');
  const remembered = JSON.parse(readFileSync(`/run/netloom/links/${name}`, 'utf8')) as { inode: number };
  t.equal(remembered.inode, lab.namespace.id.ino);
  execFileSync('ln', ['-sfn', other.path, path]);
  t.match(run('ns', 'link').stdout, new RegExp(`${name} +netns:${lab.name} +stale`));
  t.match(run('ns', 'link', '--repair', name), { stdout: `${name}: leads to ${lab.path} now\n` });
  t.equal(readlinkSync(path), lab.path);
  t.match(run('ns', 'delete', name), { status: 0 });

  t.match(run('ns', 'link', name, `netns:${lab.name}`, '--hold'), { status: 0, stderr: '' });
  t.notOk(lstatSync(path).isSymbolicLink());
  t.equal(lstatSync(path).ino, lab.namespace.id.ino);
});

test('tables', async (t) => {
  const [one, two] = [new Lab(t, 'tableone'), new Lab(t, 'tabletwo')];
  for (const lab of [one, two]) lab.run('ip', 'link', 'set', 'lo', 'up');
  const selectors = [`netns:${one.name}`, `netns:${two.name}`];
  const text = run('address', ...selectors);
  t.equal(text.status, 0, text.stderr);
  t.match(text.stdout, /^NETNS +DEVICE +STATE +ADDRESS/);
  t.equal(text.stdout.split('\n').filter((line) => line.includes('127.0.0.1/8')).length, 2);
  const json = run('addr', '-j', ...selectors);
  const rows = JSON.parse(json.stdout) as { netns: string; ifname: string }[];
  t.same(
    rows.map(({ netns, ifname }) => [netns, ifname]),
    selectors.map((selector) => [selector, 'lo']),
  );
  const own = run('link', '-j');
  const links = JSON.parse(own.stdout) as object[];
  t.ok(links.length > 0 && links.every((link) => !('netns' in link)), 'of one’s own: as ip -j');
  t.match(
    run('route', '--all', '--table', 'local').stdout,
    new RegExp(`netns:${one.name} +local +127.0.0.0/8`),
  );
  t.match(run('rule', `netns:${one.name}`).stdout, /32766 +all +- +- +lookup main/);
  t.match(run('neigh', '-j', `netns:${one.name}`), { status: 0, stdout: '[]\n' });
  t.match(run('route', '--table', 'nl-none'), { status: 1, stderr: /no routing table "nl-none"/ });
});

test('graph', async (t) => {
  const [one, two] = [new Lab(t, 'graphone'), new Lab(t, 'graphtwo')];
  one.run('ip', 'link', 'add', 'va', 'type', 'veth', 'peer', 'name', 'vb', 'netns', two.name);
  const selectors = [`netns:${one.name}`, `netns:${two.name}`];
  const text = run('graph', ...selectors);
  t.match(text.stdout, new RegExp(`va {2}veth {2}down {2}↔ netns:${two.name} vb`), text.stderr);
  t.match(JSON.parse(run('graph', '--json', ...selectors).stdout), {
    schemaVersion: 1,
    edges: [{ kind: 'veth' }],
    namespaces: [{}, {}],
  });
  const directory = mkdtempSync(join(tmpdir(), 'nl-graph-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  for (const [file, start] of [
    ['x.svg', '<svg '],
    ['x.html', '<!doctype html>'],
    ['x.dot', 'digraph'],
    ['x.json', '{"schemaVersion"'],
    ['x.txt', 'netns:'],
  ] as const) {
    t.match(run('graph', '-o', join(directory, file), ...selectors), { status: 0, stdout: '' });
    t.ok(readFileSync(join(directory, file), 'utf8').startsWith(start), file);
  }
  t.match(run('graph', '--format', 'png'), {
    status: 2,
    stderr: /Allowed choices are text, json, dot, svg, html/,
  });
});

test('without privileges: what can be shown is, what cannot is said', async (t) => {
  const lab = new Lab(t, 'secret');
  const list = runAsNobody('ns', 'ls', '--json');
  t.equal(list.status, 0, list.stderr);
  const all = listed(list.stdout);
  t.match(
    all.find(({ names }) => names[0] === 'host')?.interfaces?.map(({ name }) => name),
    /lo/,
    'one’s own',
  );
  t.match(
    all.find(({ names }) => names.includes(`netns:${lab.name}`)),
    { interfaces: null, problem: /setns: Operation not permitted/ },
  );
  t.match(runAsNobody('ns', 'ls'), { status: 0, stderr: /processes could not be looked at/ });
  t.match(runAsNobody('link', `netns:${lab.name}`), { status: 1, stderr: /Operation not permitted/ });
  t.match(runAsNobody('ns', 'exec', `netns:${lab.name}`, '--', 'true'), {
    status: 125,
    stderr: /Operation not permitted .*root/,
  });
  t.match(runAsNobody('ns', 'create', 'nl-never'), {
    status: 1,
    stderr: /Operation not permitted|Permission denied/,
  });
  t.match(runAsNobody('graph', '--json'), { status: 0 });
});

test('help names what there is', (t) => {
  for (const [args, ...expected] of [
    [['ns'], 'ls|list', 'exec', 'create', 'delete', 'link'],
    [['ns', 'exec', '--help'], '<selector> -- <command>', '--etc', '--sys', '--resolv'],
    [['--help'], 'ns', 'link', 'address|addr', 'route', 'neighbour|neigh', 'rule', 'graph'],
    [['graph', '--help'], '"text", "json", "dot", "svg", "html"'],
  ] as const) {
    const { stdout, stderr } = run(...args);
    for (const text of expected) t.match(`${stdout}${stderr}`, text, `${args.join(' ')}: ${text}`);
  }
  t.end();
});
