import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type InstallOptions, installPlugins } from '../../../host/cli/install.js';
import { Lab } from '../../support/lab.js';
import { isOfLink, isRandomName, isSettling, withoutCounts } from './normalise.js';

interface Teardown {
  teardown(work: () => unknown): void;
}

export type Json = Record<string, unknown>;
export type Side = 'ours' | 'reference';

/** What our plugins' wrappers start. */
const program = fileURLToPath(new URL('../../../plugins/plugin.js', import.meta.url));

/** The reference plugins: Debian's containernetworking-plugins, or others that NETLOOM_REFERENCE has the folder of. */
export const referenceDirectory = process.env.NETLOOM_REFERENCE || '/usr/lib/cni';

export interface Outcome {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** stdout as JSON; empty when there is none. */
  readonly json: Json;
}

/** A namespace that stands for a host, with directories of its own, and both sides' plugins as executables. */
export class CniHost {
  readonly lab: Lab;
  readonly directory: string;
  readonly dataDir: string;
  readonly #ours: string;
  readonly #t: Teardown;
  #count = 0;

  /** `install`: what else the executables of our plugins are to know. */
  constructor(t: Teardown, install: (directory: string) => Partial<InstallOptions> = () => ({})) {
    this.#t = t;
    this.lab = new Lab(t, 'host');
    this.lab.run('ip', 'link', 'set', 'lo', 'up');
    this.directory = mkdtempSync(join(tmpdir(), 'netloom-cni-'));
    this.dataDir = join(this.directory, 'leases');
    this.#ours = join(this.directory, 'bin');
    installPlugins({ directory: this.#ours, ...install(this.directory) });
    t.teardown(() => rmSync(this.directory, { recursive: true, force: true }));
  }

  container(): Container {
    return new Container(new Lab(this.#t, 'pod'), `c${++this.#count}-${randomBytes(3).toString('hex')}`);
  }

  #environment(
    side: Side,
    command: string,
    container: Container | undefined,
    extra: NodeJS.ProcessEnv,
  ): NodeJS.ProcessEnv {
    return {
      PATH: process.env.PATH,
      CNI_COMMAND: command,
      CNI_PATH: side === 'ours' ? this.#ours : referenceDirectory,
      ...(container === undefined
        ? {}
        : { CNI_CONTAINERID: container.id, CNI_NETNS: container.lab.path, CNI_IFNAME: 'eth0' }),
      ...extra,
    };
  }

  file(side: Side, type: string): string {
    return join(side === 'ours' ? this.#ours : referenceDirectory, type);
  }

  /** Executes a plugin as a runtime on the host would. */
  run(
    side: Side,
    type: string,
    command: string,
    config: Json,
    container?: Container,
    extra: NodeJS.ProcessEnv = {},
  ): Outcome {
    const env = this.#environment(side, command, container, extra);
    return this.#spawn(this.file(side, type), [], env, config);
  }

  #spawn(file: string, args: string[], env: NodeJS.ProcessEnv, config: Json): Outcome {
    const done = this.lab.namespace.run(() =>
      spawnSync(file, args, { env, input: JSON.stringify(config), encoding: 'utf8' }),
    );
    // EPIPE: it ended without reading its config, as VERSION does
    if (done.error !== undefined && (done.error as NodeJS.ErrnoException).code !== 'EPIPE') throw done.error;
    return outcomeOf(done.status, done.signal, done.stdout, done.stderr);
  }

  /** Runs our plugin and has strace(1) refuse its n-th message to the kernel, for want of memory. */
  runRefused(type: string, command: string, config: Json, container: Container, nth: number): Outcome {
    // strace counts for each thread: there is to be one that sends
    const env = this.#environment('ours', command, container, { UV_THREADPOOL_SIZE: '1' });
    const inject = `inject=sendto:error=ENOBUFS:when=${nth}`;
    const args = ['-f', '-qq', '-o', '/dev/null', '-e', 'trace=sendto', '-e', inject];
    // not by its wrapper, which would take the variable away
    return this.#spawn('strace', [...args, process.execPath, program, type], env, config);
  }

  /** `run`, without waiting; `killed` after so many ms when given. */
  start(
    side: Side,
    type: string,
    command: string,
    config: Json,
    container?: Container,
    killAfter?: number,
    extra: NodeJS.ProcessEnv = {},
  ): Promise<Outcome> {
    const env = this.#environment(side, command, container, extra);
    const child = this.lab.namespace.run(() => spawn(this.file(side, type), [], { env, stdio: 'pipe' }));
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (text) => {
      stdout += text;
    });
    child.stderr.on('data', (text) => {
      stderr += text;
    });
    child.stdin.on('error', () => undefined);
    child.stdin.end(JSON.stringify(config));
    const timer = killAfter === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killAfter);
    return new Promise((resolve) => {
      child.on('close', (status, signal) => {
        clearTimeout(timer);
        resolve(outcomeOf(status, signal, stdout, stderr));
      });
    });
  }

  /** What other programs see of the host, with what is random or counted named alike. */
  state(): Json {
    return {
      links: links(this.lab),
      addresses: addresses(this.lab),
      routes: routes(this.lab),
      iptables: iptables(this.lab),
      nftables: withoutCounts(this.lab.run('nft', 'list', 'ruleset')).replaceAll(
        /CNI-[0-9a-f]{24}/g,
        'CNI-hash',
      ),
    };
  }
}

function outcomeOf(
  status: number | null,
  signal: NodeJS.Signals | null,
  stdout: string,
  stderr: string,
): Outcome {
  let json: Json = {};
  try {
    json = JSON.parse(stdout) as Json;
  } catch {
    // no output, or not JSON: the test says which it expects
  }
  return { status, signal, stdout, stderr, json };
}

export class Container {
  readonly lab: Lab;
  readonly id: string;
  constructor(lab: Lab, id: string) {
    this.lab = lab;
    this.id = id;
  }

  state(): Json {
    return { links: links(this.lab), addresses: addresses(this.lab), routes: routes(this.lab) };
  }
}

const named = (name: string): string => (isRandomName(name) ? 'veth-random' : name);

interface IpLink extends Json {
  ifname: string;
  master?: string;
  flags: string[];
  linkinfo?: { info_kind?: string; info_slave_data?: Json; info_data?: Json };
}

function links(lab: Lab): Json[] {
  return (lab.ip('link', 'show') as IpLink[])
    .map(({ ifname, mtu, operstate, flags, master, linkinfo }) => ({
      ifname: named(ifname),
      mtu,
      operstate,
      up: flags.includes('UP'),
      promisc: flags.includes('PROMISC'),
      master: master ?? null,
      kind: linkinfo?.info_kind ?? null,
      hairpin: linkinfo?.info_slave_data?.hairpin ?? null,
      isolated: linkinfo?.info_slave_data?.isolated ?? null,
    }))
    .sort(byText);
}

function addresses(lab: Lab): Json[] {
  return (lab.ip('address', 'show') as (IpLink & { addr_info: Json[] })[])
    .flatMap(({ ifname, addr_info: all }) =>
      all
        .filter(({ scope }) => scope !== 'link')
        .map(({ family, local, prefixlen, broadcast, scope }) => ({
          ifname: named(ifname),
          family,
          local,
          prefixlen,
          broadcast: broadcast ?? null,
          scope,
        })),
    )
    .sort(byText);
}

function routes(lab: Lab): Json[] {
  const all = [
    ...lab.ip('-4', 'route', 'show', 'table', 'all'),
    ...lab.ip('-6', 'route', 'show', 'table', 'all'),
  ] as Json[];
  return all
    .filter(({ dst, type }) => !isOfLink(type, dst) && !isSettling(type, dst))
    .map(({ dst, gateway, dev, prefsrc, scope, type, metric, metrics }) => ({
      dst,
      gateway: gateway ?? null,
      dev: named(String(dev ?? '')),
      prefsrc: prefsrc ?? null,
      scope: scope ?? null,
      type: type ?? null,
      metric: metric ?? null,
      metrics: metrics ?? null,
    }))
    .sort(byText);
}

function iptables(lab: Lab): Json {
  const dump = (program: string): string[] =>
    lab
      .run(program)
      .split('\n')
      .filter((line) => !line.startsWith('#') && line !== '')
      .map((line) =>
        withoutCounts(line)
          .replaceAll(/CNI-[0-9a-f]{24}/g, 'CNI-hash')
          .replaceAll(/id: \\"[^"]*\\"/g, 'id'),
      );
  return { ip: dump('iptables-save'), ip6: dump('ip6tables-save') };
}

function byText(a: unknown, b: unknown): number {
  const [x, y] = [JSON.stringify(a), JSON.stringify(b)];
  return x < y ? -1 : x > y ? 1 : 0;
}

/** A result with what is random named alike. */
export function withoutRandom(result: Json, container: Container): Json {
  const text = JSON.stringify(result, (key, value: unknown) => {
    if (key === 'mac') return 'some address';
    if (key === 'name' && typeof value === 'string') return named(value);
    if (key === 'sandbox' && value === container.lab.path) return 'sandbox';
    return value;
  });
  const plain = JSON.parse(text) as Json;
  // Debian's version prints an empty `dns` for 1.0.0, later ones do not
  if (plain.cniVersion === '1.0.0' && JSON.stringify(plain.dns) === '{}') delete plain.dns;
  return plain;
}
