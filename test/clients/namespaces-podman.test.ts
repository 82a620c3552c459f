import { enter } from './support/enter.js';

enter('podman', 'runc', 'conmon', 'busybox');

const { mkdirSync, mkdtempSync, rmdirSync, rmSync, readdirSync } = await import('node:fs');
const { join } = await import('node:path');
const { fileURLToPath } = await import('node:url');
const { test } = await import('tap');
const { makeRoot } = await import('./support/image.js');
const { pluginDirectory, provide } = await import('./support/network.js');
const { podmanConfig } = await import('./support/engines.js');
const { must, run, Service } = await import('./support/programs.js');
const { inventory, readGraph, resolveSelectors } = await import('../../host/inspect/index.js');

const directory = mkdtempSync('/tmp/nl-nspodman-');
const networks = join(directory, 'networks');
mkdirSync(networks);
makeRoot(directory);
provide(networks, 'pnet', '10.78.0', '0.4.0');
Object.assign(process.env, podmanConfig(directory, { networks, plugins: pluginDirectory }));
const podman = (...args: string[]): ReturnType<typeof run> => run('podman', args);
const root = join(directory, 'root');
const netloom = fileURLToPath(new URL('../../host/cli/main.js', import.meta.url));

test('a container of podman is found by its name, with its API and without', {
  timeout: 100_000,
}, async (t) => {
  const started = await podman(
    ...[
      'run',
      '-d',
      '--network',
      'pnet',
      '--ip',
      '10.78.0.60',
      '-p',
      '127.0.0.1:8082:80',
      '--name',
      'nl-web',
    ],
    ...['--rootfs', root, '/bin/sh', '-c', 'exec sleep 1000'],
  );
  t.equal(started.status, 0, started.stderr);
  const inode = await must('podman', ['exec', 'nl-web', 'readlink', '/proc/self/ns/net']);
  const [offline] = await resolveSelectors(['podman:nl-web']);
  t.equal(`net:[${offline?.id.inode}]`, inode.trim());
  t.match(offline?.names, [/^podman:nl-web$/, /^netns:netns-/]);
  t.match(offline?.owner, { kind: 'container', engine: 'podman', container: started.stdout.trim() });

  mkdirSync('/run/podman', { recursive: true });
  const service = new Service('podman', ['system', 'service', '-t', '0', 'unix:///run/podman/podman.sock']);
  await service.ready(
    async () => (await podman('--url', 'unix:///run/podman/podman.sock', 'version')).status === 0,
  );
  const all = await inventory();
  t.same(all.problems, []);
  t.match(
    all.namespaces.find(({ names }) => names[0] === 'podman:nl-web'),
    { id: { inode: offline?.id.inode } },
  );
  await service.stop();

  const listed = await run(process.execPath, [netloom, 'ns', 'ls', 'podman:nl']);
  t.match(listed.stdout, /podman nl-web .* eth0 +10\.78\.0\.60\/24/, listed.stderr);
  const inside = await run(process.execPath, [
    netloom,
    'ns',
    'exec',
    'nl-web',
    '--',
    'ip',
    '-o',
    '-4',
    'addr',
  ]);
  t.match(inside.stdout, /10\.78\.0\.60\/24/, inside.stderr);
  const { edges, published, namespaces } = await readGraph();
  const own = namespaces.find(({ name }) => name === 'podman:nl-web');
  const eth0 = own?.interfaces.find(({ name }) => name === 'eth0')?.id;
  t.ok(edges.some(({ kind, from, to }) => kind === 'veth' && [from, to].includes(eth0 as string)));
  t.match(published, [
    { hostAddress: '127.0.0.1', hostPort: 8082, port: 80, address: '10.78.0.60', to: eth0 },
  ]);
  const stopped = await podman('rm', '-f', '-t', '0', 'nl-web');
  t.equal(stopped.status, 0, stopped.stderr);
  await t.rejects(resolveSelectors(['podman:nl-web']), { code: 'ERR_NAMESPACE_NOT_FOUND' });
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
