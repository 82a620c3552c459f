/** Gives a script that needs root a place where it has it: its own user, network and mount namespaces. */
import { spawnSync } from 'node:child_process';
import { argv, execPath, getuid } from 'node:process';
import { Failure, installed, say } from './steps.mjs';

/** True when the script may go on; else it has been run again inside namespaces, and `process.exitCode` is set. */
export function privileged(what) {
  if (getuid() === 0) return true;
  if (!installed('unshare')) {
    throw new Failure(
      `${what} needs root, or unshare for namespaces of its own: sudo apt-get install -y util-linux`,
    );
  }
  const probe = spawnSync('unshare', ['-Urnm', 'true']);
  if (probe.status !== 0) {
    throw new Failure(
      `${what} needs root: this system allows no user namespaces. Run it with sudo, or allow them: ` +
        'sudo sysctl kernel.unprivileged_userns_clone=1 (Debian) or kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu)',
    );
  }
  say('Not root: going on in user, network and mount namespaces of our own.');
  // /run must be ours, for the names of network namespaces
  const prepare = 'mount -t tmpfs tmpfs /run && exec "$@"';
  const done = spawnSync('unshare', ['-Urnm', 'sh', '-c', prepare, 'sh', execPath, ...argv.slice(1)], {
    stdio: 'inherit',
  });
  process.exitCode = done.status ?? 1;
  return false;
}
