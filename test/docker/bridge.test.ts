import { spawn } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { test } from 'tap';
import { Lab } from '../support/lab.js';
import { DockerNetwork, Driver, type Json } from './support/driver.js';

const PORTS = 'com.docker.network.portmap';
const fetch = (lab: Lab, host: string, port: number): string =>
  lab.namespace
    .execSync('timeout', ['2', 'bash', '-c', `exec 3<>/dev/tcp/${host}/${port} && cat <&3`])
    .stdout.trim();
/** A server takes its time to start. */
const fetchLater = async (lab: Lab, host: string, port: number): Promise<string> => {
  for (let attempt = 0; attempt < 20; attempt++) {
    const text = fetch(lab, host, port);
    if (text !== '') return text;
    await pause(250);
  }
  return '';
};
const rules = (lab: Lab): string => {
  const { stdout, status } = lab.namespace.execSync('nft', ['list', 'table', 'inet', 'netloom_docker']);
  return status === 0 ? stdout : '';
};
const left = (lab: Lab): string[] =>
  (lab.ip('link') as { ifname: string }[]).map(({ ifname }) => ifname).filter((name) => name !== 'lo');

function host(t: ConstructorParameters<typeof Lab>[0]): Lab {
  const lab = new Lab(t, 'docker');
  lab.run('ip', 'link', 'set', 'lo', 'up');
  return lab;
}

/** A container that serves, which ends with the test. */
function server(
  t: ConstructorParameters<typeof Lab>[0] & { teardown(work: () => unknown): void },
  text: string,
): Lab {
  const lab = new Lab(t, 'ctr');
  lab.run('ip', 'link', 'set', 'lo', 'up');
  const script = `require('net').createServer((s) => { s.on('error', () => {}); s.end('${text}\\n'); }).listen(80)`;
  const child = lab.namespace.run(() => spawn(process.execPath, ['-e', script], { stdio: 'ignore' }));
  t.teardown(() => child.kill('SIGKILL'));
  return lab;
}

const binding = (HostPort: number, rest: Json = {}): Json => ({
  ...{ Proto: 6, IP: '', Port: 80, HostIP: '', HostPort, HostPortEnd: HostPort },
  ...rest,
});

test('a bridge, its containers, published ports, replays', async (t) => {
  const lab = host(t);
  const driver = new Driver(t, lab);
  await driver.start();
  const network = new DockerNetwork(driver);
  const bridge = `br-${network.id.slice(0, 12)}`;
  for (let i = 0; i < 2; i++)
    t.same(await network.create({}, ['10.9.1.0/24', 'fd00:9::/64']), { status: 200, body: {} });
  const addresses = (
    lab.ip('address', 'show', bridge)[0] as { addr_info: { local: string }[] }
  ).addr_info.map(({ local }) => local);
  for (const address of ['10.9.1.1', 'fd00:9::1', 'fe80::1']) t.ok(addresses.includes(address), address);
  t.equal(lab.run('sysctl', '-n', 'net.ipv4.ip_forward').trim(), '1');
  const web = server(t, 'web');
  const other = new Lab(t, 'ctr');
  const [one, two] = [network.endpoint(), network.endpoint()];
  const joined = await one.join(web, lab, '10.9.1.2/24', {
    Options: { [PORTS]: [binding(8080), binding(0)] },
  });
  t.match(joined, { InterfaceName: { DstPrefix: 'eth' }, Gateway: '10.9.1.1', GatewayIPv6: 'fd00:9::1' });
  await two.join(other, lab, '10.9.1.3/24');
  const program = { Options: { [PORTS]: [binding(8080), binding(0)] } };
  for (let i = 0; i < 2; i++) await one.call('ProgramExternalConnectivity', program);
  const info = (await one.call('EndpointOperInfo')) as {
    Value: Record<string, { HostIP: string; HostPort: number }[]>;
  };
  const published = info.Value[PORTS] ?? [];
  t.same(
    published.map(({ HostIP }) => HostIP),
    ['0.0.0.0', '::', '0.0.0.0', '::'],
  );
  const chosen = published[2]?.HostPort ?? 0;
  t.ok(chosen > 1023);
  t.equal(await fetchLater(web, '127.0.0.1', 80), 'web');
  for (const address of ['127.0.0.1', '10.9.1.1', '::1']) t.equal(fetch(lab, address, 8080), 'web', address);
  t.equal(fetch(lab, '127.0.0.1', chosen), 'web', 'a port of our choice');
  t.equal(fetch(other, '10.9.1.2', 80), 'web', 'directly');
  t.equal(fetch(other, '10.9.1.1', 8080), 'web', "by the host's address");
  t.equal(fetch(web, '10.9.1.1', 8080), 'web', 'by itself');
  const conflict = await two.ask('ProgramExternalConnectivity', { Options: { [PORTS]: [binding(8080)] } });
  t.match(conflict.body.Err, /port is already allocated/);
  const range = { Options: { [PORTS]: [binding(8080, { HostPortEnd: 8082 })] } };
  await two.call('ProgramExternalConnectivity', range);
  t.match(rules(lab), /tcp dport 8081 dnat ip to 10\.9\.1\.3:80/, 'the next of a range');
  // another network may come by published ports only
  const second = new DockerNetwork(driver);
  t.match((await second.create({}, ['10.9.1.128/25'])).body.Err, /overlapping/);
  t.equal((await second.create({}, ['10.9.2.0/24'])).status, 200);
  const foreign = new Lab(t, 'ctr');
  const third = second.endpoint();
  await third.join(foreign, lab, '10.9.2.2/24');
  t.equal(fetch(foreign, '10.9.1.2', 80), '', 'networks are apart');
  t.equal(fetch(foreign, '10.9.2.1', 8080), 'web', 'published ports are for all');
  // killed and started: all is as it was
  const before = rules(lab);
  await driver.stop('SIGKILL');
  await driver.start();
  const sorted = (text: string): string[] => text.split('\n').sort();
  t.same(sorted(rules(lab)), sorted(before));
  t.equal(fetch(lab, '127.0.0.1', 8080), 'web');
  t.equal(fetch(lab, '::1', 8080), 'web');
  for (let i = 0; i < 2; i++) await one.call('RevokeExternalConnectivity');
  t.equal(fetch(lab, '127.0.0.1', 8080), '');
  await one.leave(web, lab);
  await one.call('DeleteEndpoint');
  await two.call('DeleteEndpoint');
  for (let i = 0; i < 2; i++) {
    t.same(await network.delete(), { status: 200, body: {} });
    t.same(await second.delete(), { status: 200, body: {} }, 'with an endpoint in it');
  }
  t.same(left(lab), []);
  t.equal(rules(lab), '');
});

test('options of bridges', async (t) => {
  const lab = host(t);
  const driver = new Driver(t, lab);
  await driver.start();
  const make = async (generic: Json, subnet: string, options: Json = {}) => {
    const network = new DockerNetwork(driver);
    const reply = await network.create(generic, [subnet], options);
    t.equal(reply.status, 200, JSON.stringify(reply.body));
    return network;
  };
  lab.run('ip', 'link', 'add', 'mine0', 'type', 'bridge');
  const internal = { 'com.docker.network.internal': true };
  const networks = [
    await make({ 'com.docker.network.bridge.name': 'mine0' }, '10.9.1.0/24'),
    await make({ 'com.docker.network.bridge.enable_icc': 'false' }, '10.9.2.0/24'),
    await make({ 'com.docker.network.bridge.enable_ip_masquerade': 'false' }, '10.9.3.0/24'),
    await make({ 'com.docker.network.host_ipv4': '192.0.2.1' }, '10.9.4.0/24'),
    await make({ 'com.docker.network.bridge.gateway_mode_ipv4': 'routed' }, '10.9.5.0/24'),
    await make({}, '10.9.6.0/24', internal),
    await make(
      { 'com.docker.network.driver.mtu': '1400', 'com.docker.network.container_iface_prefix': 'net' },
      '10.9.7.0/24',
    ),
    await make({ 'com.docker.network.bridge.inhibit_ipv4': 'true' }, '10.9.8.0/24'),
  ];
  const bridge = (at: number): string => `br-${networks[at]?.id.slice(0, 12)}`;
  const table = rules(lab);
  t.match(table, /10\.9\.1\.0\/24 oifname != "mine0" masquerade/);
  t.notMatch(table, /10\.9\.3\.0\/24 oifname != "br-[0-9a-f]+" masquerade/);
  t.match(table, /10\.9\.4\.0\/24 oifname != "br-[0-9a-f]+" snat ip to 192\.0\.2\.1/);
  t.notMatch(table, /10\.9\.5\.0\/24 oifname != /);
  t.match(table, new RegExp(`chain from-${bridge(5)} {[^}]*oifname != "${bridge(5)}" drop`));
  t.notMatch(table, /10\.9\.6\.0/);
  t.equal(lab.ip('link', 'show', bridge(6))[0].mtu, 1400);
  t.same(
    (lab.ip('-4', 'address', 'show', bridge(7)) as unknown[]).filter(
      (one) => Object.keys(one as object).length > 0,
    ),
    [],
  );
  // without communication between containers
  const labs = [new Lab(t, 'ctr'), new Lab(t, 'ctr')];
  for (const [i, one] of labs.entries())
    await (networks[1] as DockerNetwork).endpoint().join(one, lab, `10.9.2.${i + 2}/24`);
  const ping = (from: Lab, to: string) =>
    from.namespace.execSync('ping', ['-n', '-c', '1', '-W', '1', to]).status;
  t.equal(ping(labs[0] as Lab, '10.9.2.1'), 0);
  t.not(ping(labs[0] as Lab, '10.9.2.3'), 0);
  // what is internal has no gateway
  const inside = new Lab(t, 'ctr');
  const answer = await (networks[5] as DockerNetwork).endpoint().join(inside, lab, '10.9.6.2/24');
  t.equal(answer.Gateway, undefined);
  t.equal(answer.DisableGatewayService, true);
  inside.run('ip', 'route', 'add', 'default', 'via', '10.9.6.1');
  t.not(ping(inside, '10.9.2.2'), 0, 'not even with a route of its own');
  // ports of routed networks are open, and not translated
  const routed = server(t, 'routed');
  const endpoint = (networks[4] as DockerNetwork).endpoint();
  await endpoint.join(routed, lab, '10.9.5.2/24');
  t.equal(await fetchLater(routed, '127.0.0.1', 80), 'routed');
  const client = new Lab(t, 'ctr');
  await (networks[2] as DockerNetwork).endpoint().join(client, lab, '10.9.3.2/24');
  t.equal(fetch(client, '10.9.5.2', 80), '');
  await endpoint.call('ProgramExternalConnectivity', { Options: { [PORTS]: [binding(8080)] } });
  t.equal(fetch(client, '10.9.5.2', 80), 'routed');
  // names and sizes
  const named = await (networks[6] as DockerNetwork).endpoint().join(new Lab(t, 'ctr'), lab, '10.9.7.2/24');
  t.match(named, { InterfaceName: { DstPrefix: 'net' } });
  for (const network of networks) t.same(await network.delete(), { status: 200, body: {} });
  t.same(left(lab), ['mine0'], 'what was there before stays');
  t.equal(rules(lab), '');
});

test('thirty containers at once, a machine that was restarted, lost links', async (t) => {
  const lab = host(t);
  const driver = new Driver(t, lab);
  await driver.start();
  const network = new DockerNetwork(driver);
  await network.create({}, ['10.9.1.0/24']);
  const endpoints = Array.from({ length: 30 }, () => network.endpoint());
  await Promise.all(
    endpoints.map(async (endpoint, i) => {
      const Options = { [PORTS]: [binding(9000 + i)] };
      await endpoint.call('CreateEndpoint', { Interface: { Address: `10.9.1.${i + 2}/24` }, Options });
      await endpoint.call('Join', { SandboxKey: '/x', Options });
      await endpoint.call('ProgramExternalConnectivity', { Options });
    }),
  );
  t.equal(rules(lab).match(/dport 90\d\d dnat/g)?.length, 30);
  t.equal(left(lab).length, 61);
  await driver.stop('SIGKILL');
  // as after a restart of the machine
  lab.run('ip', 'link', 'delete', `br-${network.id.slice(0, 12)}`);
  for (const endpoint of endpoints.slice(0, 15))
    lab.run('ip', 'link', 'delete', `nlh${endpoint.id.slice(0, 11)}`);
  lab.run('nft', 'flush', 'ruleset');
  await driver.start();
  t.equal(rules(lab).match(/dport 90\d\d dnat/g)?.length, 30);
  t.ok(left(lab).includes(`br-${network.id.slice(0, 12)}`));
  await Promise.all(
    endpoints.map(async (endpoint) => {
      await endpoint.call('Leave');
      await endpoint.call('DeleteEndpoint');
    }),
  );
  await network.delete();
  t.same(left(lab), []);
  t.equal(rules(lab), '');
});
