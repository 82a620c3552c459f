import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'tap';
import { paletteFor } from '../../host/cli/color.js';
import { Progress } from '../../host/cli/progress.js';
import { decorated } from '../../host/cli/table.js';
import { Lab } from '../support/lab.js';
import { netloom, run } from './support/cli.js';
import { matches } from './support/snapshot.js';

interface Teardown {
  teardown(work: () => unknown): void;
}

function configs(t: Teardown, lists: Record<string, object | string>): string {
  const directory = mkdtempSync(join(tmpdir(), 'nl-conf-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  for (const [name, list] of Object.entries(lists)) {
    writeFileSync(join(directory, name), typeof list === 'string' ? list : JSON.stringify(list));
  }
  return directory;
}

const bridged = (name: string, net: string, directory: string): object => ({
  cniVersion: '1.1.0',
  name,
  plugins: [
    {
      type: 'bridge',
      bridge: `br-${name}`,
      isGateway: true,
      capabilities: { ips: true, mac: true },
      ipam: { type: 'host-local', ranges: [[{ subnet: `${net}.0/24` }]], dataDir: `${directory}/leases` },
    },
  ],
});

/** What differs from run to run, named alike. */
function plain(text: string, directory: string): string {
  return text
    .replaceAll(directory, '/conf')
    .replaceAll(/"duration":[\d.]+/g, '"duration":1')
    .replaceAll(/ +[\d.]+ ms/g, ' 1.0 ms')
    .replaceAll(/([0-9a-f]{2}:){5}[0-9a-f]{2}/g, '02:00:00:00:00:00')
    .replaceAll(/veth[0-9a-f]{8}/g, 'veth00000000')
    .replaceAll(/nl-pod-[0-9a-f]{8}/g, 'pod')
    .replaceAll(/cnitool-[0-9a-f]{20}/g, 'cnitool-0');
}

test('what validate, status and version say', { timeout: 60_000 }, async (t) => {
  const directory = configs(t, {
    '10-good.conflist': {
      cniVersion: '1.1.0',
      name: 'good',
      plugins: [{ type: 'static', capabilities: { ips: true } }, { type: 'portmap' }],
    },
    '20-broken.conflist': '{\n  "name": "broken",\n  "plugins": [{ "type": "x" }\n}\n',
    '30-wrong.conflist':
      '{\n  "cniVersion": "1.1.0",\n  "name": "wrong",\n  "plugins": [\n    { "type": "bridge", "mtu": "many" },\n    { "type": "nope" }\n  ]\n}\n',
    '40-old.conf': { cniVersion: '0.4.0', name: 'old', type: 'static', ipam: { type: 'static' } },
  });
  const env = { NETCONFPATH: directory, CNI_PATH: '/no/such' };
  for (const json of [[], ['--json']]) {
    const kind = json.length === 0 ? 'txt' : 'json';
    const all = run(['cni', 'validate', ...json], env);
    t.equal(all.status, 1);
    t.equal(all.stderr, '');
    matches(t, plain(all.stdout, directory), `validate.${kind}`);
    const one = run(['cni', 'validate', join(directory, '40-old.conf'), ...json], env);
    t.equal(one.status, 0, one.stdout);
    matches(t, plain(one.stdout, directory), `validate-one.${kind}`);
    const versions = run(['cni', 'version', 'firewall', 'nope', ...json], env);
    t.equal(versions.status, 1);
    matches(t, plain(versions.stdout, directory), `version.${kind}`);
    const status = run(['cni', 'status', ...json], env);
    t.equal(status.status, 1);
    t.equal(status.stderr, '');
    matches(t, plain(status.stdout, directory), `status.${kind}`);
    const broken = run(['cni', 'status', join(directory, '20-broken.conflist'), ...json], env);
    t.equal(broken.status, 1);
    matches(t, plain(broken.stdout + broken.stderr, directory), `status-broken.${kind}`);
  }
  t.match(run(['cni', 'validate'], { NETCONFPATH: '/no/such' }), {
    status: 1,
    stderr: 'netloom: no net configurations found in /no/such\n',
  });
});

test('cnitool’s environment and arguments; JSON; a namespace of its own', { timeout: 120_000 }, async (t) => {
  const host = new Lab(t, 'host');
  const pod = new Lab(t, 'pod');
  const directory = configs(t, {});
  writeFileSync(join(directory, 'blue.conflist'), JSON.stringify(bridged('blue', '10.7.0', directory)));
  const common = ['--cache-dir', join(directory, 'cache')];
  const env = { NETCONFPATH: directory, CNI_PATH: '/no/such', CNI_IFNAME: 'net0' };
  const cni = (args: string[], more: NodeJS.ProcessEnv = {}) =>
    host.namespace.run(() => run(['cni', ...args, ...common], { ...env, ...more }));

  const id = `cnitool-${createHash('sha512').update(pod.path).digest().subarray(0, 10).toString('hex')}`;
  const capabilities = { CAP_ARGS: '{"ips": ["10.7.0.9/24"], "other": 1}', CNI_ARGS: 'IgnoreUnknown=1;X=y' };
  const added = cni(['add', 'blue', pod.path], capabilities);
  t.equal(added.status, 0, added.stderr);
  t.equal(added.stderr, '');
  matches(t, plain(added.stdout, directory), 'add.txt');
  t.match(pod.ip('address', 'show', 'net0')[0].addr_info[0], { local: '10.7.0.9' });
  const cached = JSON.parse(readFileSync(join(directory, 'cache/results', `blue-${id}-net0`), 'utf8'));
  t.match(cached, {
    containerId: id,
    netns: pod.path,
    cniArgs: [
      ['IgnoreUnknown', '1'],
      ['X', 'y'],
    ],
  });
  const checked = cni(['check', 'blue', pod.name, '--json']);
  t.equal(checked.status, 0, checked.stdout);
  matches(t, plain(checked.stdout, directory), 'check.json');
  t.same(cni(['status', 'blue', pod.path]).stdout, '');
  const timed = cni(['del', 'blue', pod.name, '--timings']);
  t.equal(timed.status, 0);
  matches(t, plain(timed.stderr, directory), 'del-timings.txt');

  for (const [more, says] of [
    [{ CNI_ARGS: 'K' }, 'invalid CNI_ARGS pair "K"'],
    [{ CNI_ARGS: 'K=' }, 'invalid CNI_ARGS pair "K="'],
    [{ CAP_ARGS: '[]' }, 'capabilities (CAP_ARGS): expected an object, got []'],
  ] as const) {
    t.match(cni(['add', 'blue', pod.path], more), { status: 1, stderr: `netloom: ${says}\n` });
  }
  const wrong = cni(['add', 'blue', pod.path, '--json'], { CAP_ARGS: '{"mac": 5}' });
  t.equal(wrong.status, 1);
  matches(t, plain(wrong.stdout, directory), 'add-error.json');

  const name = `nl-new-${pod.name.slice(-8)}`;
  t.teardown(() => spawnSync('ip', ['netns', 'del', name]));
  t.equal(cni(['add', 'blue', '--new', name], { CAP_ARGS: '{"ips": "x"}' }).status, 1);
  t.notOk(existsSync(`/run/netns/${name}`), 'a failed ADD leaves no namespace');
  const made = cni(['add', 'blue', '--new', name, '--json']);
  t.equal(made.status, 0, made.stderr);
  t.match(JSON.parse(made.stdout), { network: 'blue', netns: `/run/netns/${name}`, ifname: 'net0' });
  t.match(spawnSync('ip', ['-n', name, 'link'], { encoding: 'utf8' }).stdout, /lo: <LOOPBACK,UP/);
  t.match(cni(['add', 'blue', '--new', name]), { status: 1, stderr: /exists already/ });
  t.ok(existsSync(`/run/netns/${name}`), 'one that was there stays');
  // the config is gone: the cache still has it
  rmSync(join(directory, 'blue.conflist'));
  const gone = cni(['del', 'blue', name, '--delete']);
  t.equal(gone.status, 0, gone.stderr);
  t.match(gone.stderr, /its config is taken from the cache/);
  t.notOk(existsSync(`/run/netns/${name}`));
  t.match(cni(['del', 'blue', name]), { status: 1, stderr: /no net configurations found/ });
  t.same(readdirSync(join(directory, 'cache/results')), []);
  t.same(
    host.ip('link').map(({ ifname }: { ifname: string }) => ifname),
    ['lo'],
  );
});

test('gc: by names, by what is left, all', { timeout: 120_000 }, async (t) => {
  const host = new Lab(t, 'host');
  const directory = configs(t, {});
  writeFileSync(join(directory, 'blue.conflist'), JSON.stringify(bridged('blue', '10.7.0', directory)));
  const cni = (...args: string[]) =>
    host.namespace.run(() =>
      run(['cni', ...args, '--cache-dir', join(directory, 'cache')], { NETCONFPATH: directory }),
    );
  const leases = (): string[] =>
    readdirSync(join(directory, 'leases/blue'))
      .filter((name) => name.startsWith('10.'))
      .sort();
  const pods = [new Lab(t, 'pod'), new Lab(t, 'pod'), new Lab(t, 'pod')];
  for (const [i, pod] of pods.entries()) {
    t.equal(cni('add', 'blue', pod.name, '--container-id', `c${i}`).status, 0);
  }
  t.match(cni('gc', 'blue'), { status: 1, stderr: /what is valid\?/ });
  t.equal(leases().length, 3);
  t.equal(cni('gc', 'blue', '--valid', 'c0', 'c1:eth0').status, 0);
  t.same(leases(), ['10.7.0.2', '10.7.0.3']);
  spawnSync('ip', ['netns', 'delete', pods[0]?.name ?? '']);
  const stale = cni('gc', 'blue', '--stale', '--json');
  t.match(JSON.parse(stale.stdout), { deleted: [{ containerID: 'c0', ifname: 'eth0' }] });
  t.same(leases(), ['10.7.0.3']);
  t.equal(cni('gc', 'blue', pods[1]?.path ?? '').status, 0, 'as cnitool: nothing is valid');
  t.same(leases(), []);
});

test('a signal undoes what was begun', { timeout: 60_000 }, async (t) => {
  const directory = configs(t, {});
  const started = join(directory, 'started');
  writeFileSync(
    join(directory, 'sleeper'),
    `#!/bin/sh\n[ $CNI_COMMAND = ADD ] || { echo $CNI_COMMAND >> ${started}; exit 0; }\ncat > ${started}; exec sleep 60\n`,
    { mode: 0o755 },
  );
  writeFileSync(
    join(directory, 'slow.conflist'),
    '{"cniVersion": "1.0.0", "name": "slow", "plugins": [{"type": "sleeper"}]}',
  );
  const child = spawn(
    process.execPath,
    [netloom, 'cni', 'add', 'slow', '/no/such', '--cache-dir', directory],
    {
      env: { PATH: process.env.PATH, NETCONFPATH: directory, CNI_PATH: directory },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let stderr = '';
  child.stderr.on('data', (text) => {
    stderr += text;
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  while (child.exitCode === null && (!existsSync(started) || readFileSync(started, 'utf8') === '')) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  child.kill('SIGINT');
  t.equal(await ended, 130);
  t.equal(stderr, 'netloom: interrupted by SIGINT\n');
  t.match(readFileSync(started, 'utf8'), /DEL\n$/);
});

test('colours and progress are for terminals', async (t) => {
  const terminal = { isTTY: true };
  t.equal(decorated(terminal, { TERM: 'xterm' }), true);
  t.equal(decorated(terminal, { NO_COLOR: '' }), true, 'an empty NO_COLOR is none');
  t.equal(decorated(terminal, { NO_COLOR: '1' }), false);
  t.equal(decorated(terminal, { TERM: 'dumb' }), false);
  t.equal(decorated({}, {}), false);
  t.equal(paletteFor(terminal, {}).error('x'), '\u001b[31mx\u001b[0m');
  t.equal(paletteFor(terminal, { NO_COLOR: '1' }).error('x'), 'x');

  const written: string[] = [];
  const write = (text: string): unknown => written.push(text);
  {
    using quick = new Progress({ isTTY: true, write });
    quick.begin('ADD blue: bridge');
  }
  t.same(written, [], 'what is quick is not told');
  {
    using slow = new Progress({ isTTY: true, write });
    slow.begin('ADD blue: bridge');
    const waiting = setInterval(() => undefined, 100);
    while (written.length === 0) await new Promise((resolve) => setTimeout(resolve, 50));
    clearInterval(waiting);
  }
  t.match(written[0]?.slice('\r\u001b[K'.length), /^ADD blue: bridge … \d+ s$/);
  t.equal(written.at(-1), '\r\u001b[K', 'and it goes');
});
