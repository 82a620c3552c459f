import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Lab } from '../../support/lab.js';

interface Teardown {
  teardown(work: () => unknown): void;
}

export type Json = Record<string, unknown>;

export interface Reply {
  readonly status: number;
  readonly body: Json;
}

export const program = fileURLToPath(new URL('../../../host/cli/main.js', import.meta.url));

export const newId = (): string => randomBytes(32).toString('hex');

/** `netloom docker` in a namespace that stands for a host, and Docker's side of its socket. */
export class Driver {
  readonly directory = mkdtempSync(join(tmpdir(), 'netloom-docker-'));
  readonly socket = join(this.directory, 'netloom.sock');
  readonly state = join(this.directory, 'state');
  readonly confDir = join(this.directory, 'net.d');
  log = '';
  readonly #lab: Lab;
  readonly #options: readonly string[];
  #child: ChildProcess | undefined;

  constructor(t: Teardown, lab: Lab, ...options: string[]) {
    this.#lab = lab;
    this.#options = options;
    t.teardown(async () => {
      await this.stop('SIGKILL');
      rmSync(this.directory, { recursive: true, force: true });
    });
  }

  /** What `netloom daemon` is told to do the same. */
  get daemonOptions(): string[] {
    return [
      ...['--docker-listen', this.socket, '--docker-state-dir', this.state],
      ...['--docker-conf-dir', this.confDir, '--docker-socket', '', ...this.#options],
    ];
  }

  /** Starts it, where `before` is the beginning of the command line; ready when this returns. */
  async start(...before: string[]): Promise<void> {
    const [file = '', ...args] = [
      ...before,
      ...[process.execPath, program, 'docker', '--socket', this.socket, '--state-dir', this.state],
      ...['--conf-dir', this.confDir, '--docker-socket', '', ...this.#options],
    ];
    const child = this.#lab.namespace.run(() => spawn(file, args, { stdio: ['ignore', 'ignore', 'pipe'] }));
    this.#child = child;
    const logged = this.log.length;
    await new Promise<void>((resolve, reject) => {
      child.stderr?.on('data', (text) => {
        this.log += text;
        if (this.log.slice(logged).includes('listening on')) resolve();
      });
      child.once('exit', () => reject(new Error(`netloom docker: ${this.log}`)));
    });
  }

  get exitCode(): number | null {
    return this.#child?.exitCode ?? null;
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await ended;
  }

  /** Sends a body as it is, with Docker's own headers. */
  send(path: string, body: string, method = 'POST'): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const headers = { Host: 'plugin.moby.localhost', Accept: 'application/vnd.docker.plugins.v1.2+json' };
      // a connection for each: one that was kept may be of a driver that was killed
      const how = { socketPath: this.socket, path, method, headers, agent: false };
      const asked = request(how, (response) => {
        let text = '';
        response.on('data', (part) => {
          text += part;
        });
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) as Json }),
        );
      });
      asked.on('error', reject);
      asked.end(body);
    });
  }

  async ask(name: string, body?: object): Promise<Reply> {
    return await this.send(`/${name}`, body === undefined ? '' : `${JSON.stringify(body)}\n`);
  }

  /** Throws with the driver's words when it refuses. */
  async call(name: string, body?: object): Promise<Json> {
    const reply = await this.ask(name, body);
    if (reply.status !== 200) throw new Error(`${name}: ${reply.status} ${String(reply.body.Err)}`);
    return reply.body;
  }
}

const DRIVER = 'NetworkDriver.';

/** A network, as Docker asks for one. */
export class DockerNetwork {
  readonly id = newId();
  readonly #driver: Driver;
  constructor(driver: Driver) {
    this.#driver = driver;
  }

  async create(generic: Json, subnets: readonly string[], options: Json = {}): Promise<Reply> {
    const data = (six: boolean): object[] =>
      subnets
        .filter((subnet) => subnet.includes(':') === six)
        .map((pool) => ({
          AddressSpace: 'netloom-local',
          Pool: pool,
          Gateway: pool.replace(/0\/|(::)\//, (_, colons?: string) => `${colons ?? ''}1/`),
        }));
    return await this.#driver.ask(`${DRIVER}CreateNetwork`, {
      NetworkID: this.id,
      Options: {
        'com.docker.network.enable_ipv6': subnets.some((subnet) => subnet.includes(':')),
        'com.docker.network.generic': generic,
        ...options,
      },
      IPv4Data: data(false),
      IPv6Data: data(true),
    });
  }

  async delete(): Promise<Reply> {
    return await this.#driver.ask(`${DRIVER}DeleteNetwork`, { NetworkID: this.id });
  }

  endpoint(): Endpoint {
    return new Endpoint(this.#driver, this.id);
  }
}

/** A container's end, as Docker asks for one. */
export class Endpoint {
  readonly id = newId();
  readonly #driver: Driver;
  readonly #network: string;
  constructor(driver: Driver, network: string) {
    this.#driver = driver;
    this.#network = network;
  }

  get names(): object {
    return { NetworkID: this.#network, EndpointID: this.id };
  }

  async ask(name: string, rest: object = {}): Promise<Reply> {
    return await this.#driver.ask(DRIVER + name, { ...this.names, ...rest });
  }

  async call(name: string, rest: object = {}): Promise<Json> {
    return await this.#driver.call(DRIVER + name, { ...this.names, ...rest });
  }

  /** Has the interface made, and does in a namespace what Docker does there. */
  async join(lab: Lab, host: Lab, address: string, rest: Json = {}): Promise<Json> {
    const made = (await this.call('CreateEndpoint', {
      Interface: { Address: address, AddressIPv6: '', MacAddress: '' },
      ...rest,
    })) as { Interface?: { Address?: string; MacAddress?: string } };
    const joined = await this.call('Join', { SandboxKey: lab.path, ...rest });
    const { SrcName } = joined.InterfaceName as { SrcName: string };
    host.run('ip', 'link', 'set', SrcName, 'netns', lab.name);
    lab.run('ip', 'link', 'set', SrcName, 'name', 'eth0');
    const own = address === '' ? (made.Interface?.Address ?? '') : address;
    if (own !== '') lab.run('ip', 'address', 'add', own, 'dev', 'eth0');
    lab.run('ip', 'link', 'set', 'eth0', 'up');
    const { Gateway } = joined as { Gateway?: string };
    if (Gateway !== undefined) lab.run('ip', 'route', 'add', 'default', 'via', Gateway);
    return joined;
  }

  /** Docker puts the interface back under its old name. */
  async leave(lab: Lab, host: Lab): Promise<void> {
    await this.call('Leave');
    lab.run('ip', 'link', 'set', 'eth0', 'down');
    lab.run('ip', 'link', 'set', 'eth0', 'name', `nlc${this.id.slice(0, 11)}`);
    lab.run('ip', 'link', 'set', `nlc${this.id.slice(0, 11)}`, 'netns', host.name);
    await this.call('DeleteEndpoint');
  }
}
