import { enter } from './support/enter.js';

enter('containerd', 'ctr', 'runc', 'busybox');

const { mkdtempSync, readdirSync, rmdirSync, rmSync } = await import('node:fs');
const { join } = await import('node:path');
const { test } = await import('tap');
const { makeImage, makeRoot } = await import('./support/image.js');
const { provide } = await import('./support/network.js');
const { must, run, Service } = await import('./support/programs.js');
const { containerdConfig, containerdSocket } = await import('./support/engines.js');
const { connectCri } = await import('./support/cri.js');
const { inventory, placesOf, resolveSelectors } = await import('../../host/inspect/index.js');

const directory = mkdtempSync('/tmp/nl-nscontainerd-');
const socket = containerdSocket;
const client = ['-a', socket, '-n', 'netloom'];

provide('/etc/cni/net.d', 'ctd', '10.68.0');
const containerd = new Service('containerd', ['-c', containerdConfig(directory)]);

test('a pod, and a container of ctr', { timeout: 100_000 }, async (t) => {
  await containerd.ready(async () => (await run('ctr', [...client, 'version'])).status === 0);
  const script = ['/bin/sh', '-c', 'exec sleep 1000'];
  const archive = makeImage(makeRoot(directory), directory, 'localhost/pause:test', script);
  for (const namespace of ['netloom', 'k8s.io'])
    await must('ctr', ['-a', socket, '-n', namespace, 'image', 'import', '--snapshotter', 'native', archive]);
  await must('ctr', [
    ...[...client, 'run', '-d', '--cni', '--snapshotter', 'native'],
    ...['localhost/pause:test', 'app-1', ...script],
  ]);
  const cri = await connectCri(`unix://${socket}`);
  t.teardown(() => cri.close());
  const pod = (await cri.call('RunPodSandbox', {
    config: {
      metadata: { name: 'nginx', uid: 'uid', namespace: 'shop', attempt: 0 },
      hostname: 'nginx',
      log_directory: directory,
      linux: { cgroup_parent: '' },
    },
  })) as { pod_sandbox_id: string };
  const { info } = (await cri.call('PodSandboxStatus', { ...pod, verbose: true })) as {
    info: { info: string };
  };
  const { pid } = JSON.parse(info.info) as { pid: number };

  const [byPod] = await resolveSelectors(['pod:shop/nginx']);
  const [byPid] = await resolveSelectors([`pid:${pid}`]);
  t.equal(byPod?.id.inode, byPid?.id.inode);
  t.match(byPod?.owner, {
    kind: 'pod',
    engine: 'containerd',
    container: pod.pod_sandbox_id,
    name: 'shop/nginx',
  });
  t.match(byPod?.names, ['pod:shop/nginx', `containerd:${pod.pod_sandbox_id.slice(0, 12)}`, /^netns:cni-/]);
  const [plain] = await resolveSelectors(['containerd:app-1']);
  t.match(plain?.owner, { kind: 'container', engine: 'containerd', name: 'app-1' });

  // without containerd's files, CNI's cache knows the pod
  const places = { ...placesOf(), containerd: [] };
  const cached = (await inventory({ places })).namespaces.find(({ id }) => id.inode === byPod?.id.inode);
  t.match(cached?.names, ['pod:shop/nginx', /^(containerd|cni):/]);

  await cri.call('StopPodSandbox', pod);
  await cri.call('RemovePodSandbox', pod);
  await run('ctr', [...client, 'task', 'kill', '-s', '9', 'app-1']);
  await t.rejects(resolveSelectors(['pod:shop/nginx']), { code: 'ERR_NAMESPACE_NOT_FOUND' });
});

test('the end', async (t) => {
  await containerd.stop();
  rmSync(directory, { recursive: true, force: true });
  // what the runtime leaves of its own
  for (const controller of readdirSync('/sys/fs/cgroup')) {
    for (const name of ['netloom', 'k8s.io']) {
      try {
        rmdirSync(join('/sys/fs/cgroup', controller, name));
      } catch {
        // none there, or not empty
      }
    }
  }
  t.pass();
});
