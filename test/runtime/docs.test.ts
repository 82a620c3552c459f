import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'tap';
import { temporaryDirectory } from '../plugins/ipam/support/leases.js';
import { Lab } from '../support/lab.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));

test('the example of docs/runtime.md plumbs a container', { timeout: 60_000 }, async (t) => {
  const [, code = ''] =
    /```javascript\n(.*?)```/s.exec(readFileSync(join(root, 'docs/runtime.md'), 'utf8')) ?? [];
  t.ok(code.trim().split('\n').length <= 24, 'about twenty lines');
  const host = new Lab(t, 'host');
  const directory = temporaryDirectory(t);
  const list = {
    cniVersion: '1.1.0',
    name: 'example',
    plugins: [
      {
        type: 'bridge',
        bridge: 'br-example',
        isGateway: true,
        dns: { nameservers: ['10.9.0.1'] },
        ipam: {
          type: 'host-local',
          ranges: [[{ subnet: '10.9.0.0/24' }]],
          dataDir: join(directory, 'leases'),
        },
      },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  };
  writeFileSync(join(directory, '10-example.conflist'), JSON.stringify(list));
  // beside the package, whose name it imports; in the middle it shows what others see
  const name = `nl-example-${host.name.slice(-8)}`;
  const examples = join(root, 'dist', 'examples-runtime');
  mkdirSync(examples, { recursive: true });
  t.teardown(() => rmSync(examples, { recursive: true }));
  const show = [
    "import { execFileSync } from 'node:child_process';",
    `const show = (...args) => console.log(execFileSync(args[0], args.slice(1), { encoding: 'utf8' }));`,
    `show('ip', '-n', '${name}', '-br', 'address'); show('nft', 'list', 'ruleset');`,
    `show('ip', 'netns', 'exec', '${name}', 'ping', '-c1', '-W2', '10.9.0.1');`,
  ].join('\n');
  const file = join(examples, 'example.mjs');
  writeFileSync(file, code.replaceAll("'example'", `'${name}'`).replace('// … the container runs …', show));
  t.teardown(() => spawnSync('ip', ['netns', 'delete', name]));
  const { status, stdout, stderr } = host.namespace.run(() =>
    spawnSync(process.execPath, [file], {
      encoding: 'utf8',
      env: { ...process.env, NETCONFPATH: directory, CACHE: join(directory, 'cache') },
    }),
  );
  t.equal(status, 0, stderr);
  t.equal(stderr, '');
  t.match(stdout, "10.9.0.2/24 [ '10.9.0.1' ]");
  t.match(stdout, /^lo +UNKNOWN +127\.0\.0\.1\/8/m);
  t.match(stdout, /^eth0@\S+ +UP +10\.9\.0\.2\/24/m);
  t.match(stdout, /dport 8080 .*dnat .*to 10\.9\.0\.2:80/);
  t.match(stdout, /1 received/);
  t.same(
    host.ip('link').map(({ ifname }: { ifname: string }) => ifname),
    ['lo'],
  );
  t.notMatch(host.run('nft', 'list', 'ruleset'), /10\.9\.0\.2/);
});
