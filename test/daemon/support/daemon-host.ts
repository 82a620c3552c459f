import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { askDaemon, type DaemonStatus } from '../../../host/daemon/index.js';
import { CniHost, type Container, type Json, type Outcome } from '../../plugins/support/host.js';

interface Teardown {
  teardown(work: () => unknown): void;
}

const main = fileURLToPath(new URL('../../../host/cli/main.js', import.meta.url));

/** A host whose executables are the native client; with a daemon when it is started. */
export class DaemonHost extends CniHost {
  readonly socketPath: string;
  #daemon: ChildProcess | undefined;
  #log = '';

  constructor(t: Teardown) {
    super(t, (directory) => ({ mode: 'client', socketPath: join(directory, 'daemon.sock') }));
    this.socketPath = join(this.directory, 'daemon.sock');
    t.teardown(() => this.kill());
  }

  /** What the daemon has logged. */
  get log(): string {
    return this.#log;
  }

  get pid(): number {
    return this.#daemon?.pid ?? -1;
  }

  /** Starts `netloom daemon`, and waits until it listens, or has ended. */
  async startDaemon(...args: string[]): Promise<void> {
    const command = [main, 'daemon', '--socket', this.socketPath, '--log-level', 'info', ...args];
    const daemon = this.lab.namespace.run(() =>
      spawn(execPath, command, { stdio: ['ignore', 'ignore', 'pipe'], env: { PATH: process.env.PATH } }),
    );
    this.#daemon = daemon;
    daemon.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#log += text;
    });
    while (daemon.exitCode === null && daemon.signalCode === null) {
      if (existsSync(this.socketPath) && (await this.status().catch(() => undefined))?.pid === daemon.pid)
        return;
      await sleep(10);
    }
  }

  async status(): Promise<DaemonStatus> {
    return JSON.parse(await askDaemon(this.socketPath, '/status')) as DaemonStatus;
  }

  /** The value of a metric, by the beginning of its line. */
  async metric(beginning: string): Promise<number> {
    const text = await askDaemon(this.socketPath, '/metrics');
    const line = text.split('\n').find((one) => one.startsWith(`${beginning} `));
    return Number(line?.slice(beginning.length + 1) ?? 0);
  }

  /** Ends the daemon; returns its exit status. */
  async stopDaemon(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    const daemon = this.#daemon;
    if (daemon === undefined) return null;
    if (daemon.exitCode === null && daemon.signalCode === null) {
      const ended = once(daemon, 'exit');
      daemon.kill(signal);
      await ended;
    }
    return daemon.exitCode;
  }

  kill(): void {
    this.#daemon?.kill('SIGKILL');
  }
}

/** The network of openfaas' faasd, with leases in the test's own directory. */
export function openfaas(host: CniHost): readonly [Json, Json] {
  const common = { cniVersion: '0.4.0', name: 'openfaas-cni-bridge' };
  return [
    {
      ...common,
      type: 'bridge',
      bridge: 'openfaas0',
      isGateway: true,
      ipMasq: true,
      ipam: {
        type: 'host-local',
        subnet: '10.62.0.0/16',
        dataDir: host.dataDir,
        routes: [{ dst: '0.0.0.0/0' }],
      },
    },
    { ...common, type: 'firewall', backend: 'nftables' },
  ];
}

/** Executes the plugins of a list as a runtime does; of ADD stops at the first that fails. */
export async function attach(
  host: CniHost,
  container: Container,
  configs: readonly Json[],
): Promise<Outcome> {
  let outcome: Outcome | undefined;
  for (const config of configs) {
    const prevResult = outcome === undefined ? {} : { prevResult: outcome.json };
    outcome = await host.start('ours', String(config.type), 'ADD', { ...config, ...prevResult }, container);
    if (outcome.status !== 0) return outcome;
  }
  return outcome as Outcome;
}

/** DEL of a list, last plugin first; returns the first outcome that is a failure, or the last. */
export async function detach(
  host: CniHost,
  container: Container,
  configs: readonly Json[],
  prevResult?: Json,
): Promise<Outcome> {
  let outcome: Outcome | undefined;
  for (const config of [...configs].reverse()) {
    const given = { ...config, ...(prevResult === undefined ? {} : { prevResult }) };
    const done = await host.start('ours', String(config.type), 'DEL', given, container);
    if (outcome === undefined || outcome.status === 0) outcome = done;
  }
  return outcome as Outcome;
}
