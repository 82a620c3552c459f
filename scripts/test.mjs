#!/usr/bin/env node
/**
 * npm test: installs and builds what is missing, then runs every test, or those named on the command line
 * (`npm test test/network/network.test.ts`). The last line is `N passed, N failed`.
 */
import { spawn } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { argv, execPath } from 'node:process';
import { Failure, installed, root, run, say, script } from './lib/steps.mjs';
import { privileged } from './lib/unprivileged.mjs';

/** Debian's packages of the programs that tests judge by. */
const packages = {
  ip: 'iproute2',
  nft: 'nftables',
  iptables: 'iptables',
  ping: 'iputils-ping',
  strace: 'strace',
  tcpdump: 'tcpdump',
  conntrack: 'conntrack',
  ethtool: 'ethtool',
  firewalld: 'firewalld',
  'dbus-daemon': 'dbus',
  gcc: 'gcc libc6-dev',
  '/usr/lib/cni/bridge': 'containernetworking-plugins',
};

const JOBS = 2;
/** ms that a file of tests may take. */
const TIMEOUT = 240_000;

function present(program) {
  if (program.startsWith('/')) return statSync(program, { throwIfNoEntry: false }) !== undefined;
  return (
    installed(program) ||
    ['/usr/sbin', '/sbin'].some((directory) => statSync(join(directory, program), { throwIfNoEntry: false }))
  );
}

function files(directory) {
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.test.js'))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

function chosen(names) {
  const all = files(join(root, 'dist/test'));
  if (names.length === 0) return all;
  const wanted = names.map((name) =>
    join(root, 'dist', relative(root, resolve(name)).replace(/\.ts$/, '.js')),
  );
  const found = all.filter((file) => wanted.some((one) => file === one || file.startsWith(`${one}/`)));
  if (found.length === 0) throw new Failure(`no tests in ${names.join(', ')}`);
  return found;
}

/** Runs one file; counts the assertions of its TAP, and shows it when something failed. */
function test(file) {
  return new Promise((done) => {
    const child = spawn(execPath, ['--enable-source-maps', file], {
      cwd: root,
      env: { ...process.env, TAP_TIMEOUT: '0' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let out = '';
    const timer = setTimeout(() => {
      out += `\n# no end after ${TIMEOUT / 1000} s\n`;
      child.kill('SIGKILL');
    }, TIMEOUT);
    const started = performance.now();
    child.stdout.on('data', (chunk) => {
      out += chunk;
    });
    child.stderr.on('data', (chunk) => {
      out += chunk;
    });
    child.on('close', (status) => {
      clearTimeout(timer);
      // subtests are indented; only their leaves are assertions
      const passed = (out.match(/^\s{4,}ok /gm) ?? []).length;
      let failed = (out.match(/^\s{4,}not ok (?!.*# (?:TODO|SKIP))/gm) ?? []).length;
      if (status !== 0 && failed === 0) failed = 1;
      if (passed === 0 && failed === 0) failed = 1;
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      const name = relative(join(root, 'dist'), file).replace(/\.js$/, '.ts');
      process.stdout.write(
        `${failed === 0 ? 'ok  ' : 'FAIL'} ${name}: ${passed} passed${failed === 0 ? '' : `, ${failed} failed`} (${seconds} s)\n`,
      );
      if (failed > 0) process.stdout.write(`${out}\n`);
      done({ passed, failed });
    });
  });
}

await script(async () => {
  run(execPath, ['scripts/build.mjs'], { show: true });
  if (!privileged('Testing')) return;
  const missing = Object.entries(packages).filter(([program]) => !present(program));
  if (missing.length > 0) {
    throw new Failure(
      `Tests judge by programs that are not here (${missing.map(([program]) => program).join(', ')}). On Debian or Ubuntu: sudo apt-get install -y ${missing.map(([, name]) => name).join(' ')}`,
    );
  }
  const queue = chosen(argv.slice(2));
  const total = { passed: 0, failed: 0 };
  const worker = async () => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
      const { passed, failed } = await test(file);
      total.passed += passed;
      total.failed += failed;
    }
  };
  await Promise.all(Array.from({ length: JOBS }, worker));
  say('');
  process.stdout.write(`${total.passed} passed, ${total.failed} failed\n`);
  process.exitCode = total.failed === 0 ? 0 : 1;
});
