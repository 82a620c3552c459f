import { resolveSelectors } from '../inspect/selector.js';
import type { MonitorEvent } from './events.js';
import { Follower } from './follow.js';
import { Monitor, type MonitorOptions } from './monitor.js';
import type { Monitored } from './space.js';

export interface WatchNamespacesOptions extends Pick<MonitorOptions, 'objects' | 'receiveBuffer'> {
  /** `docker:web`, `netns:blue`, `pid:123`, …; the caller's own namespace by default. */
  readonly selectors?: readonly string[] | undefined;
  /** Every namespace, those that appear later too. */
  readonly all?: boolean | undefined;
  /** Namespaces that appear later are told of too; true by default where selectors or `all` are given. */
  readonly follow?: boolean | undefined;
  /** Tells at first of all that there is. */
  readonly initial?: boolean | undefined;
  readonly onEvent: (event: MonitorEvent) => void;
  readonly onDrained?: () => void;
  /** It is over. */
  readonly onFailure: (error: Error) => void;
  /** Something is not told of, and the rest goes on. */
  readonly onProblem?: (error: Error) => void;
}

/** Attaches what can be, and says what cannot. */
function attachAll(
  monitor: Monitor,
  found: readonly Monitored[],
  options: { tell: boolean },
  onProblem: (error: Error) => void,
): void {
  for (const one of found) {
    try {
      monitor.attach(one, options);
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'ERR_NAMESPACE_VANISHED') onProblem(error as Error);
    }
  }
}

/** A monitor of selected namespaces; closing it ends the following too. */
export interface Watching {
  readonly monitor: Monitor;
  close(): void;
}

async function ownAlone(monitor: Monitor, options: WatchNamespacesOptions, error: Error): Promise<Watching> {
  options.onProblem?.(new Error(`only your own namespace is told of: ${error.message}`, { cause: error }));
  const own = await resolveSelectors([], { engines: false });
  for (const one of own) monitor.attach(one, { tell: options.initial ?? false });
  return { monitor, close: () => monitor.close() };
}

/**
 * Monitors the namespaces that selectors mean, and follows them: one that appears is attached, with events of all that
 * is in it. Throws InspectError for selectors that mean nothing now, SystemCallError, NetlinkError.
 */
export async function watchNamespaces(options: WatchNamespacesOptions): Promise<Watching> {
  const { selectors = [], all = false, initial = false, onProblem = () => undefined } = options;
  const chosen = all || selectors.length > 0;
  const found = await resolveSelectors(selectors, { all, ...(chosen ? {} : { engines: false }) });
  let follower: Follower | undefined;
  const open = (several: boolean): Monitor =>
    Monitor.open({
      objects: options.objects,
      receiveBuffer: options.receiveBuffer,
      several,
      onEvent: (event) => {
        options.onEvent(event);
        if (event.event === 'delete' && event.object === 'namespace') follower?.missing();
      },
      ...(options.onDrained === undefined ? {} : { onDrained: options.onDrained }),
      onFailure: (error) => {
        follower?.close();
        options.onFailure(error);
      },
      onStranger: () => follower?.nudge(),
    });
  // listening begins before anything is read: what happens between is heard
  let monitor: Monitor;
  try {
    monitor = open(chosen);
  } catch (error) {
    if (!all || (error as { code?: unknown }).code !== 'EPERM') throw error;
    // not allowed to hear others: what is one's own can be heard
    return ownAlone(open(false), options, error as Error);
  }
  try {
    // of what is selected by name, the failure is the caller's to know
    if (all) attachAll(monitor, found, { tell: initial }, onProblem);
    else for (const one of found) monitor.attach(one, { tell: initial });
  } catch (error) {
    monitor.close();
    throw error;
  }
  if (options.follow ?? chosen) {
    const complained = new Set<string>();
    const complain = (error: Error): void => {
      if (complained.has(error.message)) return;
      complained.add(error.message);
      onProblem(error);
    };
    follower = new Follower({
      selectors,
      onFound: (now) => attachAll(monitor, now, { tell: true }, complain),
      onProblem: complain,
    });
    follower.nudge();
  }
  return {
    monitor,
    close: () => {
      follower?.close();
      monitor.close();
    },
  };
}
