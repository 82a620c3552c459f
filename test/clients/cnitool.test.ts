import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { enter, inside, skip } from './support/enter.js';

const MODULE = 'github.com/containernetworking/cni/cnitool@v1.3.0';
const directory = fileURLToPath(new URL('.', import.meta.url));
const tool = `${directory}cnitool`;

// while there is a network to download it from
if (!inside && !existsSync(tool)) {
  const { error, stderr } = spawnSync('go', ['install', MODULE], {
    env: { ...process.env, GOBIN: directory },
    encoding: 'utf8',
    timeout: 100_000,
  });
  if (error !== undefined) skip(`cnitool is built with Go, which does not run here: ${error.message}`);
  if (!existsSync(tool)) skip(`cnitool cannot be built: ${stderr.trim().split('\n').at(-1)}`);
}
enter('ping');

const { readdirSync } = await import('node:fs');
const { test } = await import('tap');
const { greeter, has, pluginDirectory, provide, SYSCTL } = await import('./support/network.js');
const { must, run } = await import('./support/programs.js');

const env = { CNI_PATH: pluginDirectory, NETCONFPATH: '/etc/cni/net.d' };
const cnitool = (command: string, netns: string): ReturnType<typeof run> =>
  run(tool, [command, 'tool', netns], { env });

test('cnitool: add, check, status, gc, del', { timeout: 100_000 }, async (t) => {
  provide('/etc/cni/net.d', 'tool', '10.88.0', '1.1.0');
  const port = await greeter(t);
  const netns = ['/run/netns/a', '/run/netns/b'] as const;
  for (const path of netns) {
    const name = path.slice('/run/netns/'.length);
    await must('ip', ['netns', 'add', name]);
    await must('ip', ['-n', name, 'link', 'set', 'lo', 'up']);
  }
  const leases = (): string[] =>
    readdirSync('/var/lib/cni/networks/tool')
      .filter((name) => /^10\./.test(name))
      .sort();
  t.equal((await cnitool('status', netns[0])).status, 0);
  for (const [i, path] of netns.entries()) {
    const added = await cnitool('add', path);
    t.equal(added.status, 0, added.stderr);
    t.match(JSON.parse(added.stdout), { cniVersion: '1.1.0', ips: [{ address: `10.88.0.${i + 2}/24` }] });
    const checked = await cnitool('check', path);
    t.equal(checked.status, 0, checked.stderr);
  }
  for (const to of ['10.88.0.1', '10.88.0.3']) {
    await must('ip', ['netns', 'exec', 'a', 'ping', '-n', '-c', '1', '-W', '3', to]);
  }
  const talk = `exec 3<>/dev/tcp/10.88.0.1/${port} && cat <&3`;
  t.equal(await must('ip', ['netns', 'exec', 'b', 'bash', '-c', talk]), 'hello 10.88.0.3\n');
  if (has('tuning')) {
    const [[key = '', value]] = Object.entries(SYSCTL) as [[string, string]];
    t.equal((await must('ip', ['netns', 'exec', 'a', 'sysctl', '-n', key])).trim(), value);
  }
  await must('ip', ['-n', 'b', 'route', 'delete', 'default']);
  t.not((await cnitool('check', netns[1])).status, 0, 'CHECK finds what is wrong');
  t.equal((await cnitool('del', netns[0])).status, 0);
  t.equal((await cnitool('del', netns[0])).status, 0, 'twice');
  t.same(leases(), ['10.88.0.3']);
  // cnitool's gc claims nothing
  const collected = await cnitool('gc', netns[1]);
  t.equal(collected.status, 0, collected.stderr);
  t.same(leases(), []);
  t.notMatch(await must('ip', ['-br', 'link']), /veth/);
});
