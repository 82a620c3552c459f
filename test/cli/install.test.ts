import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { installPlugins } from '../../host/cli/install.js';
import { pluginTypes } from '../../host/plugins/index.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));

interface Teardown {
  teardown(work: () => unknown): void;
}

function temporary(t: Teardown): string {
  const directory = mkdtempSync(join(tmpdir(), 'netloom-install-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Stands for Node: writes down its arguments and, from /proc, the environment that the kernel started it with. */
function recorder(directory: string, name = 'recorder'): string {
  const path = join(directory, name);
  const sink = `'${directory.replaceAll("'", "'\\''")}'`;
  writeFileSync(
    path,
    `#!/bin/sh\ncat /proc/$$/environ >${sink}/environment\nprintf '%s\\0' "$@" >${sink}/arguments\n`,
  );
  chmodSync(path, 0o755);
  return path;
}

/** Bytes to names and values, each byte a character. */
function recorded(directory: string): { environment: Record<string, string>; arguments: string[] } {
  const parts = (name: string) => readFileSync(join(directory, name), 'latin1').split('\0').slice(0, -1);
  return {
    environment: Object.fromEntries(
      parts('environment').map((pair) => {
        const at = pair.indexOf('=');
        return [pair.slice(0, at), pair.slice(at + 1)];
      }),
    ),
    arguments: parts('arguments'),
  };
}

const hostile: Record<string, string> = {
  NODE_OPTIONS: '--require=/nowhere/evil.cjs',
  NODE_EXTRA_CA_CERTS: '/nowhere/ca.pem',
  NODE_PATH: '/nowhere',
  NODE_REPL_EXTERNAL_MODULE: '/nowhere/evil.cjs',
  NODE_SOMETHING_NEW: '1',
  NETLOOM_ADDON: '/nowhere/evil.node',
  LD_PRELOAD: '/nowhere/evil.so',
  LD_LIBRARY_PATH: '/nowhere',
  LD_AUDIT: '/nowhere/evil.so',
  OPENSSL_CONF: '/nowhere/openssl.cnf',
  BASH_ENV: '/nowhere/evil.sh',
  ENV: '/nowhere/evil.sh',
  'BASH_FUNC_exec%%': '() { echo taken over; }',
  IFS: 'NODE=',
  PS4: '$(echo taken over >&2)',
  SHELLOPTS: 'xtrace',
  HOME: '/nowhere',
  CNI_UNKNOWN: 'not in the specification',
};

const values: Record<string, string> = {
  CNI_COMMAND: 'ADD',
  CNI_CONTAINERID: 'a b  c',
  CNI_NETNS: '/run/netns/"double" and \'single\' quotes',
  CNI_IFNAME: '*',
  CNI_ARGS:
    // biome-ignore lint/suspicious/noTemplateCurlyInString: what a shell would expand
    'A=1;B=$(touch /tmp/owned)`id`${HOME}\\n\\\\;C=first line\nsecond line\n\n;D=--unset=PATH;E=ü✓ \t\r',
  CNI_PATH: '/opt/cni/bin:/with space:~',
  CNI_NETNS_OVERRIDE: '',
  PATH: '/usr/bin:/bin:/it\'s "quoted"',
};

const shells = ['/bin/sh', '/bin/dash', '/bin/bash', '/bin/busybox'].filter((shell) =>
  statSync(shell, { throwIfNoEntry: false }),
);

t.test('what a plugin gets of its environment', async (t) => {
  for (const shell of shells) {
    const directory = temporary(t);
    installPlugins({ directory, types: ['bridge'], node: recorder(directory) });
    const run = (env: Record<string, string>) => {
      const done = spawnSync(shell, [join(directory, 'bridge')], { argv0: 'sh', env, encoding: 'utf8' });
      t.equal(done.status, 0, done.stderr);
      t.equal(done.stdout, '', `${shell}: nothing of it runs`);
      return recorded(directory);
    };
    const bytes = Buffer.from(JSON.stringify(values)).toString('latin1');
    t.same(run({ ...hostile, ...values }).environment, JSON.parse(bytes), `${shell}: CNI's variables alone`);
    t.same(
      run({ CNI_COMMAND: 'VERSION', CNI_ARGS: '', PATH: '' }).environment,
      { CNI_COMMAND: 'VERSION', CNI_ARGS: '', PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
      `${shell}: unset stays unset, empty stays empty, but for PATH`,
    );
    // shells have them in different orders
    const own = run({}).environment.PATH?.split(':') ?? [];
    for (const place of ['/usr/sbin', '/usr/bin', '/sbin', '/bin']) {
      t.ok(own.includes(place), `${shell}: or the PATH that a shell has by itself: ${place}`);
    }
    t.same(
      run({}).arguments,
      [join(root, 'dist/plugins/plugin.js'), 'bridge'],
      `${shell}: an absolute program, and its type`,
    );
  }
});

t.test('every byte that a variable can have', async (t) => {
  const directory = temporary(t);
  installPlugins({ directory, types: ['bridge'], node: recorder(directory) });
  // Node's own environment is text, so that a shell makes the bytes
  const octal = Array.from({ length: 255 }, (_, i) => `\\${(i + 1).toString(8).padStart(3, '0')}`).join('');
  const done = spawnSync(
    '/bin/sh',
    ['-c', `CNI_ARGS=$(printf '${octal}.') exec ${join(directory, 'bridge')}`],
    { env: { PATH: '/usr/bin:/bin' }, encoding: 'utf8' },
  );
  t.equal(done.status, 0, done.stderr);
  const every = String.fromCharCode(...Array.from({ length: 255 }, (_, i) => i + 1));
  t.equal(recorded(directory).environment.CNI_ARGS, `${every}.`);
});

t.test('interpreters in strange places', async (t) => {
  for (const name of ['with space', "it's", '"quoted"', '$(id)', 'a=b', 'new\nline', '-x', '\\n']) {
    const directory = join(temporary(t), name);
    mkdirSync(directory);
    installPlugins({ directory, types: ['loopback'], node: recorder(directory, `node ${name}`) });
    const done = spawnSync(join(directory, 'loopback'), { env: { CNI_COMMAND: 'DEL' }, encoding: 'utf8' });
    t.equal(done.status, 0, done.stderr);
    const { environment, arguments: given } = recorded(directory);
    t.same(given, [join(root, 'dist/plugins/plugin.js'), 'loopback'], JSON.stringify(name));
    // a shell in between may say where it is
    const { PWD: _, PATH: path, ...others } = environment;
    t.same(others, { CNI_COMMAND: 'DEL' });
    t.match(path, '/usr/bin');
  }
  t.throws(() => installPlugins({ directory: temporary(t), node: 'node' }), { code: 'ERR_RELATIVE_PATH' });
});

t.test('the system calls of a start, as strace has them', async (t) => {
  const directory = temporary(t);
  installPlugins({ directory, types: ['host-local'] });
  const log = join(directory, 'log');
  const done = spawnSync(
    'strace',
    ['-f', '-v', '-s', '4096', '-e', 'trace=execve', '-o', log, join(directory, 'host-local')],
    { env: { ...hostile, PATH: process.env.PATH, CNI_COMMAND: 'VERSION' }, encoding: 'utf8' },
  );
  t.equal(done.status, 0, done.stderr);
  t.ok(JSON.parse(done.stdout).supportedVersions.includes('1.1.0'));
  const calls = readFileSync(log, 'utf8')
    .split('\n')
    .filter((line) => line.includes('execve(') && line.endsWith(' = 0'));
  const last = calls.at(-1) ?? '';
  t.match(last, `execve(${JSON.stringify(process.execPath)}, [${JSON.stringify(process.execPath)}, `);
  t.match(last, `["PATH=${process.env.PATH}", "CNI_COMMAND=VERSION"]) = 0`);
  t.equal(calls.length, 3, 'the script, env, node: each in the place of the one before');
  t.equal(new Set(calls.map((line) => line.split(' ')[0])).size, 1, 'in one process');
});

t.test('every plugin runs, from any directory, with any environment or none', async (t) => {
  const directory = join(temporary(t), "it's", 'made $HOME');
  const paths = installPlugins({ directory });
  t.same(
    paths,
    pluginTypes.map((type) => join(directory, type)),
  );
  t.same(readdirSync(directory).sort(), [...pluginTypes].sort(), 'and nothing else');
  for (const path of paths) {
    t.equal(statSync(path).mode & 0o777, 0o755);
    for (const env of [{}, hostile]) {
      const version = spawnSync(path, {
        cwd: '/',
        env: { ...env, CNI_COMMAND: 'VERSION' },
        encoding: 'utf8',
      });
      t.equal(version.status, 0, version.stderr);
      t.equal(JSON.parse(version.stdout).cniVersion, '1.1.0');
    }
    const about = spawnSync(path, { cwd: '/', env: {}, encoding: 'utf8' });
    t.equal(about.status, 0);
    t.match(about.stderr, `CNI ${path.slice(directory.length + 1)} plugin v`);
  }
});

t.test('a project whose path has spaces and quotes', async (t) => {
  const project = join(temporary(t), 'it\'s "mine" $HOME');
  mkdirSync(project);
  cpSync(join(root, 'dist/host'), join(project, 'dist/host'), { recursive: true });
  cpSync(join(root, 'dist/plugins'), join(project, 'dist/plugins'), { recursive: true });
  copyFileSync(join(root, 'package.json'), join(project, 'package.json'));
  for (const name of ['node_modules', 'prebuilds']) symlinkSync(join(root, name), join(project, name));
  const bin = join(project, 'bin');
  const installed = spawnSync(
    process.execPath,
    [join(project, 'dist/host/cli/main.js'), 'install', '--dir', bin, 'loopback', 'bridge'],
    { encoding: 'utf8' },
  );
  t.equal(installed.stdout, `${bin}/loopback\n${bin}/bridge\n`, installed.stderr);
  t.same(readdirSync(bin).sort(), ['bridge', 'loopback']);
  t.equal(spawnSync(join(bin, 'loopback'), { env: { CNI_COMMAND: 'VERSION' } }).status, 0);
  // reads its config, and gets as far as the addon
  const add = spawnSync(join(bin, 'bridge'), {
    env: {
      CNI_COMMAND: 'ADD',
      CNI_CONTAINERID: 'x',
      CNI_NETNS: '/nowhere',
      CNI_IFNAME: 'eth0',
      CNI_PATH: bin,
    },
    input: JSON.stringify({ cniVersion: '1.0.0', name: 'net', type: 'bridge' }),
    encoding: 'utf8',
  });
  t.equal(add.status, 1);
  t.match(JSON.parse(add.stdout).msg, '/nowhere');
  const unknown = spawnSync(
    process.execPath,
    [join(project, 'dist/host/cli/main.js'), 'install', '--dir', bin, 'nonsense'],
    { encoding: 'utf8' },
  );
  t.equal(unknown.status, 1);
  t.match(unknown.stderr, /^netloom: no plugin 'nonsense': there are .*bridge, .*\n$/);
});

t.test('each appears whole, or nothing does', async (t) => {
  const directory = temporary(t);
  const log = join(temporary(t), 'log');
  const done = spawnSync(
    'strace',
    ['-f', '-e', 'trace=open,openat,creat,rename,renameat,renameat2', '-o', log].concat([
      process.execPath,
      join(root, 'dist/host/cli/main.js'),
      'install',
      '--dir',
      directory,
      'bridge',
    ]),
    { encoding: 'utf8' },
  );
  t.equal(done.status, 0, done.stderr);
  const touching = readFileSync(log, 'utf8')
    .split('\n')
    .filter((line) => line.includes(`"${directory}/bridge"`));
  t.equal(touching.length, 1, touching.join('\n'));
  t.match(touching[0], /rename/);

  // a directory stands where a plugin should be
  const blocked = temporary(t);
  mkdirSync(join(blocked, 'loopback', 'in the way'), { recursive: true });
  t.throws(() => installPlugins({ directory: blocked, types: ['loopback', 'bridge'] }), /rename/);
  t.same(readdirSync(blocked), ['loopback'], 'nothing is left of the attempt');
  t.throws(() => installPlugins({ directory: blocked, types: ['bridge', 'nonsense'] }), {
    code: 'ERR_UNKNOWN_PLUGIN',
  });
  t.same(readdirSync(blocked), ['loopback']);
});

t.test('installing again changes nothing for a plugin that is running', async (t) => {
  const directory = temporary(t);
  const [path] = installPlugins({ directory, types: ['loopback'] });
  const before = statSync(path as string).ino;
  installPlugins({ directory, types: ['loopback'] });
  t.not(statSync(path as string).ino, before, 'another file has taken its place');
});
