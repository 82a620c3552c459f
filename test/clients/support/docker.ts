import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeRoot } from './image.js';
import { type Done, must, run, Service } from './programs.js';

/** Where Docker's API is. */
export const dockerSocket = '/run/docker.sock';
export const image = 'busybox:test';

const program = fileURLToPath(new URL('../../../host/cli/main.js', import.meta.url));
/** Debian's client, which fits its daemon: a newer one may come first in PATH. */
export const client = existsSync('/usr/bin/docker') ? '/usr/bin/docker' : 'docker';
const containerdPid = '/run/docker/containerd/containerd.pid';

async function killed({ child }: Service): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
}

/** Docker in the namespaces that a file has entered. */
export class DockerEngine {
  readonly #directory: string;
  readonly #storage: string;
  #service: Service | undefined;

  constructor(directory: string, storage = 'vfs') {
    this.#directory = directory;
    this.#storage = storage;
    mkdirSync('/run/docker/plugins', { recursive: true });
  }

  get log(): string {
    return this.#service?.log ?? '';
  }

  get service(): Service {
    if (this.#service === undefined) throw new Error('dockerd was not started');
    return this.#service;
  }

  /** Starts it; ready when this returns. */
  async start(): Promise<void> {
    // Docker's containerd outlives it when it is killed, and the next Docker would wait for it in vain
    if (existsSync(containerdPid)) {
      try {
        process.kill(Number(readFileSync(containerdPid, 'utf8')), 'SIGKILL');
      } catch {
        // it has ended
      }
      rmSync(containerdPid, { force: true });
    }
    rmSync('/run/dockerd.pid', { force: true });
    this.#service = new Service('dockerd', [
      ...['--data-root', join(this.#directory, 'root'), '--exec-root', '/run/docker'],
      ...['--pidfile', '/run/dockerd.pid', '-H', `unix://${dockerSocket}`, '--storage-driver', this.#storage],
    ]);
    await this.#service.ready(async () => (await this.run('version')).status === 0, 60_000);
  }

  /** `busybox:test`, of busybox alone. */
  async importImage(): Promise<void> {
    await this.must('import', '-c', 'CMD ["/bin/sh"]', makeRoot(this.#directory), image);
  }

  run(...args: string[]): Promise<Done> {
    return run(client, ['-H', `unix://${dockerSocket}`, ...args]);
  }

  must(...args: string[]): Promise<string> {
    return must(client, ['-H', `unix://${dockerSocket}`, ...args]);
  }

  /** Runs a script in a container that goes with it. */
  once(network: string, script: string, ...options: string[]): Promise<Done> {
    return this.run('run', '--rm', '--network', network, ...options, image, '/bin/sh', '-c', script);
  }

  /** Starts a container that answers `web` on port 80. */
  web(name: string, network: string, ...options: string[]): Promise<string> {
    const serve = 'while true; do nc -l -p 80 -e /bin/echo web; done';
    return this.must(
      'run',
      '-d',
      '--name',
      name,
      '--network',
      network,
      ...options,
      image,
      '/bin/sh',
      '-c',
      serve,
    );
  }

  /** Asks the API. Throws with its words. */
  api(method: string, path: string, body?: object): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const headers = { 'Content-Type': 'application/json' };
      const asked = request({ socketPath: dockerSocket, method, path, headers }, (response) => {
        let text = '';
        response.on('data', (part) => {
          text += part;
        });
        response.on('end', () => {
          const status = response.statusCode ?? 0;
          if (status >= 400) reject(new Error(`${method} ${path}: ${status} ${text}`));
          else resolve(text === '' ? undefined : JSON.parse(text));
        });
      });
      asked.on('error', reject);
      asked.end(body === undefined ? '' : JSON.stringify(body));
    });
  }

  async kill(): Promise<void> {
    await killed(this.service);
  }

  /** Ends it, and takes away what it has made outside of the file's namespaces. */
  async end(): Promise<void> {
    await this.#service?.stop();
    await run('umount', ['-R', join(this.#directory, 'root')]);
    for (const parent of readdirSync('/sys/fs/cgroup')) {
      try {
        rmdirSync(`/sys/fs/cgroup/${parent}/docker`);
      } catch {
        // Docker made none there
      }
    }
  }
}

/** `netloom docker`, for that Docker. */
export class DockerDriver {
  readonly state: string;
  readonly #options: readonly string[];
  #service: Service | undefined;

  constructor(directory: string, ...options: string[]) {
    this.state = join(directory, 'state');
    this.#options = ['docker', '--state-dir', this.state, '--docker-socket', dockerSocket, ...options];
  }

  get log(): string {
    return this.#service?.log ?? '';
  }

  /** Starts it; ready when this returns. */
  async start(): Promise<void> {
    const service = new Service(process.execPath, [program, ...this.#options]);
    this.#service = service;
    await service.ready(() => service.log.includes('listening on'));
  }

  async kill(): Promise<void> {
    if (this.#service !== undefined) await killed(this.#service);
  }

  async stop(): Promise<void> {
    await this.#service?.stop();
  }

  /** What must not be there when all networks are removed. */
  async leftovers(): Promise<string[]> {
    const links = JSON.parse(await must('ip', ['-j', 'link'])) as { ifname: string }[];
    const rules = await must('nft', ['list', 'ruleset']);
    return [
      ...links.map(({ ifname }) => ifname).filter((name) => !['lo', 'docker0'].includes(name)),
      ...(rules.match(/netloom\S*/gi) ?? []),
      ...['networks', 'endpoints', 'pools', 'leases'].flatMap((name) => {
        const path = join(this.state, name);
        return existsSync(path) ? readdirSync(path) : [];
      }),
    ];
  }
}
