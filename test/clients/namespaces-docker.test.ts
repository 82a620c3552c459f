import { enter } from './support/enter.js';

enter('dockerd', 'docker', 'containerd', 'runc', 'busybox');

const { mkdtempSync, rmSync } = await import('node:fs');
const { join } = await import('node:path');
const { test } = await import('tap');
const { DockerEngine, image } = await import('./support/docker.js');
const { halt } = await import('./support/programs.js');
const { graphText, inventory, placesOf, readGraph, resolveSelectors } = await import(
  '../../host/inspect/index.js'
);

const directory = mkdtempSync('/tmp/nl-nsdocker-');
const docker = new DockerEngine(directory);

test('containers of Docker, by its API, its files, and its cgroups', { timeout: 120_000 }, async (t) => {
  await docker.start();
  await docker.importImage();
  const start = (name: string, ...options: string[]): Promise<string> =>
    docker.must('run', '-d', '--name', name, ...options, image, '/bin/sh', '-c', 'exec sleep 1000');
  const labels = ['project=shop', 'service=front'].flatMap((label) => [
    '--label',
    `com.docker.compose.${label}`,
  ]);
  const id = (await start('web', ...labels, '-p', '127.0.0.1:8083:80')).trim();
  await start('side', '--network', 'container:web');
  await start('hosty', '--network', 'host');
  const inode = await docker.must('exec', 'web', 'readlink', '/proc/self/ns/net');

  const all = await inventory();
  t.same(all.problems, []);
  const web = all.namespaces.find((one) => one.names[0] === 'docker:web');
  t.equal(`net:[${web?.id.inode}]`, inode.trim());
  t.match(web?.names.slice(0, 3), ['docker:web', 'docker:side', 'compose:shop/front']);
  t.match(web?.owner, { kind: 'container', engine: 'docker', container: id });
  t.ok(
    web?.references.some(({ path }) => path.startsWith('/run/docker/netns/')),
    'its sandbox',
  );
  t.match(all.namespaces[0]?.names, ['host', 'docker:hosty']);

  const graph = await readGraph();
  t.match(graphText(graph), /127\.0\.0\.1:8083\/tcp → docker:web 172\.17\.0\.\d+:80/);
  t.match(graphText(graph), /docker0 {2}bridge .*\n[├│└─ ]+veth\w+ {2}veth {2}↔ docker:web eth0/);

  // the daemon hangs: its files tell the same
  await halt(docker.service.child.pid as number);
  const places = { ...placesOf(), dockerState: join(directory, 'root/containers') };
  const began = performance.now();
  const hung = await inventory({ places });
  t.ok(performance.now() - began < 20_000, 'it is not waited for');
  t.match(hung.problems, [{ source: 'docker', message: /no answer within 1000 ms/ }]);
  t.same(hung.namespaces.find((one) => one.id.inode === web?.id.inode)?.names.slice(0, 1), ['docker:web']);
  // nor they: then the cgroup tells the container
  const bare = await inventory({
    places: { ...places, docker: '/nowhere', dockerState: '/nowhere', containerd: [] },
  });
  t.ok(
    bare.namespaces
      .find((one) => one.id.inode === web?.id.inode)
      ?.names.includes(`docker:${id.slice(0, 12)}`),
  );
  docker.service.child.kill('SIGCONT');

  const [byId] = await resolveSelectors([`docker:${id.slice(0, 8)}`]);
  t.equal(byId?.id.inode, web?.id.inode);
  await docker.must('rm', '-f', 'web', 'side', 'hosty');
  await t.rejects(resolveSelectors(['docker:web']), { code: 'ERR_NAMESPACE_NOT_FOUND' });
});

test('the end', async (t) => {
  await docker.end();
  rmSync(directory, { recursive: true, force: true });
  t.pass();
});
