#!/usr/bin/env node
/**
 * npm test: installs and builds what is missing, then runs every test, or those named on the command line
 * (`npm test test/network/network.test.ts`). Tests with other people's software are left out unless they are named:
 * npm run test:clients. The last line is `N passed, N failed`.
 */
import { readdirSync, statSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { argv, execPath } from 'node:process';
import { findKernel, kernelName, needsKernel, onKernel } from './lib/kernel.mjs';
import { Failure, installed, root, run, say, script } from './lib/steps.mjs';
import { runTests } from './lib/tap.mjs';
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
/** ms that a file of tests may take; programs start many times slower on the fuller kernel. */
const TIMEOUT = 300_000;
const KERNEL_TIMEOUT = 900_000;

function present(program) {
  if (program.startsWith('/')) return statSync(program, { throwIfNoEntry: false }) !== undefined;
  return (
    installed(program) ||
    ['/usr/sbin', '/sbin'].some((directory) => statSync(join(directory, program), { throwIfNoEntry: false }))
  );
}

/** The sources of tests, so that what is left in dist of one that is gone is not run. */
function sources() {
  return readdirSync(join(root, 'test'), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.test.ts'))
    .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)))
    .sort();
}

/** Tests that start runtimes and DHCP servers, which few machines have: npm run test:clients. */
const isClient = (file) => file.startsWith('test/clients/');

/** The tests in files and folders, which may be named as sources or as compiled; all but those of clients when none is. */
function chosen(names) {
  const all = sources();
  const found = names.map((name) => {
    const path = relative(root, resolve(name))
      .replace(/^dist\//, '')
      .replace(/\.js$/, '.ts');
    const here = all.filter((file) => file === path || file.startsWith(`${path}/`));
    if (here.length === 0) throw new Failure(`no tests in ${name}`);
    return here;
  });
  return names.length === 0 ? all.filter((file) => !isClient(file)) : [...new Set(found.flat())];
}

/** Runs one file, tells how it went, and shows all that it said when something failed. */
async function test(file, kernel) {
  const { passed, failed, skipped, output, seconds } = await runTests(
    join(root, 'dist', file.replace(/\.ts$/, '.js')),
    kernel === undefined ? TIMEOUT : KERNEL_TIMEOUT,
    kernel === undefined ? undefined : (command) => onKernel(kernel, command, KERNEL_TIMEOUT / 1000),
  );
  const counts = [`${passed} passed`];
  if (failed > 0) counts.push(`${failed} failed`);
  if (skipped.length > 0) counts.push(`${skipped.length} skipped`);
  const lines = [
    `${failed === 0 ? 'ok  ' : 'FAIL'} ${file}: ${counts.join(', ')} (${seconds.toFixed(1)} s${kernel === undefined ? '' : ', on the fuller kernel'})`,
  ];
  for (const name of skipped) lines.push(`     skipped: ${name}`);
  if (failed > 0) lines.push(output);
  process.stdout.write(`${lines.join('\n')}\n`);
  return { passed, failed };
}

await script(async () => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1));
  run(execPath, ['scripts/build.mjs'], { show: true });
  if (!privileged('Testing')) return;
  const missing = Object.entries(packages).filter(([program]) => !present(program));
  if (missing.length > 0) {
    throw new Failure(
      `Tests judge by programs that are not here (${missing.map(([program]) => program).join(', ')}). On Debian or Ubuntu: sudo apt-get install -y ${missing.map(([, name]) => name).join(' ')}`,
    );
  }
  const queue = chosen(argv.slice(2));
  const kernel = queue.some(needsKernel) ? findKernel() : undefined;
  say(
    `Testing on ${kernelName()}${kernel === undefined ? '' : `; test/kernel/suites on ${kernelName(kernel)}`}.`,
  );
  const total = { passed: 0, failed: 0 };
  const worker = async () => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
      const { passed, failed } = await test(file, needsKernel(file) ? kernel : undefined);
      total.passed += passed;
      total.failed += failed;
    }
  };
  await Promise.all(Array.from({ length: JOBS }, worker));
  say('');
  process.stdout.write(`${total.passed} passed, ${total.failed} failed\n`);
  process.exitCode = total.failed === 0 ? 0 : 1;
});
