import type { MonitorEvent } from './events.js';
import { type Watching, type WatchNamespacesOptions, watchNamespaces } from './watch.js';

export interface MonitorIteratorOptions
  extends Omit<WatchNamespacesOptions, 'onEvent' | 'onDrained' | 'onFailure'> {
  readonly signal?: AbortSignal | undefined;
}

/** Events that may wait for a slow reader; then reading stops, and the kernel's buffer takes the rest. */
const WAITING = 4096;

/**
 * What happens in network namespaces, from the moment of the first `next`. It ends when `signal` is aborted or the loop
 * is left; never because of a burst: what the kernel's buffer could not hold is made up for after a `resync`. Throws
 * what `watchNamespaces` throws.
 */
export async function* monitor(options: MonitorIteratorOptions = {}): AsyncGenerator<MonitorEvent> {
  const { signal } = options;
  signal?.throwIfAborted();
  let waiting: MonitorEvent[] = [];
  let wake: (() => void) | undefined;
  let failure: { readonly error: unknown } | undefined;
  let watching: Watching | undefined;
  const fail = (error: unknown): void => {
    failure ??= { error };
    wake?.();
  };
  const aborted = (): void => fail(signal?.reason);
  signal?.addEventListener('abort', aborted, { once: true });
  try {
    watching = await watchNamespaces({
      ...options,
      onEvent: (event) => {
        // its bytes are good during the call only
        waiting.push('bytes' in event ? { ...event, bytes: event.bytes.slice() } : event);
      },
      onDrained: () => {
        if (waiting.length >= WAITING) watching?.monitor.pause();
        wake?.();
      },
      onFailure: fail,
    });
    for (;;) {
      const now = waiting;
      waiting = [];
      for (const event of now) {
        if (failure !== undefined) break;
        yield event;
      }
      if (failure !== undefined) throw failure.error;
      watching.monitor.resume();
      if (waiting.length > 0) continue;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      wake = undefined;
    }
  } finally {
    signal?.removeEventListener('abort', aborted);
    watching?.close();
  }
}
