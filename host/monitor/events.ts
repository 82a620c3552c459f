import type { DecodedMessage } from '../codec/block.js';
import type { ObjectName } from './objects.js';
import type { Place } from './text/names.js';

/** Something appeared or changed (`new`) or went (`delete`). */
export interface ObjectEvent {
  readonly event: 'new' | 'delete';
  readonly object: ObjectName;
  /** Microseconds since 1970 when it was heard. */
  readonly time: number;
  readonly space: Place;
  readonly message: DecodedMessage;
  /** The message's bytes; only good until the call returns. */
  readonly bytes: Uint8Array;
  /** It was not heard, but found when the tables were read: after a loss, or in a namespace that was just found. */
  readonly found: boolean;
}

/** The kernel's buffer overran. What changed meanwhile follows, as events that were `found`. */
export interface ResyncEvent {
  readonly event: 'resync';
  readonly time: number;
  /** How many events follow. */
  readonly differences: number;
  /** Namespaces that could not be read, and why. */
  readonly problems: readonly { readonly space: Place; readonly reason: string }[];
}

/** A namespace is heard from now on (`new`), or is gone (`delete`). */
export interface NamespaceEvent {
  readonly event: 'new' | 'delete';
  readonly object: 'namespace';
  readonly time: number;
  readonly space: Place;
}

export type MonitorEvent = ObjectEvent | ResyncEvent | NamespaceEvent;
