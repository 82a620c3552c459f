import { Namespace, type NamespaceTarget } from '../namespace/namespace.js';
import type { Message } from '../schema/definition.js';

/** A message about to be sent: what a verb makes of its input. */
export interface Command {
  readonly message: Message;
  readonly flags: number;
  readonly header: object;
  readonly attributes: object;
}

/** A link told by name or by index. */
export type Device = string | number;

/** Where a link shall live: an open namespace, or what opens one. */
export type NamespaceInput = Namespace | NamespaceTarget;

/**
 * What commands need to know to be built. Building is synchronous: a name that is not known yet is noted, and the
 * command is built once more when it is.
 */
export class Context {
  readonly wanted = new Set<string>();
  // most commands name links by their index, and open nothing
  #indexes: Map<string, number> | undefined;
  #opened: Map<NamespaceTarget, Namespace> | undefined;

  /** The index of a link; 0 for a name still to be looked up, which is then in `wanted`. */
  index(device: Device): number {
    if (typeof device === 'number') return device;
    const index = this.#indexes?.get(device);
    if (index !== undefined) return index;
    this.wanted.add(device);
    return 0;
  }

  learn(name: string, index: number): void {
    this.#indexes ??= new Map();
    this.#indexes.set(name, index);
    this.wanted.delete(name);
  }

  /** The descriptor of a namespace, open until `close`. */
  namespace(input: NamespaceInput): number {
    if (input instanceof Namespace) return input.fd;
    this.#opened ??= new Map();
    let namespace = this.#opened.get(input);
    if (namespace === undefined) {
      namespace = Namespace.open(input);
      this.#opened.set(input, namespace);
    }
    return namespace.fd;
  }

  close(): void {
    for (const namespace of this.#opened?.values() ?? []) namespace.close();
    this.#opened = undefined;
  }
}

/** Makes a command; may be called several times. */
export type Build = (context: Context) => Command;
