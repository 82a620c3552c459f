/** A daemon for a host of the benchmark, and clients that ask it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { installPlugins } from '../../host/cli/install.js';
import { daemonEnvironment, daemonOptions } from '../../host/cli/units.js';
import { askDaemon, type DaemonStatus } from '../../host/daemon/index.js';
import { root } from '../peers.js';
import type { BenchHost } from './host.js';

export class Resident {
  readonly directory = mkdtempSync(join(tmpdir(), 'netloom-bench-daemon-'));
  readonly bin = join(this.directory, 'bin');
  readonly #daemon: ChildProcess;
  readonly #socketPath = join(this.directory, 'daemon.sock');

  constructor(host: BenchHost) {
    installPlugins({ directory: this.bin, mode: 'client', socketPath: this.#socketPath });
    const main = `${root}dist/host/cli/main.js`;
    // as its unit starts it, on a machine whose /run is in memory
    const prepare = 'mkdir -p /run/netloom && mount -t tmpfs tmpfs /run/netloom && exec "$@"';
    const args = [...daemonOptions, main, 'daemon', '--socket', this.#socketPath, '--log-level', 'error'];
    const env = { ...process.env, ...daemonEnvironment };
    this.#daemon = host.namespace.run(() =>
      spawn('unshare', ['-m', 'sh', '-c', prepare, 'sh', execPath, ...args], {
        env,
        stdio: ['ignore', 'ignore', 'inherit'],
      }),
    );
  }

  async ready(): Promise<void> {
    for (let tries = 0; !existsSync(this.#socketPath); tries++) {
      if (tries > 500) throw new Error('the daemon does not listen');
      await sleep(20);
    }
    await askDaemon(this.#socketPath, '/status');
  }

  async status(): Promise<DaemonStatus> {
    return JSON.parse(await askDaemon(this.#socketPath, '/status')) as DaemonStatus;
  }

  async end(): Promise<void> {
    const ended = new Promise((resolve) => this.#daemon.once('exit', resolve));
    this.#daemon.kill('SIGTERM');
    await ended;
    rmSync(this.directory, { recursive: true, force: true });
  }
}
