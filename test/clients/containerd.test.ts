import { setTimeout as sleep } from 'node:timers/promises';
import { enter } from './support/enter.js';

enter('containerd', 'ctr', 'runc', 'busybox');

const { mkdtempSync, readdirSync, rmdirSync, rmSync } = await import('node:fs');
const { connect } = await import('node:net');
const { join } = await import('node:path');
const { test } = await import('tap');
const { makeImage, makeRoot } = await import('./support/image.js');
const { greeter, has, measuring, provide } = await import('./support/network.js');
const { must, run, Service } = await import('./support/programs.js');
const { containerdConfig, containerdSocket } = await import('./support/engines.js');
const { connectCri } = await import('./support/cri.js');

const directory = mkdtempSync('/tmp/nl-containerd-');
const socket = containerdSocket;
const client = ['-a', socket, '-n', 'netloom'];
const image = 'localhost/busybox:test';

provide('/etc/cni/net.d', 'ctd', '10.66.0');
const containerd = new Service('containerd', ['-c', containerdConfig(directory)]);

/** Connects, and reads all that comes. The pod's server answers one caller and begins anew: in between nobody listens. */
async function fetchFrom(host: string, port: number): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    const text = await fetchOnce(host, port);
    if (!text.includes('ECONNREFUSED') || attempt === 50) return text;
    await sleep(100);
  }
}

function fetchOnce(host: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const caller = connect({ host, port, timeout: 5000 }, () => caller.end());
    caller.on('data', (chunk) => {
      text += chunk;
    });
    caller.on('timeout', () => caller.destroy());
    caller.on('error', (error) => resolve(error.message));
    caller.on('close', () => resolve(text));
  });
}

test('ctr run --cni', { timeout: 100_000 }, async (t) => {
  await containerd.ready(async () => (await run('ctr', [...client, 'version'])).status === 0);
  const archive = makeImage(makeRoot(directory), directory, image, ['/bin/sh']);
  await must('ctr', [...client, 'image', 'import', '--snapshotter', 'native', archive]);
  const port = await greeter(t);
  const start = (name: string, script: string): ReturnType<typeof run> =>
    run('ctr', [
      ...client,
      ...['run', '--rm', '--cni', '--snapshotter', 'native', image, name],
      ...['/bin/sh', '-c', script],
    ]);
  const [first, second] = await Promise.all(
    ['one', 'two'].map((name) => start(name, measuring('10.66.0.1', port))),
  );
  for (const done of [first, second]) {
    t.equal(done?.status, 7, `the container’s status: ${done?.stderr}`);
    const [, address = ''] = /inet (10\.66\.0\.\d+)\/24/.exec(done?.stdout ?? '') ?? [];
    t.match(done?.stdout, /ping works/);
    t.match(done?.stdout, `hello ${address}\n`, 'TCP, with its own address');
    if (has('tuning')) t.match(done?.stdout, /somaxconn 500/);
  }
  t.not(first?.stdout, second?.stdout);
  t.same(
    readdirSync('/var/lib/cni/networks/ctd').filter((name) => /^10\./.test(name)),
    [],
    'no lease stays',
  );
  t.notMatch(await must('ip', ['-br', 'link']), /veth/);
});

test('pods of Kubernetes’ CRI', { timeout: 100_000 }, async (t) => {
  const archive = makeImage(join(directory, 'root.tar'), directory, 'localhost/pause:test', [
    ...['/bin/sh', '-c', 'while true; do nc -l -p 80 -e /bin/echo pod speaks; done'],
  ]);
  await must('ctr', ['-a', socket, '-n', 'k8s.io', 'image', 'import', '--snapshotter', 'native', archive]);
  const cri = await connectCri(`unix://${socket}`);
  t.teardown(() => cri.close());
  const condition = (await cri.call('Status', {})) as {
    status: { conditions: { type: string; status: boolean }[] };
  };
  t.ok(condition.status.conditions.find(({ type }) => type === 'NetworkReady')?.status, 'NetworkReady');
  const pod = await cri.call('RunPodSandbox', {
    config: {
      metadata: { name: 'pod', uid: 'uid', namespace: 'default', attempt: 0 },
      hostname: 'pod',
      log_directory: directory,
      port_mappings: [{ protocol: 'TCP', container_port: 80, host_port: 8080 }],
      annotations: { 'kubernetes.io/ingress-bandwidth': '10M' },
      linux: { cgroup_parent: '' },
    },
  });
  const { status, info } = (await cri.call('PodSandboxStatus', { ...pod, verbose: true })) as {
    status: { network: { ip: string } };
    info: { info: string };
  };
  const { ip } = status.network;
  t.match(ip, /^10\.66\.0\.\d+$/);
  const { pid } = JSON.parse(info.info) as { pid: number };
  const port = await greeter(t);
  const measured = await run('nsenter', [
    '-t',
    String(pid),
    '-n',
    '/bin/busybox',
    'sh',
    '-c',
    measuring('10.66.0.1', port),
  ]);
  t.match(measured.stdout, /ping works/, measured.stderr);
  t.match(measured.stdout, `hello ${ip}\n`);
  t.equal(await fetchFrom(ip, 80), 'pod speaks\n', 'from the host to the pod');
  if (has('portmap')) t.equal(await fetchFrom('10.66.0.1', 8080), 'pod speaks\n', 'by its port on the host');
  if (has('bandwidth')) t.match(await must('tc', ['qdisc']), /tbf .*rate 10Mbit/);
  await cri.call('StopPodSandbox', pod);
  await cri.call('RemovePodSandbox', pod);
  t.notMatch(await must('ip', ['-br', 'link']), /veth/);
  t.same(
    readdirSync('/var/lib/cni/networks/ctd').filter((name) => /^10\./.test(name)),
    [],
  );
  t.notMatch(await must('nft', ['list', 'ruleset']), new RegExp(ip.replaceAll('.', '\\.')));
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
