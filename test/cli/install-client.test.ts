import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
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
import { renewParts } from '../../host/plugins/parts.js';

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
    /ExecStart=".*node" "--max-semi-space-size=4" ".*main.js" "daemon" "--socket" ".*\\"quotes\\" and 100%%/,
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

t.test('what Node is started with', async (t) => {
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
});

/** Has a Node with some options take the compiled code of every part; the names of parts whose code it rejects, and of all. */
function rejected(directory: string, options: readonly string[]): { rejected: string[]; all: string[] } {
  const script = `
const { readFileSync } = require('node:fs');
const { Script } = require('node:vm');
const content = readFileSync(process.argv[1]);
const start = 4 + content.readUInt32LE(0);
const { parts } = JSON.parse(content.toString('utf8', 4, start));
const cut = ([at, size]) => content.subarray(start + at, start + at + size);
const rejected = Object.entries(parts).filter(([name, [at, size, ...compiled]]) => {
  const cachedData = Buffer.from(cut(compiled[process.execArgv.length > 2 ? 1 : 0]));
  return new Script(cut([at, size]).latin1Slice(), { filename: name, cachedData }).cachedDataRejected;
});
console.log(JSON.stringify({ rejected: rejected.map(([name]) => name), all: Object.keys(parts) }));`;
  const done = spawnSync(process.execPath, [...options, '--eval', script, join(directory, 'parts')], {
    env: {},
    encoding: 'utf8',
  });
  return JSON.parse(done.stdout);
}

t.test('the compiled code of the parts', async (t) => {
  for (const options of [[], nodeOptions]) {
    const { rejected: none, all } = rejected(join(root, 'dist/plugins'), options);
    t.same(none, [], 'V8 takes all of it');
    t.ok(all.length > pluginTypes.length);
  }

  // a package of another version of Node
  const project = temporary(t);
  const directory = join(project, 'dist/plugins');
  cpSync(join(root, 'dist/plugins'), directory, { recursive: true });
  const parts = join(directory, 'parts');
  const content = readFileSync(parts);
  const start = 4 + content.readUInt32LE(0);
  const index = JSON.parse(content.toString('utf8', 4, start));
  const [name, [, , plain]] = Object.entries(index.parts).find(([one]) => one === './entry.js') as [
    string,
    [number, number, [number, number]],
  ];
  t.equal(name, './entry.js');
  content.fill(0, start + plain[0], start + plain[0] + plain[1]);
  writeFileSync(
    parts,
    Buffer.from(
      content.toString('latin1').replace(String(index.tags[0]), '1'.repeat(String(index.tags[0]).length)),
      'latin1',
    ),
  );
  t.same(rejected(directory, []).rejected, ['./entry.js']);
  const call = () =>
    spawnSync(process.execPath, [join(directory, 'plugin.js'), 'static'], {
      env: { CNI_COMMAND: 'VERSION' },
      encoding: 'utf8',
    });
  t.match(JSON.parse(call().stdout), { supportedVersions: Array }, 'it runs, and compiles by itself');
  t.equal(renewParts(directory, process.execPath), true);
  t.same(rejected(directory, []).rejected, []);
  t.same(rejected(directory, nodeOptions).rejected, []);
  t.match(JSON.parse(call().stdout), { supportedVersions: Array });
  const renewed = statSync(parts, { bigint: true });
  t.equal(renewParts(directory, process.execPath), true);
  t.equal(statSync(parts, { bigint: true }).ino, renewed.ino, 'nothing to do');
  t.same(readdirSync(directory).sort(), ['compile.mjs', 'package.json', 'parts', 'plugin.js']);

  // what cannot be renewed stays as it is
  writeFileSync(parts, 'nonsense');
  t.equal(renewParts(directory, process.execPath), false);
  t.equal(readFileSync(parts, 'utf8'), 'nonsense');
  t.equal(renewParts(join(project, 'nowhere'), process.execPath), false);
});
