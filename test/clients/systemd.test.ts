/** The units that `netloom install` and `netloom docker install` write, under a systemd of the test's own. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { test } from 'tap';
import { skip } from './support/enter.js';

const main = fileURLToPath(new URL('../../host/cli/main.js', import.meta.url));
const SYSTEMD = '/lib/systemd/systemd';
const TARGET = 'netloom-test.target';

/** What of the machine's units is of no use here, and what all others wait for. */
const masked = ['systemd-journald', 'systemd-udevd', 'systemd-tmpfiles-setup', 'docker', 'containerd'];
const emptied = ['local-fs', 'swap', 'sysinit', 'basic', 'sockets', 'multi-user'];

const prepare = `
set -e
for directory in /run /etc/systemd/system /opt; do mount -t tmpfs tmpfs $directory; done
[ -d /etc/docker ] && mount -t tmpfs tmpfs /etc/docker
mkdir -p /run/systemd/system /run/netns /run/docker/plugins /opt/cni/bin
mount -t cgroup2 cgroup2 /sys/fs/cgroup
ip link set lo up
'${process.execPath}' '${main}' install >/dev/null
'${process.execPath}' '${main}' docker install --daemon --plugins-dir /run/docker/specs >/dev/null
cd /etc/systemd/system
for unit in ${masked.join(' ')}; do ln -s /dev/null $unit.service; done
for unit in ${emptied.join(' ')}; do printf '[Unit]\\nDefaultDependencies=no\\n' > $unit.target; done
printf '[Unit]\\nWants=netloom.socket netloom-docker.socket\\n' > ${TARGET}
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin container=other ${SYSTEMD} --system --unit=${TARGET} --log-target=console
`;

/** A systemd that is process 1 of its namespaces. */
class Machine {
  readonly #child: ChildProcess;
  readonly #directory = mkdtempSync('/tmp/nl-systemd-');

  constructor() {
    const file = join(this.#directory, 'prepare');
    writeFileSync(file, prepare);
    const spaces = ['-n', '-m', '-p', '-u', '-i', '-C', '-f', '--kill-child', '--mount-proc'];
    this.#child = spawn('unshare', [...spaces, '--propagation', 'private', 'bash', file], {
      stdio: 'ignore',
    });
  }

  /** Its first process, as this namespace numbers it. */
  get #first(): string {
    const { pid } = this.#child;
    try {
      return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    } catch {
      return '';
    }
  }

  run(command: string): { status: number | null; text: string } {
    const done = spawnSync('nsenter', ['-t', this.#first, '-a', 'sh', '-c', `{ ${command}; } 2>&1`], {
      encoding: 'utf8',
      timeout: 30_000,
      env: { PATH: process.env.PATH },
    });
    return { status: done.status, text: `${done.stdout}${done.stderr}`.trim() };
  }

  /** False when it does not come up: in a container it may not mount what it needs. */
  async isUp(): Promise<boolean> {
    for (let i = 0; i < 60 && this.#child.exitCode === null; i++) {
      await pause(500);
      if (this.#first !== '' && this.run(`systemctl is-active ${TARGET}`).text === 'active') return true;
    }
    return false;
  }

  end(): void {
    this.#child.kill('SIGKILL');
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

function call(command: 'ADD' | 'DEL', n: number): string {
  const address = `10.1.1.${n}/24`;
  const config = {
    ...{ cniVersion: '1.0.0', name: 'net', type: 'bridge', bridge: 'br0' },
    ipam: { type: 'static', addresses: [{ address }] },
  };
  const environment = `CNI_COMMAND=${command} CNI_CONTAINERID=c${n} CNI_NETNS=/run/netns/pod CNI_IFNAME=eth${n}`;
  return `echo '${JSON.stringify(config)}' | ${environment} CNI_PATH=/opt/cni/bin /opt/cni/bin/bridge`;
}

const missing = [SYSTEMD, '/usr/bin/curl', '/usr/bin/systemctl'].filter((file) => !existsSync(file));
if (missing.length > 0) skip(`${missing.join(', ')}: not installed`);
const root = /^\s*0\s+0\s+4294967295/.test(readFileSync('/proc/self/uid_map', 'utf8'));
if (!root) skip('a systemd of its own needs root outside of user namespaces');
const machine = new Machine();
if (!(await machine.isUp())) {
  machine.end();
  skip('systemd does not run here');
}

test('sockets that start the daemon, for plugins and for Docker', { timeout: 120_000 }, async (t) => {
  t.teardown(() => machine.end());
  const active = (unit: string): string => machine.run(`systemctl is-active ${unit}`).text;
  const calls = (): string =>
    /netloom_calls_total\{plugin="bridge",command="ADD",outcome="ok"\} (\d+)/.exec(
      machine.run('curl -s --unix-socket /run/netloom/daemon.sock http://daemon/metrics').text,
    )?.[1] ?? '';
  machine.run('ip netns add pod');
  t.equal(active('netloom.service'), 'inactive');

  t.match(machine.run(call('ADD', 1)), { status: 0, text: /10\.1\.1\.1\/24/ });
  t.equal(active('netloom.service'), 'active', 'the first call has started it');
  t.match(machine.run(call('ADD', 2)), { status: 0 });
  t.equal(calls(), '2');
  t.match(
    machine.run(
      'curl -s --unix-socket /run/docker/plugins/netloom.sock -X POST http://plugin/Plugin.Activate',
    ).text,
    /"NetworkDriver","IpamDriver"/,
    'the same process serves Docker',
  );

  t.match(machine.run('systemctl restart netloom.service'), { status: 0 });
  t.match(machine.run(call('DEL', 1)), { status: 0, text: '' });
  t.match(machine.run('kill -KILL $(systemctl show -p MainPID --value netloom.service)'), { status: 0 });
  t.match(machine.run(`sleep 1; ${call('ADD', 3)}`), { status: 0 }, 'started again');
  t.equal(calls(), '1');

  t.match(machine.run('systemctl stop netloom.service'), { status: 0 });
  t.equal(active('netloom.socket'), 'active', 'the sockets stay');
  t.match(machine.run(call('DEL', 2)), { status: 0, text: '' });
  t.equal(active('netloom.service'), 'active');
  t.match(machine.run('ip -n pod -brief link').text, /eth3/);
  t.notMatch(machine.run('ip -n pod -brief link').text, /eth[12]/);
});
