import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'tap';

interface Test {
  teardown(work: () => unknown): void;
  equal(found: unknown, wanted: unknown, message: string): unknown;
}

import { Lab } from '../support/lab.js';
import { netloom, run } from './support/cli.js';

/** What can stand in place of the last word. */
function candidates(words: readonly string[], env: NodeJS.ProcessEnv = {}): string[] {
  const { status, stdout, stderr } = run(['complete', '--', ...words], env);
  if (status !== 0) throw new Error(stderr);
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.split('\t')[0] ?? '');
}

interface Place {
  readonly env: NodeJS.ProcessEnv;
  readonly directory: string;
}

/** A program `netloom` in PATH, and networks to complete. */
function place(t: Test): Place {
  const directory = mkdtempSync(join(tmpdir(), 'nl-completion-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, 'netloom'), `#!/bin/sh\nexec ${process.execPath} ${netloom} "$@"\n`, {
    mode: 0o755,
  });
  symlinkSync(process.execPath, join(directory, 'node'));
  for (const name of ['blue', 'black']) {
    const list = { name, plugins: [{ type: 'bridge' }, { type: 'portmap' }] };
    writeFileSync(join(directory, `${name}.conflist`), JSON.stringify(list));
  }
  writeFileSync(join(directory, 'broken.conflist'), '{');
  const env = { PATH: `${directory}:${process.env.PATH}`, NETCONFPATH: directory, HOME: directory };
  return { env, directory };
}

test('what can stand where', { timeout: 60_000 }, async (t) => {
  const { env, directory } = place(t);
  t.ok(candidates(['']).includes('cni'));
  t.notOk(candidates(['']).includes('complete'), 'what is hidden stays so');
  t.same(candidates(['completion', '']), [':none', 'bash', 'zsh', 'fish']);
  t.same(candidates(['completion', 'z']), [':none', 'zsh']);
  t.same(candidates(['cni', 'sta']), [':none', 'status']);
  t.same(candidates(['cni', 'add', '--ifn']), [':none', '--ifname']);
  t.notOk(candidates(['cni', 'add', '-i', 'eth1', '--']).includes('--ifname'), 'not twice');
  t.same(candidates(['cni', 'add', 'bl'], env), [':none', 'black', 'blue']);
  t.same(candidates(['cni', 'add', '--json', '--conf-dir', directory, 'blu']), [':none', 'blue']);
  t.same(candidates(['cni', 'add', '--conf-dir', '']), [':directories']);
  t.same(candidates(['cni', 'version', 'bridge', 'host-d']), [':none', 'host-device']);
  t.same(candidates(['decode', '']), [':files']);
  t.same(candidates(['decode', '--protocol', 'g']), [':none', 'generic']);
  t.same(candidates(['decode', '--protocol=g']), [':none', '--protocol=generic']);
  t.same(candidates(['decode', '--', '-']), [':files'], 'after -- there are no options');
  t.same(candidates(['no', 'such', '']), [':none']);
});

test('selectors', { timeout: 60_000 }, async (t) => {
  const lab = new Lab(t, 'compl');
  t.ok(candidates(['monitor', 'netns:nl-compl']).includes(`netns:${lab.name}`));
  t.ok(candidates(['ns', 'exec', '']).includes(`netns:${lab.name}`));
  const sleeper = lab.namespace.run(() => spawn('sleep', ['60'], { stdio: 'ignore' }));
  t.teardown(() => sleeper.kill());
  t.ok(candidates(['address', `pid:${sleeper.pid}`]).includes(`pid:${sleeper.pid}`));
  t.same(candidates(['ns', 'delete', lab.name]), [':none', lab.name]);

  // an engine that does not answer holds nobody up
  const directory = mkdtempSync(join(tmpdir(), 'nl-completion-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const socket = join(directory, 'docker.sock');
  const hanging = createServer(() => undefined);
  await new Promise<void>((resolve) => hanging.listen(socket, resolve));
  t.teardown(() => hanging.close());
  const started = performance.now();
  const found = await new Promise<string>((resolve) => {
    const args = [netloom, 'complete', '--', 'link', 'netns:nl-compl'];
    const env = { ...process.env, DOCKER_HOST: `unix://${socket}` };
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
    child.once('close', () => resolve(text));
  });
  t.match(found, `netns:${lab.name}`);
  t.ok(performance.now() - started < 10_000, 'it ends');
});

const missing = (shell: string): string | false =>
  spawnSync(shell, ['-c', ''], { encoding: 'utf8' }).error !== undefined && `${shell} is not installed`;

/** What a shell's script prints. */
function shell(t: Test, name: string, script: string): string[] {
  const { env } = place(t);
  const { status, stdout, stderr } = spawnSync(name, ['-c', script], { env, encoding: 'utf8' });
  t.equal(stderr, '', name);
  t.equal(status, 0, name);
  return stdout.split('\n');
}

test('bash', { timeout: 60_000, skip: missing('bash') }, async (t) => {
  const complete = (line: string): string => `
    COMP_LINE='${line}' COMP_POINT=${line.length}
    _netloom; printf '%s,' "${'$'}{COMPREPLY[@]}"; echo`;
  const lines = [
    'netloom cni che',
    'netloom cni add bl',
    'netloom decode --protocol=g',
    'netloom decode /et',
  ];
  const said = shell(
    t,
    'bash',
    `set -e; source <(netloom completion bash); complete -p netloom; ${lines.map(complete).join('\n')}`,
  );
  t.same(said, ['complete -F _netloom netloom', 'check,', 'black,blue,', 'generic,', '/etc,', '']);
});

test('zsh', { timeout: 60_000, skip: missing('zsh') }, async (t) => {
  // what its completion system would do with them
  const said = shell(
    t,
    'zsh',
    `compdef() { print "compdef $*" }
    _files() { print "files $*" }
    _describe() { print -l -- "\${(P@)2}" }
    source <(netloom completion zsh)
    words=(netloom cni add bl); CURRENT=4; _netloom
    words=(netloom install --dir ''); CURRENT=4; _netloom
    words=(netloom cni che); CURRENT=3; _netloom`,
  );
  t.same(said, [
    'compdef _netloom netloom',
    'black:bridge, portmap',
    'blue:bridge, portmap',
    'files -/',
    'check:check that a namespace is attached as it was',
    '',
  ]);
});

test('fish', { timeout: 60_000, skip: missing('fish') }, async (t) => {
  const said = shell(
    t,
    'fish',
    `netloom completion fish | source
    complete -C 'netloom cni add bl'
    complete -C 'netloom completion '
    complete -C 'netloom decode /et'`,
  );
  t.same(said, ['black\tbridge, portmap', 'blue\tbridge, portmap', ...['bash', 'fish', 'zsh'], '/etc/', '']);
});
