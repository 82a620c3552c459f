import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { installPlugins } from '../../host/cli/install.js';
import { installCommand, uninstallCommand } from '../../host/cli/install-command.js';
import { pluginTypes } from '../../host/plugins/index.js';
import { nodeOptions } from '../../host/plugins/node-options.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));

function temporary(t: { teardown(work: () => unknown): void }): string {
  const directory = mkdtempSync(join(tmpdir(), 'netloom-client-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Stands for Node: writes down arguments, environment and stdin. */
function recorder(directory: string): string {
  const path = join(directory, 'recorder');
  writeFileSync(
    path,
    `#!/bin/sh\ncat /proc/$$/environ | tr '\\0' '\\n' >${directory}/environment\nprintf '%s\\n' "$@" >${directory}/arguments\ncat >${directory}/stdin\n`,
  );
  chmodSync(path, 0o755);
  return path;
}

t.test('install and uninstall', async (t) => {
  const dir = temporary(t);
  const units = join(dir, 'units');
  const bin = join(dir, 'bin');
  const socket = join(dir, 'with "quotes" and 100%', 'daemon.sock');
  const printed = installCommand([], { dir: bin, units, socket }).trim().split('\n');
  t.equal(printed.length, pluginTypes.length + 2);
  t.same(readdirSync(bin).sort(), [...pluginTypes].sort());
  for (const type of pluginTypes) {
    t.ok(statSync(join(bin, type)).size <= 100_000, type);
    t.equal(statSync(join(bin, type)).mode & 0o777, 0o755);
  }
  t.match(
    readFileSync(join(units, 'netloom.socket'), 'utf8'),
    /100%%\/daemon.sock\nSocketMode=0600\nDirectoryMode=0700/,
  );
  t.match(
    readFileSync(join(units, 'netloom.service'), 'utf8'),
    /ExecStart=".*node" ".*main.js" "daemon" "--socket" ".*\\"quotes\\" and 100%%/,
  );
  writeFileSync(join(bin, 'another'), '#!/bin/sh\n');
  writeFileSync(join(units, 'another.service'), '');
  uninstallCommand({ dir: bin, units });
  t.same(readdirSync(bin), ['another']);
  t.same(readdirSync(units), ['another.service']);
  t.equal(uninstallCommand({ dir: join(dir, 'nowhere'), units }), '');
  installCommand(['bridge'], { dir: bin, mode: 'node' });
  t.equal(readFileSync(join(bin, 'bridge'), 'utf8').slice(0, 2), '#!');
  t.ok(uninstallCommand({ dir: bin, units }).includes('bridge'));
  t.throws(() => installPlugins({ directory: bin, mode: 'client', socketPath: `/${'x'.repeat(120)}` }), {
    code: 'ERR_LONG_PATH',
  });
  t.notOk(existsSync(join(bin, 'bridge')));
});

t.test('what the one-shot plugin gets of a client without a daemon', async (t) => {
  const directory = temporary(t);
  const node = recorder(directory);
  const socketPath = join(directory, 'daemon.sock');
  installPlugins({ directory, types: ['bridge'], node, mode: 'client', socketPath });
  symlinkSync('bridge', join(directory, 'other-name'));
  const config = `{"name":"${'x'.repeat(200_000)}"}`;
  const env = {
    CNI_COMMAND: 'ADD',
    CNI_ARGS: 'A=$(id);B=\n',
    NODE_OPTIONS: '--evil',
    LD_PRELOAD: '/evil.so',
    HOME: '/',
  };
  const run = (name: string, args: string[] = []) => {
    const done = spawnSync(join(directory, name), args, { env, input: config, encoding: 'utf8' });
    t.equal(done.status, 0, done.stderr);
    const read = (what: string) => readFileSync(join(directory, what), 'utf8');
    return {
      arguments: read('arguments').trim().split('\n').slice(1),
      environment: read('environment'),
      stdin: read('stdin'),
    };
  };
  const environment = 'CNI_COMMAND=ADD\nCNI_ARGS=A=$(id);B=\n\nPATH=/usr/sbin:/usr/bin:/sbin:/bin\n';
  t.same(run('bridge'), { arguments: ['bridge'], environment, stdin: config });
  t.same(run('other-name').arguments, ['other-name']);
  t.same(run('bridge', ['daemon', '-x', '']).arguments, ['bridge', 'daemon', '-x']);

  // who takes the call and says nothing, or nonsense: what is not ADD is done without
  for (const answer of ['', 'nonsense and more nonsense', 'NLM\u0002aaaaaaaaaaaa', 'NLM\u0001\0\0\0']) {
    const server = createServer((socket) => socket.once('data', () => socket.end(answer)));
    await new Promise<void>((resolve) => server.listen(socketPath, resolve));
    for (const command of ['DEL', 'CHECK', 'ADD']) {
      const file = join(directory, 'stdin');
      rmSync(file, { force: true });
      const { execFile } = await import('node:child_process');
      const done = await new Promise<{ code: number; stdout: string }>((resolve) => {
        const child = execFile(
          join(directory, 'bridge'),
          [],
          { env: { CNI_COMMAND: command } },
          (error, stdout) => resolve({ code: error === null ? 0 : Number(error.code), stdout }),
        );
        child.stdin?.end('{"name":"net"}');
      });
      const skewed = answer.length >= 4 && !answer.startsWith('NLM\u0001');
      if (command === 'ADD' && !skewed) {
        t.equal(done.code, 1);
        t.match(JSON.parse(done.stdout), { code: 11 });
        t.notOk(existsSync(file), 'no second ADD');
      } else {
        t.equal(done.code, 0, done.stdout);
        t.equal(readFileSync(file, 'utf8'), '{"name":"net"}', `${command} after '${answer}'`);
      }
    }
    await new Promise((resolve) => server.close(resolve));
  }
});

t.test('what Node is started with, and the compiled code that is made for it', async (t) => {
  const directory = temporary(t);
  installPlugins({ directory, types: ['static', 'dhcp'], mode: 'client', socketPath: '' });
  const program = join(root, 'dist/plugins/plugin.js');
  const started = (name: string, args: string[] = [], command = 'VERSION'): string[] => {
    const log = join(directory, 'log');
    const done = spawnSync(
      'strace',
      ['-v', '-s', '4096', '-e', 'trace=execve', '-o', log, join(directory, name), ...args],
      { env: { PATH: process.env.PATH, CNI_COMMAND: command }, encoding: 'utf8', timeout: 30_000 },
    );
    t.equal(done.status, args.length === 0 ? 0 : 2, done.stderr);
    const last = readFileSync(log, 'utf8')
      .split('\n')
      .findLast((line) => line.includes('execve('));
    return JSON.parse(last?.match(/\[.*?\]/)?.[0] ?? '[]') as string[];
  };
  t.same(started('static'), [process.execPath, ...nodeOptions, program, 'static']);
  t.same(started('dhcp', ['nonsense']), [process.execPath, program, 'dhcp', 'nonsense'], 'another program');

  // as after an upgrade of Node in its place
  const path = join(directory, 'static');
  for (const [field, offset] of [
    ['size', 16],
    ['time of change', 24],
  ] as const) {
    const image = readFileSync(path);
    const at = image.indexOf('netloom-settings') + offset;
    image.writeBigUInt64LE(image.readBigUInt64LE(at) + 1n, at);
    writeFileSync(join(directory, 'other'), image, { mode: 0o755 });
    renameSync(join(directory, 'other'), join(directory, 'changed'));
    symlinkSync('changed', join(directory, 'tap'));
    t.same(started('tap'), [process.execPath, program, 'tap'], `another Node, by its ${field}`);
    unlinkSync(join(directory, 'tap'));
  }

  // a Node that is no Node takes no options
  const node = recorder(directory);
  installPlugins({ directory, types: ['bridge'], node, mode: 'client', socketPath: '' });
  t.equal(spawnSync(join(directory, 'bridge'), { env: { CNI_COMMAND: 'DEL' } }).status, 0);
  t.same(readFileSync(join(directory, 'arguments'), 'utf8').trim().split('\n'), [program, 'bridge']);

  // V8 takes the compiled code of every part, with the options and without
  const check = join(directory, 'check.cjs');
  const launcher = readFileSync(program, 'utf8');
  writeFileSync(
    check,
    launcher
      .replaceAll('__dirname', JSON.stringify(join(root, 'dist/plugins')))
      .replaceAll('__filename', JSON.stringify(program))
      .replace(/\nload\('[^']*'\);\n/, '')
      .concat(`
let taken = 0;
for (const [name, [at, size, ...caches]] of Object.entries(index)) {
  const cachedData = read(...caches[process.execArgv.length === 0 ? 0 : 1]);
  const script = new Script(read(at, size).latin1Slice(), { filename: __dirname + '/' + name, cachedData });
  if (script.cachedDataRejected !== false) throw new Error(name);
  taken++;
}
console.log(taken);
`),
  );
  for (const options of [[], nodeOptions]) {
    const done = spawnSync(process.execPath, [...options, check], { encoding: 'utf8' });
    t.equal(done.status, 0, done.stderr);
    t.ok(Number(done.stdout) > pluginTypes.length, done.stdout);
  }
});
