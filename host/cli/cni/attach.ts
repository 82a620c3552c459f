import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { splitPath } from '../../cni/execution.js';
import { toJson } from '../../cni/result.js';
import { namesDirectory, pathOf } from '../../namespace/names.js';
import { Namespace } from '../../namespace/namespace.js';
import {
  type Attachment,
  type CallOptions,
  loadNetworkList,
  type NetworkList,
  type Outcome,
  Runtime,
  RuntimeError,
  readNetworkFile,
} from '../../runtime/index.js';
import { interruptible } from '../guarded.js';
import { Progress } from '../progress.js';
import { showTimings } from './report.js';

/** What all commands take. */
export interface CniOptions {
  /** Directory with the networks' configs. */
  readonly confDir: string;
  readonly cacheDir?: string;
  /** CNI_PATH: for plugins that are not bundled. */
  readonly path: string;
  /** Execute plugins from the path, also those that are bundled. */
  readonly exec?: boolean;
  readonly json?: boolean;
  readonly timings?: boolean;
}

/** What commands about an attachment take. */
export interface AttachOptions extends CniOptions {
  readonly ifname: string;
  readonly containerId?: string;
  /** CNI_ARGS. */
  readonly args?: string;
  /** CAP_ARGS: capabilities, as JSON. */
  readonly capabilities?: string;
  /** add: the namespace is to be created. */
  readonly new?: string;
  /** del: the namespace is to be deleted afterwards. */
  readonly delete?: boolean;
}

const ID_BYTES = 10;

/** The identifier that cnitool gives to the container in a namespace, so that either can take over from the other. */
export function containerIdOf(netns: string): string {
  return `cnitool-${createHash('sha512').update(netns).digest().subarray(0, ID_BYTES).toString('hex')}`;
}

/** A namespace's path: of a name below /run/netns, else of a file, as cnitool has it. */
export function netnsOf(namespace: string): string {
  if (namespace.includes('/')) return resolve(namespace);
  const named = `${namesDirectory}/${namespace}`;
  return !existsSync(named) && existsSync(namespace) ? resolve(namespace) : named;
}

/** CNI_ARGS as cnitool reads them. */
function pairsOf(text = ''): [key: string, value: string][] {
  if (text === '') return [];
  return text.split(';').map((pair) => {
    const [key = '', value = '', ...more] = pair.split('=');
    if (key !== '' && value !== '' && more.length === 0) return [key, value];
    throw new RuntimeError('ERR_INVALID_ARGUMENT', `invalid CNI_ARGS pair ${JSON.stringify(pair)}`);
  });
}

function capabilitiesOf(text = ''): Record<string, unknown> {
  if (text === '') return {};
  const fail = (why: string, cause?: unknown): RuntimeError =>
    new RuntimeError('ERR_INVALID_ARGUMENT', `capabilities (CAP_ARGS): ${why}`, { cause });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw fail((error as Error).message, error);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw fail(`expected an object, got ${text}`);
}

/** A network by its name, or by the path of its file. */
export function networkOf(network: string, { confDir }: CniOptions): NetworkList {
  return network.includes('/') ? readNetworkFile(network) : loadNetworkList(confDir, network);
}

/** The runtime that the options ask for, and what its calls get. */
export function runtimeOf({
  path,
  cacheDir,
  exec,
}: CniOptions): { runtime: Runtime; call: CallOptions } & Disposable {
  const progress = new Progress();
  return {
    runtime: new Runtime({ path: splitPath(path), cacheDirectory: cacheDir }),
    call: {
      signal: interruptible(),
      // undefined leaves it to the network's config
      inProcess: exec ? false : undefined,
      observe: ({ network, type, command, timing }) => {
        if (timing === undefined) progress.begin(`${command} ${network}: ${type}`);
        else progress.end();
      },
    },
    [Symbol.dispose]: () => progress.end(),
  };
}

function attachmentOf(netns: string, { containerId, ifname, args, capabilities }: AttachOptions): Attachment {
  return {
    containerId: containerId ?? containerIdOf(netns),
    netns,
    ifname,
    args: pairsOf(args),
    capabilities: capabilitiesOf(capabilities),
  };
}

/** The network of an attachment to be deleted: of the cache, where its config is gone. */
function networkToLeave(
  network: string,
  attachment: Attachment,
  options: CniOptions,
  runtime: Runtime,
): NetworkList {
  try {
    return networkOf(network, options);
  } catch (error) {
    const cached = runtime.cache.read(network, attachment);
    if (cached === undefined || cached.config === '') throw error;
    process.stderr.write(`netloom: ${(error as Error).message}: its config is taken from the cache\n`);
    return runtime.cachedNetworkList(cached);
  }
}

function summary(
  list: NetworkList,
  { containerId, netns, ifname }: Attachment,
  { timings }: Outcome,
): object {
  return { network: list.name, containerId, netns, ifname, timings };
}

/** `netloom cni add`: returns what is to be printed. */
export async function add(network: string, namespace: string, options: AttachOptions): Promise<string> {
  const isNew = options.new !== undefined;
  const netns = isNew ? pathOf({ name: namespace }) : netnsOf(namespace);
  const list = networkOf(network, options);
  const attachment = attachmentOf(netns, options);
  using tools = runtimeOf(options);
  if (isNew) await createNamespace(namespace);
  try {
    const added = await tools.runtime.addNetworkList(list, attachment, {
      ...tools.call,
      undoOnFailure: true,
    });
    if (!options.json) {
      if (options.timings) showTimings(added.timings);
      return toJson(added.output);
    }
    return JSON.stringify({ ...summary(list, attachment, added), result: added.output });
  } catch (error) {
    if (isNew) Namespace.delete({ name: namespace });
    throw error;
  }
}

/** As a runtime leaves it: with the loopback up. */
async function createNamespace(name: string): Promise<void> {
  const { Network } = await import('../../network/network.js');
  using namespace = Namespace.create({ name });
  try {
    await using network = await Network.open({ namespace });
    await network.links.change('lo', { up: true });
  } catch (error) {
    Namespace.delete({ name });
    throw error;
  }
}

/** `netloom cni check` and `del`. */
export async function checkOrDelete(
  command: 'check' | 'del',
  network: string,
  namespace: string,
  options: AttachOptions,
): Promise<string> {
  const netns = netnsOf(namespace);
  const attachment = attachmentOf(netns, options);
  using tools = runtimeOf(options);
  const { runtime, call } = tools;
  const isCheck = command === 'check';
  const list = isCheck ? networkOf(network, options) : networkToLeave(network, attachment, options, runtime);
  const outcome = isCheck
    ? await runtime.checkNetworkList(list, attachment, call)
    : await runtime.delNetworkList(list, attachment, call);
  if (options.delete) Namespace.delete({ path: netns });
  if (options.json) return JSON.stringify(summary(list, attachment, outcome));
  if (options.timings) showTimings(outcome.timings);
  return '';
}
