import { statSync } from 'node:fs';
import { NamespaceError } from '../namespace/errors.js';
import { Namespace } from '../namespace/namespace.js';
import { Netfilter } from '../netfilter/netfilter.js';
import { Network } from '../network/network.js';
import { CniError, errorCodes } from './errors.js';
import type { Sandbox, Side } from './plugin.js';

interface Parts {
  readonly namespace?: Namespace | undefined;
  readonly network?: Network | undefined;
  readonly netfilter?: Netfilter | undefined;
}

function close({ namespace, network, netfilter }: Parts): void {
  network?.close();
  netfilter?.close();
  namespace?.close();
}

/**
 * Sockets of the host's side that outlive a call, for a process that makes many. Closing an nfnetlink socket after a
 * change of the ruleset waits until the kernel has destroyed what was replaced (an RCU grace period: 2 to 20 ms), so
 * whoever attaches one container after the other keeps them. A call has its sockets to itself; those of a call that
 * failed are closed.
 */
export class WarmSockets {
  readonly #maximum: number;
  readonly #idle: { readonly home: string; readonly parts: Parts }[] = [];
  #closed = false;

  /** Keeps sockets of so many calls at a time; 8 by default. */
  constructor(maximum = 8) {
    this.#maximum = maximum;
  }

  /** Closes those that no call uses; of calls under way when they are done. */
  close(): void {
    this.#closed = true;
    for (const { parts } of this.#idle.splice(0)) close(parts);
  }

  /** @internal For `openSides`. */
  take(home: string): Parts {
    const at = this.#idle.findLastIndex((one) => one.home === home);
    return at < 0 ? {} : (this.#idle.splice(at, 1)[0]?.parts ?? {});
  }

  /** @internal For `openSides`. */
  give(home: string, parts: Parts): void {
    if (this.#closed) {
      close(parts);
      return;
    }
    this.#idle.push({ home, parts });
    // the oldest may be of a namespace that this process has left
    while (this.#idle.length > this.#maximum) close(this.#idle.shift()?.parts ?? {});
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Tells the namespace of this thread from others. */
function homeNamespace(): string {
  const { dev, ino } = statSync('/proc/thread-self/ns/net');
  return `${dev}:${ino}`;
}

/** Opens a side's parts when they are first asked for. */
class LazySide implements Side {
  readonly #open: () => Namespace;
  #namespace: Namespace | undefined;
  #network: Network | undefined;
  #netfilter: Netfilter | undefined;

  readonly #lasting: boolean;

  /** `lasting`: for many calls. */
  constructor(open: () => Namespace, { namespace, network, netfilter }: Parts = {}, lasting = false) {
    this.#open = open;
    this.#lasting = lasting;
    this.#namespace = namespace;
    this.#network = network;
    this.#netfilter = netfilter;
  }

  /** What is open by now. */
  get parts(): Parts {
    return { namespace: this.#namespace, network: this.#network, netfilter: this.#netfilter };
  }

  get namespace(): Namespace {
    this.#namespace ??= this.#open();
    return this.#namespace;
  }
  get network(): Network {
    this.#network ??= Network.openSync({ namespace: this.namespace, prompt: true, lent: true });
    return this.#network;
  }
  get netfilter(): Netfilter {
    this.#netfilter ??= Netfilter.openSync({
      namespace: this.namespace,
      prompt: true,
      remember: this.#lasting,
    });
    return this.#netfilter;
  }

  close(): void {
    close(this.parts);
  }
}

/** The container's namespace. */
class NetnsSandbox extends LazySide implements Sandbox {
  readonly path: string;
  constructor(path: string, descriptor: number | undefined) {
    super(() => {
      try {
        return Namespace.open(descriptor === undefined ? { path } : { fd: descriptor });
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        throw new CniError(errorCodes.internal, `failed to open netns "${path}": ${message}`, '', {
          cause: error,
        });
      }
    });
    this.path = path;
  }

  get exists(): boolean {
    if (this.path === '') return false;
    try {
      return this.namespace.fd >= 0;
    } catch (error) {
      const cause = error instanceof CniError ? error.cause : error;
      if (cause instanceof NamespaceError && cause.code === 'ERR_NAMESPACE_NOT_FOUND') return false;
      throw error;
    }
  }
}

/** The host's side for many calls: sockets stay open until `close`. */
export function openHost(): Side & { close(): void } {
  return new LazySide(() => Namespace.current(), {}, true);
}

/** What of a call's sides is there before it. */
export interface KnownSides {
  /** Where the host's sockets are taken from, and given back to. */
  readonly warm?: WarmSockets | undefined;
  /** The host's side, which stays open. */
  readonly host?: Side | undefined;
  /** An open descriptor of what CNI_NETNS names. */
  readonly descriptor?: number | undefined;
}

/** Both sides of a call, to be closed when it is done. */
export function openSides(
  netns: string,
  { warm, host: known, descriptor }: KnownSides = {},
): { host: Side; sandbox: Sandbox; close(succeeded: boolean): void } {
  const home = warm === undefined ? '' : homeNamespace();
  // the namespace that the plugin works from
  const own = known === undefined ? new LazySide(() => Namespace.current(), warm?.take(home)) : undefined;
  const sandbox = new NetnsSandbox(netns, netns === '' ? undefined : descriptor);
  return {
    host: known ?? (own as LazySide),
    sandbox,
    close: (succeeded) => {
      if (own !== undefined && warm !== undefined && succeeded) warm.give(home, own.parts);
      else own?.close();
      sandbox.close();
    },
  };
}
