import { type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { fstatSync } from 'node:fs';
import { SystemCallError } from '../netlink/errors.js';
import {
  closeDescriptor,
  createAnonymousNamespace,
  enterNamespace,
  openNamespace,
} from '../netlink/native.js';
import { NamespaceError } from './errors.js';
import { createNamed, deleteNamed, listNamed, type NamedNamespace, nameNamespace, pathOf } from './names.js';
import { Sysctls } from './sysctl.js';

/** A network namespace: a name that `ip netns` knows, a path, a process that is in it, or an open descriptor. */
export type NamespaceTarget =
  | string
  | { readonly name: string }
  | { readonly path: string }
  | { readonly pid: number }
  | { readonly fd: number };

/** What a program run in a namespace left behind. */
export interface ExecOutcome {
  readonly stdout: string;
  readonly stderr: string;
  /** Exit status; null when a signal ended it. */
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ExecOptions {
  readonly input?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** ms */
  readonly timeout?: number;
  readonly signal?: AbortSignal;
}

const EINVAL = 22;

// a forgotten handle gives its descriptor back when it is collected
const forgotten = new FinalizationRegistry<number>(closeDescriptor);

/** An open network namespace: it stays alive as long as the handle is open, whatever happens to its name. */
export class Namespace {
  #fd: number;
  /** The path it was opened by, if any. */
  readonly path: string | undefined;
  readonly sysctl: Sysctls;

  private constructor(fd: number, path?: string) {
    this.#fd = fd;
    this.path = path;
    this.sysctl = new Sysctls(() => this.fd);
    forgotten.register(this, fd, this);
  }

  /**
   * Opens a namespace. A string with a slash is a path, else a name below /run/netns. Throws NamespaceError
   * `ERR_NAMESPACE_NOT_FOUND` or `ERR_NOT_A_NAMESPACE`, SystemCallError for the rest.
   */
  static open(target: NamespaceTarget): Namespace {
    const path = targetPath(target);
    try {
      return new Namespace(openNamespace(path), path);
    } catch (error) {
      if (error instanceof SystemCallError && (error.code === 'ENOENT' || error.code === 'ESRCH')) {
        throw new NamespaceError('ERR_NAMESPACE_NOT_FOUND', `there is no network namespace ${path}`, {
          cause: error,
        });
      }
      if (error instanceof SystemCallError && error.errno === EINVAL) {
        throw new NamespaceError('ERR_NOT_A_NAMESPACE', `${path} is no network namespace`, { cause: error });
      }
      throw error;
    }
  }

  /** The namespace of this process. */
  static current(): Namespace {
    return Namespace.open({ path: '/proc/thread-self/ns/net' });
  }

  /** Makes a namespace with a name (or a path), as `ip netns add`, and opens it. Throws NamespaceError `ERR_NAMESPACE_EXISTS`. */
  static create(nameOrPath: string): Namespace {
    const path = pathOf(nameOrPath);
    createNamed(path);
    return Namespace.open({ path });
  }

  /** Makes a namespace without a name, which ends with this handle and whatever else uses it. */
  static createAnonymous(): Namespace {
    return new Namespace(createAnonymousNamespace());
  }

  /** Takes a namespace's name away, as `ip netns delete`; false when there was none. */
  static delete(nameOrPath: string): boolean {
    return deleteNamed(pathOf(nameOrPath));
  }

  /** The names that `ip netns list` has. */
  static list(): NamedNamespace[] {
    return listNamed();
  }

  /** The descriptor, close-on-exec. Throws NamespaceError `ERR_NAMESPACE_CLOSED`. */
  get fd(): number {
    if (this.#fd < 0) throw new NamespaceError('ERR_NAMESPACE_CLOSED', 'the namespace is closed');
    return this.#fd;
  }

  /** Device and inode in nsfs: two handles with the same are of one namespace. */
  get id(): { dev: number; ino: number } {
    const { dev, ino } = fstatSync(this.fd);
    return { dev, ino };
  }

  equals(other: Namespace): boolean {
    const mine = this.id;
    const theirs = other.id;
    return mine.dev === theirs.dev && mine.ino === theirs.ino;
  }

  /** Gives the namespace a name (or binds it to a path), as `ip netns attach`. */
  bind(nameOrPath: string): string {
    const path = pathOf(nameOrPath);
    nameNamespace(this.fd, path);
    return path;
  }

  /**
   * Runs a synchronous function with the calling thread inside the namespace; sockets that it opens and processes
   * that it starts are in it. The thread is back when `run` returns or throws.
   */
  run<T>(work: () => T): T {
    let promised = false;
    const result = enterNamespace(this.fd, () => {
      const value = work();
      promised = value instanceof Promise;
      return value;
    });
    if (promised)
      throw new TypeError('a function run in a namespace must not be asynchronous: it would go on outside');
    return result;
  }

  /** Runs a program inside the namespace and gathers what it writes. */
  async exec(file: string, args: readonly string[] = [], options: ExecOptions = {}): Promise<ExecOutcome> {
    const { input, ...rest } = options;
    const settings: SpawnOptions = { ...rest, stdio: 'pipe' };
    const child = this.run(() => spawn(file, args, settings));
    let stdout = '';
    let stderr = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.stdin?.on('error', () => undefined); // it may end without reading
    child.stdin?.end(input ?? '');
    return await new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (status, signal) => resolve({ stdout, stderr, status, signal }));
    });
  }

  execSync(
    file: string,
    args: readonly string[] = [],
    options: Omit<ExecOptions, 'signal'> = {},
  ): ExecOutcome {
    const done = this.run(() => spawnSync(file, args, { ...options, encoding: 'utf8' }));
    if (done.error !== undefined) throw done.error;
    return { stdout: done.stdout, stderr: done.stderr, status: done.status, signal: done.signal };
  }

  /** Closes the handle; a named namespace lives on. */
  close(): void {
    if (this.#fd < 0) return;
    forgotten.unregister(this);
    closeDescriptor(this.#fd);
    this.#fd = -1;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function targetPath(target: NamespaceTarget): string {
  if (typeof target === 'string') return pathOf(target);
  if ('name' in target) return pathOf(target.name);
  if ('path' in target) return target.path;
  if ('pid' in target) return `/proc/${target.pid}/ns/net`;
  return `/proc/self/fd/${target.fd}`;
}
