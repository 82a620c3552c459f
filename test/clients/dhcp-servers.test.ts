import { enter } from './support/enter.js';

enter();

const { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } = await import('node:fs');
const { join } = await import('node:path');
const { setTimeout: pause } = await import('node:timers/promises');
const { test } = await import('tap');
const { installPlugins } = await import('../../host/cli/install.js');
const { pluginDirectory } = await import('./support/network.js');
const { must, run, Service } = await import('./support/programs.js');

installPlugins({ directory: pluginDirectory });
const directory = mkdtempSync('/tmp/nl-dhcp-servers-');
const at = (name: string): string => join(directory, name);
const inServer = ['netns', 'exec', 'srv'];

await must('ip', ['netns', 'add', 'srv']);
await must('ip', ['-n', 'srv', 'link', 'set', 'lo', 'up']);
for (const command of [
  'link add br0 type bridge',
  'address add 192.168.77.1/24 dev br0',
  'link set br0 up',
]) {
  await must('ip', ['-n', 'srv', ...command.split(' ')]);
}

interface DhcpServer {
  readonly program: string;
  readonly args: readonly string[];
  readonly files: Readonly<Record<string, string>>;
  readonly env?: NodeJS.ProcessEnv;
  /** What it logs of a lease that was given back, and of one that was renewed. */
  readonly released?: RegExp;
  readonly renewed?: RegExp;
  /** Its leases are too long for a test to wait for their renewal. */
  readonly long?: boolean;
  /** What it logs when it is ready. */
  readonly started: RegExp;
}

/** s; renewed after half of it. */
const LEASE = 10;

const servers: Readonly<Record<string, DhcpServer>> = {
  udhcpd: {
    program: 'busybox',
    args: ['udhcpd', '-f', at('udhcpd.conf')],
    files: {
      'udhcpd.conf': `start 192.168.77.10
end 192.168.77.99
interface br0
lease_file ${at('udhcpd.leases')}
pidfile ${at('udhcpd.pid')}
min_lease 2
option subnet 255.255.255.0
option router 192.168.77.1
option lease ${LEASE}
option staticroutes 10.5.0.0/16 192.168.77.1
`,
      'udhcpd.leases': '',
    },
    started: /started/,
  },
  dnsmasq: {
    program: 'dnsmasq',
    args: [
      ...['-k', '--port=0', '--interface=br0', '--bind-interfaces', '--except-interface=lo', '--no-ping'],
      `--dhcp-range=192.168.77.10,192.168.77.99,120`,
      '--dhcp-option=121,10.5.0.0/16,192.168.77.1,0.0.0.0/0,192.168.77.1',
      ...[
        `--dhcp-leasefile=${at('dnsmasq.leases')}`,
        '--conf-file=/dev/null',
        `--pid-file=${at('dnsmasq.pid')}`,
      ],
      ...['--log-facility=-', '--log-dhcp', '--user=root'],
    ],
    files: {},
    started: /DHCP, IP range/,
    released: /DHCPRELEASE\(br0\) 192\.168\.77\.\d+/,
    // two minutes at least, and T1 is its own affair
    long: true,
  },
  'isc-dhcp-server': {
    program: 'dhcpd',
    args: ['-4', '-f', '-d', '--no-pid', '-cf', at('dhcpd.conf'), '-lf', at('dhcpd.leases'), 'br0'],
    files: {
      'dhcpd.conf': `default-lease-time ${LEASE}; max-lease-time 240;
option rfc3442-classless-static-routes code 121 = array of integer 8;
subnet 192.168.77.0 netmask 255.255.255.0 {
  range 192.168.77.10 192.168.77.99;
  option routers 192.168.77.1;
  option rfc3442-classless-static-routes 16, 10, 5, 192, 168, 77, 1, 0, 192, 168, 77, 1;
  option dhcp-renewal-time 2;
}
`,
      'dhcpd.leases': '',
    },
    started: /Sending on .*br0/,
    released: /DHCPRELEASE of 192\.168\.77\.\d+ .*\(found\)/,
    renewed: /DHCPREQUEST for.*DHCPREQUEST for/s,
  },
  'kea-dhcp4-server': {
    program: 'kea-dhcp4',
    args: ['-c', at('kea.json')],
    files: {
      'kea.json': JSON.stringify({
        Dhcp4: {
          'interfaces-config': { interfaces: ['br0'], 'dhcp-socket-type': 'raw' },
          'lease-database': { type: 'memfile', persist: false },
          'valid-lifetime': 120,
          'renew-timer': 2,
          'rebind-timer': 100,
          subnet4: [
            {
              subnet: '192.168.77.0/24',
              pools: [{ pool: '192.168.77.10-192.168.77.99' }],
              'option-data': [{ name: 'routers', data: '192.168.77.1' }],
            },
          ],
          loggers: [
            { name: 'kea-dhcp4', severity: 'INFO', output_options: [{ output: 'stdout', flush: true }] },
          ],
        },
      }),
    },
    env: { KEA_LOCKFILE_DIR: directory, KEA_PIDFILE_DIR: directory },
    started: /DHCP4_STARTED/,
    released: /DHCP4_RELEASE\b/,
    renewed: /DHCP4_LEASE_(?:ALLOC|REUSE).*DHCP4_LEASE_(?:ALLOC|REUSE)/s,
  },
};

async function isInstalled({ program, args }: DhcpServer): Promise<boolean> {
  const { status } = await run('sh', ['-c', `command -v ${program} || command -v /usr/sbin/${program}`]);
  if (status !== 0 || program !== 'busybox') return status === 0;
  return (await run(program, ['--list'])).stdout.includes(args[0] as string);
}

let count = 0;
for (const [name, server] of Object.entries(servers)) {
  const skip = (await isInstalled(server)) ? false : `${server.program} is not installed`;
  test(`a lease of ${name}`, { timeout: 60_000, skip }, async (t) => {
    for (const [file, content] of Object.entries(server.files)) writeFileSync(at(file), content);
    mkdirSync('/run/kea', { recursive: true });
    const service = new Service('ip', [...inServer, server.program, ...server.args], server.env);
    t.teardown(() => service.stop());
    await service.ready(() => server.started.test(service.log));
    const daemon = new Service(join(pluginDirectory, 'dhcp'), [
      ...['daemon', '-socketpath', '/run/dhcp.sock', '-timeout', '3s'],
    ]);
    t.teardown(() => daemon.stop());
    await daemon.ready(() => existsSync('/run/dhcp.sock'));

    const pod = `pod${++count}`;
    await must('ip', ['netns', 'add', pod]);
    const link = `link add p${count} type veth peer eth0 netns ${pod}`;
    await must('ip', ['-n', 'srv', ...link.split(' ')]);
    await must('ip', ['-n', 'srv', 'link', 'set', `p${count}`, 'master', 'br0', 'up']);
    const config = {
      cniVersion: '1.0.0',
      name: 'net',
      type: 'dhcp',
      ipam: { type: 'dhcp', daemonSocketPath: '/run/dhcp.sock', request: [{ option: '121' }] },
    };
    const plugin = (command: string, input: object = config): ReturnType<typeof run> =>
      run(join(pluginDirectory, 'dhcp'), [], {
        input: JSON.stringify(input),
        env: {
          CNI_COMMAND: command,
          CNI_CONTAINERID: pod,
          CNI_NETNS: `/run/netns/${pod}`,
          CNI_IFNAME: 'eth0',
          CNI_PATH: pluginDirectory,
        },
      });
    const added = await plugin('ADD');
    t.equal(added.status, 0, `${added.stdout}${daemon.log}${service.log}`);
    const result = JSON.parse(added.stdout) as { ips: { address: string }[]; routes: { dst: string }[] };
    t.match(result.ips, [{ address: /^192\.168\.77\.\d+\/24$/, gateway: '192.168.77.1' }]);
    const classless = name === 'kea-dhcp4-server' ? [] : ['10.5.0.0/16'];
    const byDefault = name === 'udhcpd' ? [] : ['0.0.0.0/0'];
    t.same(
      result.routes.map(({ dst }) => dst),
      [...classless, ...byDefault],
    );
    const address = result.ips[0]?.address as string;
    // what a main plugin would do
    await must('ip', ['-n', pod, 'address', 'add', address, 'dev', 'eth0']);
    await must('ip', ['netns', 'exec', pod, 'ping', '-n', '-c', '1', '-W', '3', '192.168.77.1']);
    const checked = await plugin('CHECK', { ...config, prevResult: result });
    t.equal(checked.status, 0, checked.stdout);
    if (server.long !== true) {
      await daemon.ready(() => daemon.log.includes('lease renewed'));
      t.pass('renewed');
    }
    if (server.renewed !== undefined) t.match(service.log, server.renewed);
    const removed = await plugin('DEL');
    t.equal(removed.status, 0, removed.stdout);
    if (server.released !== undefined) {
      const { released } = server;
      for (let i = 0; i < 100 && !released.test(service.log); i++) await pause(50);
      t.match(service.log, released, 'the server has heard of the release');
    }
  });
}

test('the end', async (t) => {
  rmSync(directory, { recursive: true, force: true });
  t.pass();
});
