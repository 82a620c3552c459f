import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Test, test } from 'tap';
import { attach, DaemonHost, detach, openfaas } from '../daemon/support/daemon-host.js';
import { Lab } from '../support/lab.js';
import { DockerNetwork, Driver, program } from './support/driver.js';

const activate = fileURLToPath(new URL('../../../test/docker/support/activate.py', import.meta.url));
const DOCKER = 'netloom-docker.socket';

/** A network, a container in it, and a CNI container beside it. */
async function useBoth(t: Test, host: DaemonHost, driver: Driver): Promise<void> {
  const network = new DockerNetwork(driver);
  t.equal((await network.create({}, ['10.9.1.0/24'])).status, 200);
  const container = new Lab(t, 'ctr');
  const endpoint = network.endpoint();
  await endpoint.join(container, host.lab, '10.9.1.2/24');
  container.run('ping', '-n', '-c', '1', '-W', '2', '10.9.1.1');
  const other = host.container();
  const configs = openfaas(host);
  const added = await attach(host, other, configs);
  t.equal(added.status, 0, added.stdout);
  other.lab.run('ping', '-n', '-c', '1', '-W', '2', '10.62.0.1');
  t.equal((await detach(host, other, configs, added.json)).status, 0);
  await endpoint.leave(container, host.lab);
  t.same(await network.delete(), { status: 200, body: {} });
}

/** Sends half a request; the other half when it is told to. Returns the whole answer, when the connection has ended. */
function halfRequest(socketPath: string): { finish(): Promise<string>; sent: Promise<unknown> } {
  const body = JSON.stringify({ AddressSpace: '', Pool: '10.77.0.0/16', Options: null });
  const socket = connect(socketPath);
  let text = '';
  socket.on('data', (part) => {
    text += part;
  });
  const ended = once(socket, 'end');
  const head = `POST /IpamDriver.RequestPool HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n`;
  return {
    sent: new Promise((resolve) => socket.write(head + body.slice(0, 9), resolve)),
    finish: async () => {
      socket.write(body.slice(9));
      await ended;
      return text;
    },
  };
}

test('one process serves CNI and Docker, and answers both before it ends', { timeout: 60_000 }, async (t) => {
  const host = new DaemonHost(t);
  const driver = new Driver(t, host.lab);
  await host.startDaemon('--docker', ...driver.daemonOptions);
  t.match(host.log, /"part":"docker".*"msg":"listening"/);
  await useBoth(t, host, driver);
  const calls = (await host.status()).calls;
  t.ok(calls >= 4, 'the daemon performed the CNI calls');
  const late = halfRequest(driver.socket);
  await late.sent;
  await pause(50);
  const stopped = host.stopDaemon();
  // it takes no more, and still waits for this one
  while (existsSync(driver.socket) || existsSync(host.socketPath)) await pause(10);
  await pause(100);
  t.match(await late.finish(), /200 OK[\s\S]*Connection: close[\s\S]*netloom-local\/10\.77\.0\.0\/16/);
  t.equal(await stopped, 0);
  await host.startDaemon('--docker', ...driver.daemonOptions);
  t.same(await driver.call('IpamDriver.ReleasePool', { PoolID: 'netloom-local/10.77.0.0/16' }), {});
  t.equal(await host.stopDaemon(), 0);
  await host.startDaemon();
  t.notOk(existsSync(driver.socket), 'Docker is served only where that is asked for');
});

test('a daemon that cannot serve Docker does not serve CNI either, and says why', {
  timeout: 60_000,
}, async (t) => {
  const host = new DaemonHost(t);
  const driver = new Driver(t, host.lab);
  await driver.start();
  await host.startDaemon('--docker', ...driver.daemonOptions);
  t.equal(await host.stopDaemon(), 1);
  t.match(host.log, /somebody else serves/);
  t.notOk(existsSync(host.socketPath));
  t.equal((await driver.send('/Plugin.Activate', '')).status, 200, 'the other one is left alone');
});

/** Starts a command with sockets, as systemd does. */
class Activated {
  readonly child: ChildProcess;
  log = '';
  constructor(t: Test, lab: Lab, sockets: Readonly<Record<string, string>>, command: readonly string[]) {
    const places = Object.entries(sockets).map(([name, path]) => `${name}=${path}`);
    this.child = lab.namespace.run(() =>
      spawn('python3', [activate, ...places, '--', ...command], {
        stdio: ['ignore', 'ignore', 'pipe'],
        env: { PATH: process.env.PATH },
      }),
    );
    this.child.stderr?.on('data', (text) => {
      this.log += text;
    });
    t.teardown(() => this.child.kill('SIGKILL'));
  }

  async end(signal?: NodeJS.Signals): Promise<number | null> {
    const { child } = this;
    if (child.exitCode === null && child.signalCode === null) {
      const ended = once(child, 'exit');
      if (signal !== undefined) child.kill(signal);
      await ended;
    }
    return child.exitCode;
  }
}

/** systemd's socket is there before whoever serves it. */
async function there(...paths: string[]): Promise<void> {
  while (!paths.every((path) => existsSync(path))) await pause(10);
}

test('sockets of systemd lead to a daemon that serves both', { timeout: 60_000 }, async (t) => {
  const host = new DaemonHost(t);
  const driver = new Driver(t, host.lab);
  const sockets = { [DOCKER]: driver.socket, 'netloom.socket': host.socketPath };
  const command = [execPath, program, 'daemon', '--socket', host.socketPath, ...driver.daemonOptions];
  const daemon = new Activated(t, host.lab, sockets, command);
  await there(...Object.values(sockets));
  // whoever connects before it is ready waits
  await useBoth(t, host, driver);
  t.equal((await host.status()).pid, daemon.child.pid);
  t.equal(await daemon.end('SIGTERM'), 0, daemon.log);
  for (const path of Object.values(sockets))
    t.equal(statSync(path).mode & 0o777, 0o600, 'systemd’s, and stays');
});

test('a socket of systemd for Docker alone', { timeout: 60_000 }, async (t) => {
  const lab = new Lab(t, 'docker');
  for (const [name, other] of [
    ['anything', undefined],
    [DOCKER, 'other.socket'],
  ] as const) {
    const driver = new Driver(t, lab);
    const sockets = {
      ...(other === undefined ? {} : { [other]: join(driver.directory, 'other.sock') }),
      [name]: driver.socket,
    };
    await driver.start(
      'python3',
      activate,
      ...Object.entries(sockets).map(([key, path]) => `${key}=${path}`),
      '--',
    );
    const network = new DockerNetwork(driver);
    t.equal((await network.create({}, ['10.9.1.0/24'])).status, 200, name);
    t.equal((await network.delete()).status, 200);
    await driver.stop();
    t.equal(driver.exitCode, 0);
    t.ok(existsSync(driver.socket));
  }
  const driver = new Driver(t, lab);
  const two = { a: join(driver.directory, 'a'), b: join(driver.directory, 'b') };
  const confused = new Activated(t, lab, two, [execPath, program, 'docker', '--state-dir', driver.state]);
  t.equal(await confused.end(), 1);
  t.match(confused.log, /systemd passed 2 sockets: Docker's must be named netloom-docker\.socket/);
  const daemon = new Activated(t, lab, { a: `${two.a}2`, b: `${two.b}2` }, [execPath, program, 'daemon']);
  t.equal(await daemon.end(), 1);
  t.match(daemon.log, /several sockets of one kind: a, b/);
  const idle = new Activated(t, lab, { [DOCKER]: `${two.a}3` }, [
    execPath,
    program,
    'daemon',
    '--idle-exit',
    '5',
  ]);
  t.equal(await idle.end(), 1);
  t.match(idle.log, /--idle-exit: ports that are published need this process/);
});
