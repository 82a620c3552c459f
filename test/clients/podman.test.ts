import { enter } from './support/enter.js';

enter('podman', 'runc', 'conmon', 'busybox');

const { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } =
  await import('node:fs');
const { join } = await import('node:path');
const { test } = await import('tap');
const { makeRoot } = await import('./support/image.js');
const { greeter, has, measuring, pluginDirectory, provide } = await import('./support/network.js');
const { podmanConfig } = await import('./support/engines.js');
const { must, run } = await import('./support/programs.js');

const directory = mkdtempSync('/tmp/nl-podman-');
const networks = join(directory, 'networks');
const wrappers = join(directory, 'bin');
const calls = join(directory, 'calls');
mkdirSync(networks);
mkdirSync(wrappers);
makeRoot(directory);
// podman knows networks up to 0.4.0
provide(networks, 'pnet', '10.77.0', '0.4.0');
for (const type of readdirSync(pluginDirectory)) {
  const file = join(wrappers, type);
  writeFileSync(
    file,
    `#!/bin/sh\necho "${type} $CNI_COMMAND" >> ${calls}\nexec ${join(pluginDirectory, type)}\n`,
  );
  chmodSync(file, 0o755);
}
const env = podmanConfig(directory, { networks, plugins: wrappers });
const podman = (...args: string[]): ReturnType<typeof run> => run('podman', args, { env });
const root = join(directory, 'root');

test('podman run on a network of CNI', { timeout: 100_000 }, async (t) => {
  const backend = await podman('info', '--format', '{{.Host.NetworkBackend}}');
  t.match(backend.stdout, /^cni/, backend.stderr);
  const port = await greeter(t);
  const script = measuring('10.77.0.1', port);
  const ports = has('portmap') ? ['-p', '127.0.0.1:8081:80'] : [];
  const plain = await podman(
    'run',
    '--rm',
    '--network',
    'pnet',
    ...ports,
    '--rootfs',
    root,
    '/bin/sh',
    '-c',
    script,
  );
  t.equal(plain.status, 7, plain.stderr);
  const [, address = ''] = /inet (10\.77\.0\.\d+)\/24/.exec(plain.stdout) ?? [];
  t.match(plain.stdout, /ping works/);
  t.match(plain.stdout, `hello ${address}\n`);
  if (has('tuning')) t.match(plain.stdout, /somaxconn 500/);

  const chosen = await podman(
    ...['run', '--rm', '--network', 'pnet', '--ip', '10.77.0.50', '--mac-address', '02:11:22:33:44:55'],
    ...['--rootfs', root, '/bin/sh', '-c', `ip link show eth0; ${script}`],
  );
  t.equal(chosen.status, 7, chosen.stderr);
  t.match(chosen.stdout, /02:11:22:33:44:55/);
  t.match(chosen.stdout, 'hello 10.77.0.50\n');
  const called = readFileSync(calls, 'utf8');
  for (const command of ['VERSION', 'ADD', 'DEL']) t.match(called, `bridge ${command}\n`);
});

test('containers that reach each other, and leave nothing', { timeout: 100_000 }, async (t) => {
  const started = await podman(
    ...['run', '-d', '--rm', '--network', 'pnet', '--ip', '10.77.0.60', '--name', 'server', '--rootfs', root],
    ...['/bin/sh', '-c', 'while true; do nc -l -p 80 -e /bin/echo server speaks; done'],
  );
  t.equal(started.status, 0, started.stderr);
  const script = 'for i in 1 2 3 4 5; do nc -w 3 10.77.0.60 80 < /dev/null && break; sleep 0.5; done';
  const asked = await podman('run', '--rm', '--network', 'pnet', '--rootfs', root, '/bin/sh', '-c', script);
  t.equal(asked.stdout, 'server speaks\n', asked.stderr);
  const stopped = await podman('stop', '-t', '0', 'server');
  t.equal(stopped.status, 0, stopped.stderr);
  t.same(
    readdirSync('/var/lib/cni/networks/pnet').filter((name) => /^10\./.test(name)),
    [],
  );
  t.notMatch(await must('ip', ['-br', 'link']), /veth/);
  t.notMatch(await must('nft', ['list', 'ruleset']), /10\.77\.0\.\d/);
});

test('the end', async (t) => {
  await podman('network', 'rm', '-f', 'pnet');
  rmSync(directory, { recursive: true, force: true });
  for (const controller of readdirSync('/sys/fs/cgroup')) {
    for (const name of ['libpod_parent/conmon', 'libpod_parent', 'conmon']) {
      try {
        rmdirSync(join('/sys/fs/cgroup', controller, name));
      } catch {
        // none there, or not empty
      }
    }
  }
  t.pass();
});
