/** Containers of a real Docker on our networks and on its own. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { root } from '../peers.js';
import type { Table } from '../table.js';
import type { Cycle, DockerTimes, Network } from './times.js';

/** Containers on each network, for each turn. */
const CYCLES = 8;
const TARGET = 1;
const WHOLE = 'create + start + remove';

const prepare = `
set -e
ip link set lo up
mount -t tmpfs tmpfs /run
mkdir -p /run/netns /run/lock /run/docker/plugins
exec "$@"
`;

function missing(): string | undefined {
  const directories = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin'];
  const lacking = ['dockerd', 'docker', 'runc', 'containerd', 'busybox'].filter(
    (program) =>
      !directories.some((directory) => statSync(join(directory, program), { throwIfNoEntry: false })),
  );
  return lacking.length === 0 ? undefined : `${lacking.join(', ')}: not installed`;
}

/** Throws what went wrong. */
function measure(cycles: number): DockerTimes {
  const directory = mkdtempSync('/tmp/netloom-bench-docker-');
  try {
    const program = `${root}dist/bench/docker/program.js`;
    const unshare = ['-n', '-m', '-p', '-f', '--kill-child', '--mount-proc', '--propagation', 'private'];
    const done = spawnSync(
      'unshare',
      [...unshare, 'bash', '-c', prepare, 'bash', execPath, program, String(cycles), directory, 'overlay2'],
      { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 1_200_000, maxBuffer: 1 << 26 },
    );
    if (done.status !== 0) throw new Error(done.stderr.trim().split('\n').slice(-3).join(' '));
    return JSON.parse(done.stdout) as DockerTimes;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const whole = ({ create, start, remove }: Cycle): number => create + start + remove;
const own = ({ calls }: Cycle): number => Object.values(calls).reduce((sum, ns) => sum + ns, 0);

/** Fills the table with what containers take, and with our driver's share of it, call by call. */
export function compareDocker(table: Table, turns: number, wanted: (title: string) => boolean): void {
  const title = `docker: ${WHOLE}`;
  if (!wanted(title)) return;
  const why = missing();
  if (why !== undefined) {
    table.skip(title, "Docker's bridge driver", why);
    return;
  }
  process.stderr.write('Containers of Docker …\n');
  let times: DockerTimes;
  try {
    times = measure(turns * CYCLES);
  } catch (error) {
    table.skip(title, "Docker's bridge driver", `Docker does not run here: ${(error as Error).message}`);
    return;
  }
  const docker = `Docker ${times.version}`;
  for (const [name, cycles] of [
    ['docker', times.plain],
    ['docker, a port published', times.published],
  ] as const) {
    const on = (network: Network): Cycle[] => cycles.filter((one) => one.network === network);
    const ours = on('netloom');
    const row = (bench: string, rival: string, mine: number[], theirs: number[], target?: number): void =>
      table.add({ bench, rival, ours: mine, theirs, target });
    row(`${name}: ${WHOLE}`, `${docker}'s bridge driver`, ours.map(whole), on('user').map(whole), TARGET);
    row(`${name}: ${WHOLE}`, `${docker}'s docker0`, ours.map(whole), on('default').map(whole));
    row(`${name}: our driver in all`, 'the whole', ours.map(own), ours.map(whole));
    for (const call of Object.keys(ours[0]?.calls ?? {})) {
      row(
        `${name}: ${call}`,
        'the whole',
        ours.map(({ calls }) => calls[call] ?? 0),
        ours.map(whole),
      );
    }
  }
}
