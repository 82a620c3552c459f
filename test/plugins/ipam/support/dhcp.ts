import { type ChildProcess, spawn } from 'node:child_process';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Test } from 'tap';
import { CniHost, type Container, type Json, type Outcome, type Side } from '../../support/host.js';
import { type Answer, DhcpServer, granting } from './dhcp-server.js';

export const SERVER = '192.168.77.1';

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => probe.end(() => resolve(true)));
    probe.once('error', () => resolve(false));
  });
}

/** Flags of a daemon that sends soon again what is lost, and doesn't give up where a busy machine answers late. */
export const impatient = ['-timeout', '400ms', '-resendmax', '500ms', '-resendtimeout', '25s'];

/** Those of one that soon gives up. */
export const despairing = ['-timeout', '400ms', '-resendmax', '500ms', '-resendtimeout', '1s'];

/** `dhcp daemon` as a process. */
export class DhcpDaemon {
  readonly child: ChildProcess;
  log = '';
  readonly ended: Promise<number | NodeJS.Signals | null>;

  constructor(t: Test, host: CniHost, side: Side, flags: readonly string[], env: NodeJS.ProcessEnv = {}) {
    this.child = host.lab.namespace.run(() =>
      spawn(host.file(side, 'dhcp'), ['daemon', ...flags], {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { PATH: process.env.PATH, ...env },
      }),
    );
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on('data', (text) => {
        this.log += text;
      });
    }
    this.ended = new Promise((resolve) => {
      this.child.once('exit', (status, signal) => resolve(status ?? signal));
    });
    t.teardown(() => this.end('SIGKILL'));
  }

  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | NodeJS.Signals | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill(signal);
    return await this.ended;
  }

  /** Waits until the log has it. */
  async logged(what: RegExp, timeout = 20_000): Promise<void> {
    const end = performance.now() + timeout;
    while (!what.test(this.log)) {
      if (performance.now() > end) throw new Error(`${what} is not in the daemon's log: ${this.log}`);
      await pause(20);
    }
  }
}

/** A host with a bridge on which a DHCP server answers, and containers on ports of it. */
export class DhcpLab {
  readonly host: CniHost;
  readonly server: DhcpServer;
  readonly socketPath: string;
  readonly #t: Test;
  #ports = 0;

  constructor(t: Test, answer: Answer = granting(SERVER)) {
    this.#t = t;
    this.host = new CniHost(t);
    const { lab } = this.host;
    lab.run('ip', 'link', 'add', 'br0', 'type', 'bridge');
    lab.run('ip', 'address', 'add', `${SERVER}/24`, 'dev', 'br0');
    lab.run('ip', 'link', 'set', 'br0', 'up');
    this.server = new DhcpServer(t, lab, 'br0', SERVER, answer);
    this.socketPath = join(this.host.directory, 'dhcp.sock');
  }

  /** A container whose eth0 is down, and leads to the bridge. */
  container(): Container {
    const container = this.host.container();
    const port = `p${++this.#ports}`;
    const { lab } = this.host;
    lab.run('ip', 'link', 'add', port, 'type', 'veth', 'peer', 'eth0', 'netns', container.lab.name);
    lab.run('ip', 'link', 'set', port, 'master', 'br0', 'up');
    return container;
  }

  /** Starts a daemon, and waits until it answers. */
  async daemon(side: Side = 'ours', flags: readonly string[] = []): Promise<DhcpDaemon> {
    const daemon = new DhcpDaemon(this.#t, this.host, side, ['-socketpath', this.socketPath, ...flags]);
    for (let tries = 0; !(await answers(this.socketPath)); tries++) {
      if (tries > 400 || daemon.child.exitCode !== null) throw new Error(`no daemon: ${daemon.log}`);
      await pause(25);
    }
    return daemon;
  }

  config(ipam: Json = {}, extra: Json = {}): Json {
    return {
      cniVersion: '1.0.0',
      name: 'net',
      type: 'dhcp',
      ipam: { type: 'dhcp', daemonSocketPath: this.socketPath, ...ipam },
      ...extra,
    };
  }

  async run(
    command: string,
    container?: Container,
    config: Json = this.config(),
    { side = 'ours' as Side, extra = {} as NodeJS.ProcessEnv } = {},
  ): Promise<Outcome> {
    return await this.host.start(side, 'dhcp', command, config, container, undefined, extra);
  }

  /** The same, and it has to work. */
  async must(
    command: string,
    container?: Container,
    config: Json = this.config(),
    how: { side?: Side; extra?: NodeJS.ProcessEnv } = {},
  ): Promise<Json> {
    const done = await this.run(command, container, config, how);
    this.#t.equal(done.status, 0, `${how.side ?? 'ours'} ${command}: ${done.stdout}${done.stderr}`);
    return done.json;
  }
}
