import { enter } from './support/enter.js';

enter('docker', 'dockerd', 'busybox', 'runc');

const { mkdtempSync, readdirSync, rmSync } = await import('node:fs');
const { test } = await import('tap');
const { DockerDriver, DockerEngine } = await import('./support/docker.js');
const { provide } = await import('./support/network.js');
const { must, run } = await import('./support/programs.js');

const directory = mkdtempSync('/tmp/nl-docker-');
const docker = new DockerEngine(directory);
const driver = new DockerDriver(directory);
await driver.start();
await docker.start();
await docker.importImage();
const create = (name: string, ...options: string[]): Promise<string> =>
  docker.must('network', 'create', '-d', 'netloom', '--ipam-driver', 'netloom', ...options, name);
const visit = async (host: string, port: number): Promise<string> =>
  (await run('timeout', ['3', 'busybox', 'nc', '-w', '3', host, String(port)])).stdout.trim();

test('networks, containers, ports', { timeout: 100_000 }, async (t) => {
  await create('one', '--subnet', '10.44.0.0/24', '--label', 'of=test');
  t.match(await docker.must('network', 'inspect', 'one'), /"of": "test"/);
  await docker.web('web1', 'one', '-p', '8080:80', '-p', '5353:53/udp', '--restart', 'always');
  t.match(JSON.parse(await docker.must('inspect', 'web1'))[0].NetworkSettings.Networks.one, {
    IPAddress: '10.44.0.2',
    IPPrefixLen: 24,
    Gateway: '10.44.0.1',
  });
  for (const host of ['127.0.0.1', '10.44.0.1', '::1']) t.equal(await visit(host, 8080), 'web', host);
  const seen = await docker.once('one', 'ip -o -4 addr show eth0; ip route; nc -w 3 web1 80');
  t.match(seen.stdout, /inet 10\.44\.0\.3\/24/);
  t.match(seen.stdout, /default via 10\.44\.0\.1/);
  t.match(seen.stdout, /web\n/, 'by its name');
  const fixed = await docker.once(
    'one',
    'ip addr show eth0',
    '--ip',
    '10.44.0.77',
    '--mac-address',
    '02:00:00:aa:bb:cc',
  );
  t.match(fixed.stdout, /02:00:00:aa:bb:cc[\s\S]*10\.44\.0\.77\/24/);
  t.match((await docker.once('one', 'true', '-p', '8080:80')).stderr, /port is already allocated/);
  await create('two');
  t.equal((await docker.once('two', 'nc -w 1 10.44.0.2 80')).stdout, '', 'networks are apart');
  t.equal((await docker.once('two', 'nc -w 3 10.44.0.1 8080')).stdout, 'web\n', 'but for published ports');
  t.equal((await docker.once('bridge', 'nc -w 1 10.44.0.2 80')).stdout, '', "and from Docker's own");
  await docker.must('network', 'connect', 'two', 'web1');
  t.match(await docker.must('exec', 'web1', 'ip', 'addr', 'show', 'eth1'), /inet 172\./);
  await docker.must('network', 'disconnect', 'two', 'web1');
  await docker.must('restart', '-t', '0', 'web1');
  t.equal(await visit('127.0.0.1', 8080), 'web', 'restarted');
  await create('six', '--ipv6', '--subnet', '10.46.0.0/24', '--subnet', 'fd00:46::/64');
  t.match(
    (await docker.once('six', 'ip -6 addr show eth0; ping -6 -c 1 -W 3 fd00:46::1')).stdout,
    /fd00:46::[\s\S]* 0% packet loss/,
  );
  await create('inner', '--internal', '--subnet', '10.47.0.0/24');
  t.notMatch((await docker.once('inner', 'ip route')).stdout, /default/);
  await docker.must('rm', '-f', 'web1');
  await docker.must('network', 'rm', 'one', 'two', 'six', 'inner');
  t.same(await driver.leftovers(), []);
});

test('a network that CNI describes', { timeout: 100_000 }, async (t) => {
  provide('/etc/cni/net.d', 'shared', '10.66.0');
  const options = ['-d', 'netloom', '--ipam-driver', 'null', '-o', 'type=cni', '-o', 'conflist=shared'];
  await docker.must('network', 'create', ...options, 'shared');
  await docker.web('web2', 'shared', '-p', '8081:80');
  const { shared } = JSON.parse(await docker.must('inspect', 'web2'))[0].NetworkSettings.Networks;
  t.match(shared, { IPAddress: '10.66.0.2', Gateway: '10.66.0.1' });
  t.equal(await visit('127.0.0.1', 8081), 'web', 'published by portmap');
  t.match(
    (await docker.once('shared', 'ip route; ping -c 1 -W 3 10.66.0.2')).stdout,
    /default via 10\.66\.0\.1[\s\S]* 0% packet loss/,
  );
  await docker.must('rm', '-f', 'web2');
  await docker.must('network', 'rm', 'shared');
  t.same(
    readdirSync('/var/lib/cni/networks/shared').filter((name) => name.startsWith('10.')),
    [],
  );
  t.same(
    (await driver.leftovers()).filter((name) => !name.startsWith('shared')),
    [],
  );
});

test('macvlan, and a network that shares its parent', { timeout: 100_000 }, async (t) => {
  await must('ip', ['link', 'add', 'up0', 'type', 'veth', 'peer', 'name', 'up1']);
  for (const name of ['up0', 'up1']) await must('ip', ['link', 'set', name, 'up']);
  await must('ip', ['address', 'add', '10.49.0.200/24', 'dev', 'up1']);
  const parent = ['-o', 'type=macvlan', '-o', 'parent=up0'];
  const made = await docker.run(
    ...[
      'network',
      'create',
      '-d',
      'netloom',
      '--ipam-driver',
      'netloom',
      '--subnet',
      '10.49.0.0/24',
      ...parent,
      'mac',
    ],
  );
  if (/EOPNOTSUPP|not supported/.test(made.stderr)) {
    t.pass('macvlan', { skip: 'this kernel has no macvlan' });
    return;
  }
  t.equal(made.status, 0, made.stderr);
  await create('mac2', '--subnet', '10.49.1.0/24', ...parent, '-o', 'macvlan_mode=private');
  await docker.web('mac1', 'mac', '--mac-address', '02:00:00:00:00:49');
  const seen = await docker.once('mac', 'nc -w 3 mac1 80; ping -c 1 -W 3 10.49.0.200');
  t.match(seen.stdout, /web\n/, 'the other container, by its name');
  t.match(seen.stdout, / 0% packet loss/, 'a neighbour of the host');
  t.match(await docker.must('exec', 'mac1', 'cat', '/sys/class/net/eth0/address'), /02:00:00:00:00:49/);
  const inspected = JSON.parse(await docker.must('inspect', 'mac1'))[0].NetworkSettings.Networks.mac;
  t.match(inspected, { IPAddress: '10.49.0.2', Gateway: '10.49.0.1' });
  t.notMatch((await docker.once('mac2', 'nc -w 1 10.49.0.2 80')).stdout, /web/);
  await docker.must('rm', '-f', 'mac1');
  await docker.must('network', 'rm', 'mac', 'mac2');
  await must('ip', ['link', 'delete', 'up0']);
  t.same(
    (await driver.leftovers()).filter((name) => !name.startsWith('shared')),
    [],
  );
});

test('killed at every step, and thirty at once', { timeout: 150_000 }, async (t) => {
  await create('kill', '--subnet', '10.48.0.0/24');
  await docker.web('web3', 'kill', '-p', '8082:80', '--restart', 'always');
  await driver.kill();
  await driver.start();
  t.equal(await visit('127.0.0.1', 8082), 'web', 'the driver was killed');
  await driver.kill();
  const removed = docker.run('rm', '-f', 'web3');
  await driver.start();
  t.equal((await removed).status, 0, 'a container is removed meanwhile');
  await driver.kill();
  const started = docker.web('web3', 'kill', '-p', '8082:80', '--restart', 'always');
  await driver.start();
  await started;
  t.equal(await visit('127.0.0.1', 8082), 'web', 'a container is started meanwhile');
  await docker.kill();
  await docker.start();
  for (let i = 0; i < 40 && (await visit('127.0.0.1', 8082)) !== 'web'; i++) await must('sleep', ['0.5']);
  t.equal(await visit('127.0.0.1', 8082), 'web', 'Docker was killed');
  await docker.must('rm', '-f', 'web3');
  const names = Array.from({ length: 30 }, (_, i) => `many${i}`);
  const all = await Promise.all(
    names.map((name) =>
      docker.run('run', '-d', '--name', name, '--network', 'kill', 'busybox:test', 'sleep', '600'),
    ),
  );
  t.same(
    all.filter(({ status }) => status !== 0).map(({ stderr }) => stderr),
    [],
  );
  const inspected = JSON.parse(await docker.must('network', 'inspect', 'kill'))[0].Containers as Record<
    string,
    { IPv4Address: string }
  >;
  t.equal(new Set(Object.values(inspected).map(({ IPv4Address }) => IPv4Address)).size, 30);
  await docker.must('rm', '-f', ...names);
  await driver.kill();
  const gone = docker.run('network', 'rm', 'kill');
  await driver.start();
  t.equal((await gone).status, 0, 'a network is removed meanwhile');
  t.same(
    (await driver.leftovers()).filter((name) => !name.startsWith('shared')),
    [],
  );
});

test('the end', async () => {
  await docker.end();
  await driver.stop();
  rmSync(directory, { recursive: true, force: true });
});
