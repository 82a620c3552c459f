import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { enter, inside, skip } from './support/enter.js';

const MODULE = 'github.com/containernetworking/cni/cnitool@v1.3.0';
const directory = fileURLToPath(new URL('.', import.meta.url));
const tool = `${directory}cnitool`;
const main = fileURLToPath(new URL('../../host/cli/main.js', import.meta.url));

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

test('netloom cni takes the same arguments, and takes over', { timeout: 100_000 }, async (t) => {
  provide('/etc/cni/net.d', 'tool', '10.88.0', '1.1.0');
  const path = '/run/netns/c';
  await must('ip', ['netns', 'add', 'c']);
  const named = { ...env, CNI_IFNAME: 'net0' };
  const netloom = (command: string, more: NodeJS.ProcessEnv = {}): ReturnType<typeof run> =>
    run(process.execPath, [main, 'cni', command, 'tool', path], { env: { ...named, ...more } });
  const ofTool = (command: string, more: NodeJS.ProcessEnv = {}): ReturnType<typeof run> =>
    run(tool, [command, 'tool', path], { env: { ...named, ...more } });
  const args = {
    CNI_ARGS: 'IgnoreUnknown=1;K8S_POD_NAME=web',
    CAP_ARGS: '{"portMappings": [{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}]}',
  };
  const sides = [netloom, ofTool] as const;
  const shapes: unknown[] = [];
  for (const [first, second] of [sides, [...sides].reverse()] as [typeof netloom, typeof netloom][]) {
    t.equal((await first('status')).status, 0);
    const added = await first('add', args);
    t.equal(added.status, 0, added.stderr);
    const { interfaces, ...rest } = JSON.parse(added.stdout);
    shapes.push([
      interfaces.map(({ mac: _, name, ...one }: { mac: string; name: string }) => ({
        ...one,
        net: name === 'net0',
      })),
      Object.keys(rest),
    ]);
    t.match(await must('nft', ['list', 'ruleset']), /dport 8080/);
    for (const side of sides) {
      const checked = await side('check', args);
      t.equal(checked.status, 0, checked.stderr);
    }
    const deleted = await second('del', args);
    t.equal(deleted.status, 0, deleted.stderr);
    t.notMatch(await must('ip', ['-br', 'link']), /veth/);
    t.same(readdirSync('/var/lib/cni/results'), []);
  }
  t.same(shapes[0], shapes[1], 'the same is printed');
  for (const more of [{ CNI_ARGS: 'K' }, { CNI_ARGS: '=V' }]) {
    const [ours, theirs] = await Promise.all([netloom('add', more), ofTool('add', more)]);
    t.equal(ours.status, 1);
    t.equal(theirs.status, 1);
    t.ok(
      theirs.stderr.includes(ours.stderr.replace('netloom: ', '').trim()),
      `${theirs.stderr} | ${ours.stderr}`,
    );
  }
  // gc as cnitool has it keeps nothing
  await ofTool('add', args);
  t.equal((await netloom('gc')).status, 0);
  t.same(readdirSync('/var/lib/cni/results'), []);
  t.notMatch(await must('ip', ['-br', 'link']), /veth/);
});
