#!/usr/bin/env node
/** npm run bench:peers: builds the rivals of the benchmarks that can be built here, and tells why others can't. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { execPath } from 'node:process';
import { installed, root, say, script } from './lib/steps.mjs';

const sources = join(root, 'bench/peers');
const build = join(sources, 'build');

/** Runs a build; returns why it failed, or undefined. */
function attempt(file, args, cwd, env = process.env) {
  const done = spawnSync(file, args, { cwd, env, encoding: 'utf8', maxBuffer: 1 << 26 });
  if (done.error !== undefined) return done.error.message;
  if (done.status === 0) return undefined;
  return `${file} ${args[0]} failed: ${(done.stderr || done.stdout).trim().split('\n').slice(-3).join(' / ')}`;
}

function needed(program, packages) {
  return installed(program)
    ? undefined
    : `${program} is not installed (Debian: sudo apt-get install -y ${packages})`;
}

const outcome = (title, command, skipped) =>
  skipped === undefined ? { title, command } : { title, skipped };

function c() {
  const program = join(build, 'native');
  const files = ['main.c', 'decode.c', 'encode.c', 'kernel.c', 'attach.c', 'launch.c'];
  const compile = (...more) =>
    attempt('gcc', ['-O3', '-o', program, ...files, ...more], join(sources, 'native'));
  const missing = needed('gcc', 'gcc libc6-dev');
  const withoutLibmnl = missing ?? compile('-DHAVE_LIBMNL', '-lmnl');
  const failed = missing ?? (withoutLibmnl === undefined ? undefined : compile());
  return {
    native: outcome('C, gcc -O3', [program], failed),
    libmnl: outcome(
      'C with libmnl',
      [program],
      failed ?? (withoutLibmnl && 'libmnl is not installed (Debian: sudo apt-get install -y libmnl-dev)'),
    ),
  };
}

function go() {
  const one = (name) => {
    const program = join(build, `go-${name}`);
    return outcome(
      `Go ${name}/netlink`,
      [program],
      needed('go', 'golang') ?? attempt('go', ['build', '-o', program, `./${name}`], join(sources, 'go')),
    );
  };
  return { vishvananda: one('vishvananda'), mdlayher: one('mdlayher') };
}

/** The newest of the reference's plugins that the Go module proxy has built here. */
const REFERENCE = 'v1.9.1';

function cni() {
  const module = 'github.com/containernetworking/plugins';
  const directory = join(build, `cni-${REFERENCE}`);
  const plugins = [
    ...['bridge', 'dummy', 'host-device', 'ipvlan', 'loopback', 'macvlan', 'ptp', 'tap', 'vlan'].map(
      (name) => `main/${name}`,
    ),
    ...['dhcp', 'host-local', 'static'].map((name) => `ipam/${name}`),
    ...['bandwidth', 'firewall', 'portmap', 'sbr', 'tuning', 'vrf'].map((name) => `meta/${name}`),
  ];
  const version = `-X ${module}/pkg/utils/buildversion.BuildVersion=${REFERENCE}`;
  const make = () =>
    plugins.every((path) => existsSync(join(directory, basename(path))))
      ? undefined
      : attempt(
          'go',
          [
            'install',
            '-trimpath',
            '-ldflags',
            `-s -w ${version}`,
            ...plugins.map((path) => `${module}/plugins/${path}@${REFERENCE}`),
          ],
          root,
          { ...process.env, GOBIN: directory, CGO_ENABLED: '0' },
        );
  return {
    cni: outcome(`containernetworking/plugins ${REFERENCE}`, [directory], needed('go', 'golang') ?? make()),
  };
}

function rust() {
  const crate = join(sources, 'packet-route');
  return {
    'packet-route': outcome(
      'Rust netlink-packet-route',
      [join(crate, 'target/release/packet-route')],
      needed('cargo', 'cargo') ?? attempt('cargo', ['build', '--release', '--quiet', '--locked'], crate),
    ),
  };
}

function python() {
  const environment = join(build, 'python');
  const interpreter = join(environment, 'bin/python');
  const make = () =>
    existsSync(interpreter) ? undefined : attempt('python3', ['-m', 'venv', environment], sources);
  const fill = () => attempt(interpreter, ['-m', 'pip', 'install', '--quiet', 'pyroute2==0.9.7'], sources);
  return {
    pyroute2: outcome(
      'Python pyroute2',
      [interpreter, join(sources, 'python/peer.py')],
      needed('python3', 'python3 python3-venv') ?? make() ?? fill(),
    ),
  };
}

function node() {
  const directory = join(build, 'node');
  mkdirSync(directory, { recursive: true });
  writeFileSync(
    join(directory, 'package.json'),
    `${JSON.stringify({ private: true, dependencies: { netlink: '0.3.0' } })}\n`,
  );
  return {
    'npm-netlink': outcome(
      'npm netlink 0.3.0',
      [execPath, join(sources, 'node/peer.cjs')],
      attempt('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund'], directory),
    ),
  };
}

await script(async () => {
  mkdirSync(build, { recursive: true });
  const peers = {};
  for (const [language, step] of Object.entries({
    C: c,
    Go: go,
    CNI: cni,
    Rust: rust,
    Python: python,
    Node: node,
  })) {
    say(`Building the rivals in ${language} …`);
    Object.assign(peers, step());
  }
  for (const { title, skipped } of Object.values(peers)) {
    say(skipped === undefined ? `  built    ${title}` : `  skipped  ${title}: ${skipped}`);
  }
  writeFileSync(join(build, 'peers.json'), `${JSON.stringify(peers, null, 2)}\n`);
});
