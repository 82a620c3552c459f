/**
 * Writes down what a real Docker asks a driver, for the tests that replay it: record.js DIRECTORY. It stands between Docker
 * and `netloom docker`, in namespaces of its own.
 */
import { enter } from '../../clients/support/enter.js';

enter('dockerd', 'docker', 'runc', 'busybox');

const { mkdtempSync, rmSync, writeFileSync } = await import('node:fs');
const { createServer, request } = await import('node:http');
const { join } = await import('node:path');
const { DockerDriver, DockerEngine } = await import('../../clients/support/docker.js');
const { must } = await import('../../clients/support/programs.js');

const out = process.argv[2] ?? '.';
const directory = mkdtempSync('/tmp/nl-record-');
const socketPath = join(directory, 'driver.sock');
const docker = new DockerEngine(directory);
const driver = new DockerDriver(directory, '--socket', socketPath);
let calls: { path: string; body: string; answer: unknown }[] = [];

const proxy = createServer((asked, answered) => {
  let body = '';
  asked.on('data', (part) => {
    body += part;
  });
  asked.on('end', () => {
    const passed = request({ socketPath, path: asked.url, method: 'POST' }, (reply) => {
      let text = '';
      reply.on('data', (part) => {
        text += part;
      });
      reply.on('end', () => {
        calls.push({ path: asked.url ?? '', body, answer: JSON.parse(text) });
        answered.writeHead(reply.statusCode ?? 500);
        answered.end(text);
      });
    });
    passed.end(body);
  });
});

function save(name: string): void {
  writeFileSync(join(out, `${name}.json`), `${JSON.stringify(calls, undefined, 1)}\n`);
  calls = [];
}

await driver.start();
await new Promise<void>((resolve) => proxy.listen('/run/docker/plugins/netloom.sock', resolve));
await docker.start();
await docker.importImage();
const ours = ['network', 'create', '-d', 'netloom', '--ipam-driver', 'netloom'];
const version = (await docker.must('version', '--format', '{{.Server.Version}}')).trim();

await docker.must(
  ...[
    ...ours,
    '--ipv6',
    '--subnet',
    '10.44.0.0/24',
    '--ip-range',
    '10.44.0.64/26',
    '--subnet',
    'fd00:44::/64',
  ],
  ...[
    '--aux-address',
    'router=10.44.0.65',
    '-o',
    'com.docker.network.driver.mtu=1400',
    '--label',
    'of=test',
    'bridged',
  ],
);
await docker.web('one', 'bridged', '-p', '8080:80', '-p', '127.0.0.1:5300-5310:53/udp', '-p', '80/sctp');
await docker.must(
  ...[
    'run',
    '-d',
    '--name',
    'two',
    '--network',
    'bridged',
    '--ip',
    '10.44.0.9',
    '--mac-address',
    '02:00:00:00:00:09',
  ],
  ...['busybox:test', 'sleep', '600'],
);
await docker.must('rm', '-f', 'one', 'two');
await docker.must('network', 'rm', 'bridged');
save('bridge');

await must('ip', ['link', 'add', 'up0', 'type', 'veth', 'peer', 'name', 'up1']);
await must('ip', ['link', 'set', 'up0', 'up']);
await docker.must(...ours, '--subnet', '10.45.0.0/24', '-o', 'type=macvlan', '-o', 'parent=up0', 'mac');
for (const name of ['one', 'two'])
  await docker.must('run', '-d', '--name', name, '--network', 'mac', 'busybox:test', 'sleep', '600');
await docker.must('rm', '-f', 'one', 'two');
await docker.must('network', 'rm', 'mac');
save('macvlan');

await docker.end();
await driver.stop();
proxy.close();
proxy.closeAllConnections();
rmSync(directory, { recursive: true, force: true });
process.stdout.write(`recorded Docker ${version}\n`);
process.exit();
