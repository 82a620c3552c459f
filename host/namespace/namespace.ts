import { type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { fstatSync } from 'node:fs';
import {
  closeNamespace,
  createAnonymousNamespace,
  enterNamespace,
  openNamespace,
} from '../netlink/native.js';
import { isCode, NamespaceError } from './errors.js';
import {
  createNamed,
  deleteNamed,
  listNamed,
  type NamedNamespace,
  type NamespaceName,
  nameNamespace,
  pathOf,
} from './names.js';
import { Sysctls } from './sysctl.js';

/** A network namespace: a name that `ip netns` knows, a path, a process that is in it, or an open descriptor. */
export type NamespaceTarget = NamespaceName | { readonly pid: number } | { readonly fd: number };

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
  readonly cwd?: string;
  /** ms */
  readonly timeout?: number;
  readonly signal?: AbortSignal;
}

// a forgotten handle gives its descriptor back when it is collected
const forgotten = new FinalizationRegistry<number>(closeNamespace);

/** An open network namespace: it stays alive as long as the handle is open, whatever happens to its name. */
export class Namespace {
  #fd: number;
  /** What is open stays what it is. */
  #id: { readonly dev: number; readonly ino: number } | undefined;
  /** The path it was opened by, where it was opened by name, path or process. */
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
   * `ERR_NAMESPACE_NOT_FOUND`, `ERR_NOT_A_NAMESPACE` or `ERR_INVALID_NAME`, SystemCallError for the rest.
   */
  static open(target: NamespaceTarget): Namespace {
    if (typeof target === 'object') {
      if ('pid' in target) return Namespace.#open(`/proc/${target.pid}/ns/net`, `of process ${target.pid}`);
      if ('fd' in target) {
        const { fd } = target;
        return new Namespace(Namespace.#descriptor(`/proc/self/fd/${fd}`, `with the descriptor ${fd}`));
      }
    }
    return Namespace.#open(pathOf(target));
  }

  static #open(path: string, what = path): Namespace {
    return new Namespace(Namespace.#descriptor(path, what), path);
  }

  static #descriptor(path: string, what: string): number {
    try {
      return openNamespace(path);
    } catch (error) {
      if (isCode(error, 'ENOENT', 'ENOTDIR', 'ESRCH')) {
        throw new NamespaceError('ERR_NAMESPACE_NOT_FOUND', `there is no network namespace ${what}`, {
          cause: error,
        });
      }
      // ENXIO: a socket's file
      if (isCode(error, 'EINVAL', 'ENXIO')) {
        throw new NamespaceError('ERR_NOT_A_NAMESPACE', `${path} is no network namespace`, { cause: error });
      }
      throw error;
    }
  }

  /** The namespace of the calling thread, which is that of the process unless inside `run`. */
  static current(): Namespace {
    return new Namespace(openNamespace('/proc/thread-self/ns/net'));
  }

  /**
   * Makes a namespace with a name (or a path), as `ip netns add`, and opens it. Throws NamespaceError
   * `ERR_NAMESPACE_EXISTS` or `ERR_INVALID_NAME`, SystemCallError; then nothing has been made.
   */
  static create(name: NamespaceName): Namespace {
    const path = pathOf(name);
    createNamed(path);
    try {
      return Namespace.#open(path);
    } catch (error) {
      deleteNamed(path);
      throw error;
    }
  }

  /** Makes a namespace without a name, which ends with this handle and whatever else uses it. */
  static createAnonymous(): Namespace {
    return new Namespace(createAnonymousNamespace());
  }

  /**
   * Takes a namespace's name away, as `ip netns delete`; false when there was none. Throws NamespaceError
   * `ERR_NOT_A_NAMESPACE` for what is something else, and leaves it alone.
   */
  static delete(name: NamespaceName): boolean {
    return deleteNamed(pathOf(name));
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
  get id(): { readonly dev: number; readonly ino: number } {
    const { fd } = this;
    if (this.#id === undefined) {
      const { dev, ino } = fstatSync(fd);
      this.#id = { dev, ino };
    }
    return this.#id;
  }

  equals(other: Namespace): boolean {
    const mine = this.id;
    const theirs = other.id;
    return mine.dev === theirs.dev && mine.ino === theirs.ino;
  }

  /** Gives the namespace a name (or binds it to a path), as `ip netns attach`. */
  bind(name: NamespaceName): string {
    const path = pathOf(name);
    nameNamespace(this.fd, path);
    return path;
  }

  /**
   * Runs a synchronous function with the calling thread inside the namespace; sockets that it opens and processes
   * that it starts are in it. The thread is back when `run` returns or throws. What the function leaves to be done
   * later, or on the thread pool, is done outside: NamespaceError `ERR_ASYNCHRONOUS_RUN` when it returns a promise.
   * SystemCallError `EPERM`, before anything is run, also for who may enter but could not come back: in a user
   * namespace that has no network namespace of its own.
   */
  run<T>(work: () => T): T {
    const result = enterNamespace(this.fd, work);
    if (result instanceof Promise) {
      result.catch(() => undefined); // nobody waits for it
      throw new NamespaceError(
        'ERR_ASYNCHRONOUS_RUN',
        'a function run in a namespace must not be asynchronous: it would go on outside',
      );
    }
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

  /** As `exec`, on the calling thread. */
  execSync(
    file: string,
    args: readonly string[] = [],
    options: Omit<ExecOptions, 'signal'> = {},
  ): ExecOutcome {
    const settings = { ...options, encoding: 'utf8', maxBuffer: Number.POSITIVE_INFINITY } as const;
    const done = this.run(() => spawnSync(file, args, settings));
    if (done.error !== undefined) throw done.error;
    return { stdout: done.stdout, stderr: done.stderr, status: done.status, signal: done.signal };
  }

  /** Closes the handle; a named namespace lives on. */
  close(): void {
    if (this.#fd < 0) return;
    forgotten.unregister(this);
    closeNamespace(this.#fd);
    this.#fd = -1;
  }

  [Symbol.dispose](): void {
    this.close();
  }
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }
}
