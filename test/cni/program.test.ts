import { spawn, spawnSync } from 'node:child_process';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { toVariables } from '../../host/cni/arguments.js';
import { program, temporaryDirectory } from '../plugins/ipam/support/leases.js';
import { environment, hasReference, referencePath, runProgram } from './support/reference.js';

const node = process.execPath;
const config = (dataDir: string, changes: object = {}): string =>
  JSON.stringify({
    cniVersion: '0.4.0',
    name: 'net',
    type: 'host-local',
    ipam: { type: 'host-local', subnet: '10.1.2.0/24', dataDir },
    ...changes,
  });

t.test('without a command: what it is, on stderr', async (t) => {
  const { status, stdout, stderr } = runProgram(node, environment({ command: '' }), '', [program]);
  t.equal(status, 0);
  t.equal(stdout, '');
  t.equal(
    stderr,
    'CNI host-local plugin test\nCNI protocol versions supported: 0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0\n',
  );
});

t.test('VERSION does not wait for stdin', async (t) => {
  const child = spawn(node, [program], {
    env: toVariables(environment({ command: 'VERSION' })),
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.teardown(() => child.kill());
  const status = await new Promise((resolve) => child.once('exit', resolve)); // stdin is still open
  t.equal(status, 0);
});

t.test('the bytes of the reference', { skip: !hasReference }, async (t) => {
  const [mine, other] = [temporaryDirectory(t), temporaryDirectory(t)];
  for (const command of ['ADD', 'CHECK', 'DEL']) {
    const ours = runProgram(node, environment({ command }), config(mine), [program]);
    const theirs = runProgram(`${referencePath}/host-local`, environment({ command }), config(other));
    t.same({ ...ours }, { ...theirs }, command);
  }
  const bad = environment({ ifname: 'a/b' });
  const ours = runProgram(node, bad, config(mine), [program]);
  const theirs = runProgram(`${referencePath}/host-local`, bad, config(other));
  t.equal(ours.status, theirs.status);
  t.equal(ours.stderr, theirs.stderr);
  // the specification wants the version in errors, which the reference leaves out
  t.equal(ours.stdout.replace('    "cniVersion": "1.1.0",\n', ''), theirs.stdout);
});

t.test('stdin of every kind', async (t) => {
  const directory = temporaryDirectory(t);
  const big = config(directory, { comment: 'ü'.repeat(300_000) });
  const file = join(directory, 'config.json');
  writeFileSync(file, big);
  const env = toVariables(environment({ command: 'DEL' }));
  const fromFile = openSync(file, 'r');
  t.equal(spawnSync(node, [program], { env, stdio: [fromFile, 'pipe', 'inherit'] }).status, 0, 'a file');
  closeSync(fromFile);
  t.equal(spawnSync(node, [program], { env, input: big }).status, 0, 'a socket');
  const shell = spawnSync('sh', ['-c', `cat ${file} | ${node} ${program}`], {
    env: { ...env, PATH: process.env.PATH },
  });
  t.equal(shell.status, 0, 'a pipe');
  // a writer that takes its time, on a socket that does not block
  const slow = spawn(node, [program], { env, stdio: ['pipe', 'inherit', 'inherit'] });
  const ended = new Promise((resolve) => slow.once('exit', resolve));
  for (let at = 0; at < big.length; at += 200_000) {
    slow.stdin.write(big.slice(at, at + 200_000));
    await new Promise((resolve) => setTimeout(resolve, 60));
  }
  slow.stdin.end();
  t.equal(await ended, 0, 'a slow writer');
  const closed = spawnSync('sh', ['-c', `exec ${node} ${program} <&-`], {
    env: { ...env, PATH: process.env.PATH },
    encoding: 'utf8',
  });
  t.equal(closed.status, 1, 'none at all');
  t.match(closed.stdout, /"code": [56]/);
});
