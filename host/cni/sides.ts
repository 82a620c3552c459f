import { NamespaceError } from '../namespace/errors.js';
import { Namespace } from '../namespace/namespace.js';
import { Netfilter } from '../netfilter/netfilter.js';
import { Network } from '../network/network.js';
import { CniError, errorCodes } from './errors.js';
import type { Sandbox, Side } from './plugin.js';

/** Opens a side's parts when they are first asked for. */
class LazySide implements Side {
  readonly #open: () => Namespace;
  #namespace: Namespace | undefined;
  #network: Network | undefined;
  #netfilter: Netfilter | undefined;

  constructor(open: () => Namespace) {
    this.#open = open;
  }

  get namespace(): Namespace {
    this.#namespace ??= this.#open();
    return this.#namespace;
  }
  get network(): Network {
    this.#network ??= Network.openSync({ namespace: this.namespace });
    return this.#network;
  }
  get netfilter(): Netfilter {
    this.#netfilter ??= Netfilter.openSync({ namespace: this.namespace });
    return this.#netfilter;
  }

  close(): void {
    this.#network?.close();
    this.#netfilter?.close();
    this.#namespace?.close();
  }
}

/** The namespace that the plugin works from. */
class Host extends LazySide {
  constructor() {
    super(() => Namespace.current());
  }
}

/** The container's namespace. */
class NetnsSandbox extends LazySide implements Sandbox {
  readonly path: string;
  constructor(path: string) {
    super(() => {
      try {
        return Namespace.open({ path });
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

/** Both sides of a call, to be closed when it is done. */
export function openSides(netns: string): { host: Side; sandbox: Sandbox; close(): void } {
  const host = new Host();
  const sandbox = new NetnsSandbox(netns);
  return {
    host,
    sandbox,
    close: () => {
      host.close();
      sandbox.close();
    },
  };
}
