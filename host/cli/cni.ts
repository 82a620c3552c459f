import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import { parsePairs } from '../cni/arguments.js';
import { splitPath } from '../cni/execution.js';
import { toJson } from '../cni/result.js';
import { namesDirectory } from '../namespace/names.js';
import { bundled } from '../plugins/index.js';
import { type Attachment, loadNetworkList, Runtime } from '../runtime/index.js';

export interface CniOptions {
  /** Directory with the networks' configs. */
  readonly confDir: string;
  readonly ifname: string;
  readonly containerId?: string;
  /** CNI_ARGS. */
  readonly args: string;
  /** Capabilities, as JSON. */
  readonly capabilities?: string;
  readonly cacheDir?: string;
  /** CNI_PATH: for plugins that are not bundled. */
  readonly path: string;
}

const ID_BYTES = 10;

/** The identifier that cnitool gives to the container in a namespace, so that either can take over from the other. */
function containerIdOf(netns: string): string {
  return `cnitool-${createHash('sha512').update(netns).digest().subarray(0, ID_BYTES).toString('hex')}`;
}

/** Adds, checks or deletes the attachment of a namespace to a network; returns what is to be printed. */
export async function cniCommand(
  command: 'add' | 'check' | 'del',
  network: string,
  namespace: string,
  options: CniOptions,
): Promise<string> {
  const list = loadNetworkList(options.confDir, network);
  const netns = namespace.includes('/') ? resolve(namespace) : `${namesDirectory}/${namespace}`;
  const attachment: Attachment = {
    containerId: options.containerId ?? containerIdOf(netns),
    netns,
    ifname: options.ifname,
    args: parsePairs(options.args),
    ...(options.capabilities === undefined
      ? {}
      : { capabilities: JSON.parse(options.capabilities) as Record<string, unknown> }),
  };
  const runtime = new Runtime({
    bundled,
    path: splitPath(options.path),
    ...(options.cacheDir === undefined ? {} : { cacheDirectory: options.cacheDir }),
  });
  if (command === 'add') {
    const { output } = await runtime.addNetworkList(list, attachment, { undoOnFailure: true });
    return toJson(output);
  }
  if (command === 'check') await runtime.checkNetworkList(list, attachment);
  else await runtime.delNetworkList(list, attachment);
  return '';
}
