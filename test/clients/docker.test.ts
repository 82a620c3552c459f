import { enter } from './support/enter.js';

// Docker's own client: another one, first in PATH, may speak no version that this daemon knows
enter('docker', 'dockerd', 'busybox', 'runc');

const { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmdirSync, rmSync } = await import('node:fs');
const { join } = await import('node:path');
const { fileURLToPath } = await import('node:url');
const { test } = await import('tap');
const { makeRoot } = await import('./support/image.js');
const { provide } = await import('./support/network.js');
const { must, run, Service } = await import('./support/programs.js');

const directory = mkdtempSync('/tmp/nl-docker-');
const state = join(directory, 'state');
const program = fileURLToPath(new URL('../../host/cli/main.js', import.meta.url));
const api = '/run/docker.sock';
const docker = (...args: string[]): ReturnType<typeof run> =>
  run('/usr/bin/docker', ['-H', `unix://${api}`, ...args]);
const mustDocker = (...args: string[]): Promise<string> =>
  must('/usr/bin/docker', ['-H', `unix://${api}`, ...args]);

mkdirSync('/run/docker/plugins', { recursive: true });

async function startDriver(): Promise<InstanceType<typeof Service>> {
  const driver = new Service(process.execPath, [
    program,
    'docker',
    '--state-dir',
    state,
    '--docker-socket',
    api,
  ]);
  await driver.ready(() => driver.log.includes('listening on'));
  return driver;
}

async function startDocker(): Promise<InstanceType<typeof Service>> {
  rmSync('/run/dockerd.pid', { force: true });
  const daemon = new Service('dockerd', [
    ...['--data-root', join(directory, 'root'), '--exec-root', '/run/docker-exec'],
    ...['--pidfile', '/run/dockerd.pid', '-H', `unix://${api}`, '--storage-driver', 'vfs'],
  ]);
  await daemon.ready(async () => (await docker('version')).status === 0);
  return daemon;
}

async function kill({ child }: InstanceType<typeof Service>): Promise<void> {
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
}

/** What must not be there when all networks are removed. */
async function leftovers(): Promise<string[]> {
  const links = JSON.parse(await must('ip', ['-j', 'link'])) as { ifname: string }[];
  const rules = await must('nft', ['list', 'ruleset']);
  return [
    ...links.map(({ ifname }) => ifname).filter((name) => !['lo', 'docker0'].includes(name)),
    ...(rules.match(/netloom\S*/gi) ?? []),
    ...['networks', 'endpoints', 'pools', 'leases'].flatMap((name) => readdirSync(join(state, name))),
  ];
}

let driver = await startDriver();
let daemon = await startDocker();
await mustDocker('import', '-c', 'CMD ["/bin/sh"]', makeRoot(directory), 'busybox:test');
const create = (name: string, ...options: string[]): Promise<string> =>
  mustDocker('network', 'create', '-d', 'netloom', '--ipam-driver', 'netloom', ...options, name);
const once = (network: string, script: string, ...options: string[]): ReturnType<typeof run> =>
  docker('run', '--rm', '--network', network, ...options, 'busybox:test', '/bin/sh', '-c', script);
const web = (name: string, network: string, ...options: string[]): Promise<string> =>
  mustDocker(
    ...['run', '-d', '--name', name, '--network', network, ...options, 'busybox:test'],
    ...['/bin/sh', '-c', 'while true; do nc -l -p 80 -e /bin/echo web; done'],
  );
const visit = async (host: string, port: number): Promise<string> =>
  (await run('timeout', ['3', 'busybox', 'nc', '-w', '3', host, String(port)])).stdout.trim();

test('networks, containers, ports', { timeout: 100_000 }, async (t) => {
  await create('one', '--subnet', '10.44.0.0/24', '--label', 'of=test');
  t.match(await mustDocker('network', 'inspect', 'one'), /"of": "test"/);
  await web('web1', 'one', '-p', '8080:80', '-p', '5353:53/udp', '--restart', 'always');
  t.match(JSON.parse(await mustDocker('inspect', 'web1'))[0].NetworkSettings.Networks.one, {
    IPAddress: '10.44.0.2',
    IPPrefixLen: 24,
    Gateway: '10.44.0.1',
  });
  for (const host of ['127.0.0.1', '10.44.0.1', '::1']) t.equal(await visit(host, 8080), 'web', host);
  const seen = await once('one', 'ip -o -4 addr show eth0; ip route; nc -w 3 web1 80');
  t.match(seen.stdout, /inet 10\.44\.0\.3\/24/);
  t.match(seen.stdout, /default via 10\.44\.0\.1/);
  t.match(seen.stdout, /web\n/, 'by its name');
  const fixed = await once(
    'one',
    'ip addr show eth0',
    '--ip',
    '10.44.0.77',
    '--mac-address',
    '02:00:00:aa:bb:cc',
  );
  t.match(fixed.stdout, /02:00:00:aa:bb:cc[\s\S]*10\.44\.0\.77\/24/);
  t.match((await once('one', 'true', '-p', '8080:80')).stderr, /port is already allocated/);
  await create('two');
  t.equal((await once('two', 'nc -w 1 10.44.0.2 80')).stdout, '', 'networks are apart');
  t.equal((await once('two', 'nc -w 3 10.44.0.1 8080')).stdout, 'web\n', 'but for published ports');
  t.equal((await once('bridge', 'nc -w 1 10.44.0.2 80')).stdout, '', "and from Docker's own");
  await mustDocker('network', 'connect', 'two', 'web1');
  t.match(await mustDocker('exec', 'web1', 'ip', 'addr', 'show', 'eth1'), /inet 172\./);
  await mustDocker('network', 'disconnect', 'two', 'web1');
  await mustDocker('restart', '-t', '0', 'web1');
  t.equal(await visit('127.0.0.1', 8080), 'web', 'restarted');
  await create('six', '--ipv6', '--subnet', '10.46.0.0/24', '--subnet', 'fd00:46::/64');
  t.match(
    (await once('six', 'ip -6 addr show eth0; ping -6 -c 1 -W 3 fd00:46::1')).stdout,
    /fd00:46::[\s\S]* 0% packet loss/,
  );
  await create('inner', '--internal', '--subnet', '10.47.0.0/24');
  t.notMatch((await once('inner', 'ip route')).stdout, /default/);
  await mustDocker('rm', '-f', 'web1');
  await mustDocker('network', 'rm', 'one', 'two', 'six', 'inner');
  t.same(await leftovers(), []);
});

test('a network that CNI describes', { timeout: 100_000 }, async (t) => {
  provide('/etc/cni/net.d', 'shared', '10.66.0');
  const options = ['-d', 'netloom', '--ipam-driver', 'null', '-o', 'type=cni', '-o', 'conflist=shared'];
  await mustDocker('network', 'create', ...options, 'shared');
  await web('web2', 'shared', '-p', '8081:80');
  const { shared } = JSON.parse(await mustDocker('inspect', 'web2'))[0].NetworkSettings.Networks;
  t.match(shared, { IPAddress: '10.66.0.2', Gateway: '10.66.0.1' });
  t.equal(await visit('127.0.0.1', 8081), 'web', 'published by portmap');
  t.match(
    (await once('shared', 'ip route; ping -c 1 -W 3 10.66.0.2')).stdout,
    /default via 10\.66\.0\.1[\s\S]* 0% packet loss/,
  );
  await mustDocker('rm', '-f', 'web2');
  await mustDocker('network', 'rm', 'shared');
  t.same(
    readdirSync('/var/lib/cni/networks/shared').filter((name) => name.startsWith('10.')),
    [],
  );
  t.same(
    (await leftovers()).filter((name) => !name.startsWith('shared')),
    [],
  );
});

test('killed at every step, and thirty at once', { timeout: 150_000 }, async (t) => {
  await create('kill', '--subnet', '10.48.0.0/24');
  await web('web3', 'kill', '-p', '8082:80', '--restart', 'always');
  await kill(driver);
  driver = await startDriver();
  t.equal(await visit('127.0.0.1', 8082), 'web', 'the driver was killed');
  await kill(driver);
  const removed = docker('rm', '-f', 'web3');
  driver = await startDriver();
  t.equal((await removed).status, 0, 'a container is removed meanwhile');
  await kill(driver);
  const started = web('web3', 'kill', '-p', '8082:80', '--restart', 'always');
  driver = await startDriver();
  await started;
  t.equal(await visit('127.0.0.1', 8082), 'web', 'a container is started meanwhile');
  await kill(daemon);
  // Docker's containerd outlives it, and would be waited for in vain
  const pidFile = '/run/docker-exec/containerd/containerd.pid';
  process.kill(Number(readFileSync(pidFile, 'utf8')), 'SIGKILL');
  rmSync(pidFile);
  daemon = await startDocker();
  for (let i = 0; i < 40 && (await visit('127.0.0.1', 8082)) !== 'web'; i++) await must('sleep', ['0.5']);
  t.equal(await visit('127.0.0.1', 8082), 'web', 'Docker was killed');
  await mustDocker('rm', '-f', 'web3');
  const names = Array.from({ length: 30 }, (_, i) => `many${i}`);
  const all = await Promise.all(
    names.map((name) =>
      docker('run', '-d', '--name', name, '--network', 'kill', 'busybox:test', 'sleep', '600'),
    ),
  );
  t.same(
    all.filter(({ status }) => status !== 0).map(({ stderr }) => stderr),
    [],
  );
  const inspected = JSON.parse(await mustDocker('network', 'inspect', 'kill'))[0].Containers as Record<
    string,
    { IPv4Address: string }
  >;
  t.equal(new Set(Object.values(inspected).map(({ IPv4Address }) => IPv4Address)).size, 30);
  await mustDocker('rm', '-f', ...names);
  await kill(driver);
  const gone = docker('network', 'rm', 'kill');
  driver = await startDriver();
  t.equal((await gone).status, 0, 'a network is removed meanwhile');
  t.same(
    (await leftovers()).filter((name) => !name.startsWith('shared')),
    [],
  );
});

test('the end', async () => {
  await daemon.stop();
  await driver.stop();
  await run('umount', ['-R', join(directory, 'root')]);
  rmSync(directory, { recursive: true, force: true });
  for (const parent of readdirSync('/sys/fs/cgroup')) {
    try {
      rmdirSync(`/sys/fs/cgroup/${parent}/docker`);
    } catch {
      // Docker made none there
    }
  }
});
