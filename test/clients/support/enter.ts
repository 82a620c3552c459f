import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Its lock is held by every file that runs: what one has made in the machine's own tree is another's mount point too. */
const here = fileURLToPath(new URL('.', import.meta.url));
/** Directories that were made, one a line. */
const made = join(here, 'made-directories');

/**
 * Tests with other software run in network, mount and process namespaces of their own: imported first, this starts the
 * file again in there. What is in /run, /etc/cni, /opt/cni and /var/lib/cni is then the test's alone, and whatever it has
 * started ends with it.
 */
const prepare = `
set -e
ip link set lo up
for directory in /etc/cni /opt/cni /var/lib/cni; do
  [ -d $directory ] || { mkdir -p $directory; echo $directory >>'${made}'; }
done
for directory in /run /etc/cni /opt/cni /var/lib/cni; do mount -t tmpfs tmpfs $directory; done
mkdir -p /run/netns /run/lock /etc/cni/net.d /opt/cni/bin
exec "$@"
`;

/** The last one to end takes away what was made. */
const tidy = `
[ ! -e '${made}' ] || { xargs rmdir --ignore-fail-on-non-empty <'${made}'; rm -f '${made}'; }
`;

/** Is this the second start? */
export const inside = process.env.NETLOOM_PRIVATE === '1';

function isThere(program: string): boolean {
  const directories = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin'];
  return directories.some((directory) => statSync(join(directory, program), { throwIfNoEntry: false }));
}

/** Ends the file, whose tests count as skipped. */
export function skip(why: string): never {
  process.stdout.write(`TAP version 14\nok 1 - ${why} # SKIP ${why}\n1..1\n`);
  process.exit(0);
}

/** Goes on in namespaces of its own; skips the file where programs are missing, or root is not really root. */
export function enter(...programs: string[]): void {
  if (inside) return;
  const missing = programs.filter((program) => !isThere(program));
  if (missing.length > 0) skip(`${missing.join(', ')}: not installed`);
  if (!/^\s*0\s+0\s+4294967295/.test(readFileSync('/proc/self/uid_map', 'utf8'))) {
    skip('runtimes of containers need root outside of user namespaces');
  }
  const { status } = spawnSync(
    'flock',
    [
      ...['--shared', '--close', here, 'unshare'],
      ...['-n', '-m', '-p', '-f', '--kill-child', '--mount-proc', '--propagation', 'private'],
      ...['bash', '-c', prepare, 'bash', process.execPath, ...process.execArgv, ...process.argv.slice(1)],
    ],
    { stdio: 'inherit', env: { ...process.env, NETLOOM_PRIVATE: '1' } },
  );
  spawnSync('flock', ['--exclusive', '--nonblock', here, 'sh', '-c', tidy]);
  process.exit(status ?? 1);
}
