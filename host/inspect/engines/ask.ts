import { existsSync } from 'node:fs';
import type { Container } from '../container.js';
import { type Problem, reason } from '../errors.js';
import type { Places } from '../places.js';
import { readContainerd, readStorage } from './bundles.js';
import { readCni } from './cni.js';
import { askDocker, askDockerNetworks, readDocker } from './docker.js';
import type { EngineNetwork } from './network.js';
import { askPodman } from './podman.js';

export interface Answers {
  /** What each knows; one container may be told of several times, the best account first. */
  readonly containers: readonly Container[];
  readonly problems: readonly Problem[];
}

/** The networks that engines tell of; none of one that does not answer. */
export async function askNetworks({ docker }: Places, timeout: number): Promise<EngineNetwork[]> {
  if (!existsSync(docker)) return [];
  try {
    return await within(timeout, (signal) => askDockerNetworks(docker, signal));
  } catch {
    return []; // that it does not answer is told where it is asked for containers
  }
}

/** Runs a question to an engine; no longer than `timeout` ms, whatever the engine does. */
async function within<T>(timeout: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const limit = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`no answer within ${timeout} ms`));
      limit.abort();
    }, timeout);
  });
  try {
    return await Promise.race([work(limit.signal), late]);
  } finally {
    clearTimeout(timer);
    limit.abort();
  }
}

/** Asks one engine. Where there is no socket there is no engine, which is no problem. */
async function engine(
  source: string,
  socket: string,
  ask: typeof askDocker,
  timeout: number,
): Promise<Answers> {
  if (!existsSync(socket)) return { containers: [], problems: [] };
  try {
    return { containers: await within(timeout, (signal) => ask(socket, signal)), problems: [] };
  } catch (error) {
    return { containers: [], problems: [{ source, message: `${socket}: ${reason(error)}` }] };
  }
}

function fromDisk(source: string, read: () => readonly Container[]): Answers {
  try {
    return { containers: read(), problems: [] };
  } catch (error) {
    return { containers: [], problems: [{ source, message: reason(error) }] };
  }
}

/**
 * Asks all engines of a host at the same time, and reads what they have on disk. What cannot be asked or read is told
 * among the problems.
 */
export async function askEngines(places: Places, timeout: number): Promise<Answers> {
  const asked = [
    engine('docker', places.docker, askDocker, timeout),
    ...places.podman.map((socket) => engine('podman', socket, askPodman, timeout)),
  ];
  const read = [
    fromDisk('docker', () => readDocker(places.dockerState, places.proc)),
    ...places.storage.map((place) => fromDisk('containers/storage', () => readStorage(place, places.proc))),
    ...places.containerd.map((directory) =>
      fromDisk('containerd', () => readContainerd(directory, places.proc)),
    ),
    fromDisk('cni', () => readCni(places.cni)),
  ];
  const answers = [...(await Promise.all(asked)), ...read];
  return {
    containers: answers.flatMap(({ containers }) => containers),
    problems: answers.flatMap(({ problems }) => problems),
  };
}
