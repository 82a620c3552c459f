import { execFileSync, spawnSync } from 'node:child_process';

/** What the test does beside firewalld: run by fixtures/firewalld.sh, prints what it sees as JSON. */

const [, , plugin = '', side = ''] = process.argv;

const prevResult = {
  cniVersion: '1.0.0',
  interfaces: [{ name: 'eth0', sandbox: '/run/netns/c1' }],
  ips: [
    { address: '10.9.0.7/24', interface: 0 },
    { address: 'fd00::7/64', interface: 0 },
  ],
};

function run(command: string, extra: object = {}): { status: number | null; stdout: string } {
  const config = {
    cniVersion: '1.0.0',
    name: 'n',
    type: 'firewall',
    backend: 'firewalld',
    prevResult,
    ...extra,
  };
  const env = {
    PATH: process.env.PATH,
    CNI_COMMAND: command,
    CNI_CONTAINERID: 'c1',
    CNI_NETNS: '/run/netns/c1',
    CNI_IFNAME: 'eth0',
    CNI_PATH: '/usr/lib/cni',
  };
  const { status, stdout } = spawnSync(plugin, [], { env, input: JSON.stringify(config), encoding: 'utf8' });
  return { status, stdout };
}

function sources(zone: string): string[] {
  const text = execFileSync('firewall-cmd', [`--zone=${zone}`, '--list-sources'], {
    encoding: 'utf8',
  }).trim();
  return text === '' ? [] : text.split(' ').sort();
}

execFileSync('ip', ['netns', 'add', 'c1']);
const seen: Record<string, unknown> = { side };
seen.add = run('ADD').status;
seen.again = run('ADD').status;
seen.sources = sources('trusted');
seen.check = run('CHECK').status;
seen.del = run('DEL').status;
seen.left = sources('trusted');
seen.delAgain = run('DEL').status;
// without a backend the plugin finds out that firewalld runs
seen.found = run('ADD', { backend: undefined, firewalldZone: 'internal' }).status;
seen.internal = sources('internal');
run('DEL', { backend: undefined, firewalldZone: 'internal' });
seen.zone = run('ADD', { firewalldZone: 'no-such-zone' }).stdout.includes('no-such-zone');
console.log(JSON.stringify(seen));
