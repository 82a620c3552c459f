import { readdirSync } from 'node:fs';
import type { Candidate, Values } from './candidates.js';

function namespaces(): Candidate[] {
  try {
    return readdirSync('/run/netns').map((value) => ({ value }));
  } catch {
    return []; // there are none
  }
}

async function networks(options: ReadonlyMap<string, string>): Promise<Candidate[]> {
  const { networkFiles, readNetworkFile } = await import('../../runtime/network-directory.js');
  const directory = options.get('--conf-dir') || process.env.NETCONFPATH || '/etc/cni/net.d';
  return networkFiles(directory).flatMap((file) => {
    try {
      const { name, plugins } = readNetworkFile(file);
      return [{ value: name, description: plugins.map(({ type }) => type).join(', ') }];
    } catch {
      return []; // `netloom cni validate` says what is wrong with it
    }
  });
}

async function plugins(): Promise<Candidate[]> {
  const { pluginTypes } = await import('../../plugins/index.js');
  return pluginTypes.map((value) => ({ value }));
}

/** Values of arguments that stand for things of this host, by the arguments' names in the help. */
export const valuesHere: Values = async (name, options) => {
  switch (name) {
    case 'namespace':
    case 'namespaces':
    case 'selector':
    case 'selectors':
    case 'names':
    case 'words':
      return namespaces();
    case 'network':
    case 'networks':
      return await networks(options);
    case 'types':
      return await plugins();
    default:
      return [];
  }
};
