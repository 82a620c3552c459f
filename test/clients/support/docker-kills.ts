import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, request, type Server, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { DockerDriver, DockerEngine, image } from './docker.js';
import { run } from './programs.js';

/** When somebody is killed: before a call reaches the driver, or when it is answered and Docker has not heard it. */
export interface Kill {
  /** The how-manieth call of those that Docker has an answer to. */
  readonly nth: number;
  readonly when: 'before' | 'after';
}

/** Commands that are given again: more than there are kills in a life. */
const TRIES = 6;

/**
 * A Docker and a driver, one of which is killed (SIGKILL) in the middle of a call and started again. What stands between
 * them loses that call.
 */
export class KillingField {
  readonly directory = mkdtempSync('/tmp/nl-kill-');
  readonly #socketPath = join(this.directory, 'driver.sock');
  readonly docker = new DockerEngine(this.directory);
  readonly driver = new DockerDriver(this.directory, '--socket', this.#socketPath);
  readonly #victim: DockerDriver | DockerEngine;
  readonly #between: Server;
  #kills: readonly Kill[] = [];
  #answered: string[] = [];
  /** Fulfilled when what was killed runs again. */
  #recovered: Promise<void> = Promise.resolve();

  constructor(who: 'driver' | 'docker') {
    this.#victim = this[who];
    this.#between = createServer((asked, answer) => {
      let body = '';
      asked.on('data', (part) => {
        body += part;
      });
      asked.on('end', () => {
        this.#handle(asked.url ?? '', body, answer).catch(() => answer.destroy());
      });
    });
  }

  async begin(): Promise<void> {
    await this.driver.start();
    await new Promise<void>((resolve) => this.#between.listen('/run/docker/plugins/netloom.sock', resolve));
    await this.docker.start();
    await this.docker.importImage();
  }

  async end(): Promise<void> {
    await this.docker.end();
    await this.driver.stop();
    this.#between.close();
    this.#between.closeAllConnections();
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** Paths of calls that were answered in the last life. */
  get calls(): readonly string[] {
    return this.#answered;
  }

  async #handle(path: string, body: string, answer: ServerResponse): Promise<void> {
    const due = this.#kills.find(({ nth }) => nth === this.#answered.length + 1);
    this.#kills = this.#kills.filter((kill) => kill !== due);
    if (due?.when !== 'before') {
      const { status, text } = await this.#pass(path, body);
      if (due === undefined) {
        this.#answered.push(path);
        answer.writeHead(status);
        answer.end(text);
        return;
      }
    }
    this.#recovered = this.#strike();
    // the driver comes back while Docker tries again; a Docker that is dead waits for nothing
    answer.destroy();
  }

  async #strike(): Promise<void> {
    await this.#victim.kill();
    await this.#victim.start();
  }

  #pass(path: string, body: string): Promise<{ status: number; text: string }> {
    return new Promise((resolve, reject) => {
      const how = { socketPath: this.#socketPath, path, method: 'POST', agent: false };
      const asked = request(how, (reply) => {
        let text = '';
        reply.on('data', (part) => {
          text += part;
        });
        reply.on('end', () => resolve({ status: reply.statusCode ?? 500, text }));
      });
      asked.on('error', reject);
      asked.end(body);
    });
  }

  /**
   * Does what a user does: a command that failed, because Docker was killed or because it asked the driver once more with
   * an empty body (the buffer of its client is used up), is given again, unless it has done its work.
   */
  async #attempt(failures: string[], ...args: string[]): Promise<void> {
    const said: string[] = [];
    for (let tries = 0; tries < TRIES; tries++) {
      const { status, stderr } = await this.docker.run(...args);
      await this.#recovered;
      if (status === 0 || (await this.#isDone(args))) return;
      said.push(stderr.trim());
      // what Docker has forgotten is in the way until the driver has asked it, a second after it began
      await run('sleep', ['2']);
    }
    failures.push(`${args.join(' ')}: ${said.join(', then ')}`);
  }

  async #isDone([what = '', verb]: readonly string[]): Promise<boolean> {
    const isThere = async (...names: string[]): Promise<boolean> =>
      (await this.docker.run(...names)).status === 0;
    if (what === 'network') return (await isThere('network', 'inspect', 'net')) === (verb === 'create');
    if (what === 'run') {
      await this.docker.run('rm', '-f', 'web');
      await this.#recovered;
    }
    return what === 'rm' && !(await isThere('inspect', 'web'));
  }

  /** A network's and a container's life, with kills; what did not work. */
  async live(kills: readonly Kill[]): Promise<string[]> {
    this.#kills = kills;
    this.#answered = [];
    const failures: string[] = [];
    const network = ['-d', 'netloom', '--ipam-driver', 'netloom', '--subnet', '10.50.0.0/24', 'net'];
    await this.#attempt(failures, 'network', 'create', ...network);
    const serve = 'while true; do nc -l -p 80 -e /bin/echo web; done';
    await this.#attempt(
      failures,
      ...['run', '-d', '--name', 'web', '--network', 'net', '--ip', '10.50.0.9', '-p', '8090:80', image],
      ...['/bin/sh', '-c', serve],
    );
    let said = '';
    for (let tries = 0; tries < 20 && said === ''; tries++) {
      // a Docker that was killed late has taken the container along
      if (tries === 5) await this.docker.run('start', 'web');
      const done = await run('timeout', ['3', 'busybox', 'nc', '-w', '3', '127.0.0.1', '8090']);
      said = done.stdout.trim();
      if (said === '') await run('sleep', ['0.2']);
    }
    if (said !== 'web') failures.push('the container is not reached');
    await this.#attempt(failures, 'rm', '-f', 'web');
    await this.#attempt(failures, 'network', 'rm', 'net');
    if (this.#kills.length > 0) failures.push(`nobody was killed at ${JSON.stringify(this.#kills)}`);
    return failures;
  }

  /** What is left when a new driver has asked Docker, a second after it starts. */
  async leftovers(): Promise<string[]> {
    await this.driver.kill();
    await this.driver.start();
    let left: string[] = [];
    for (let tries = 0; tries < 40; tries++) {
      left = await this.driver.leftovers();
      if (left.length === 0) return left;
      await run('sleep', ['0.2']);
    }
    return left;
  }
}
