import { readdirSync } from 'node:fs';
import type { Candidate, Values } from './candidates.js';

function namespaces(): Candidate[] {
  try {
    return readdirSync('/run/netns').map((value) => ({ value }));
  } catch {
    return []; // there are none
  }
}

/** ms that engines may take: whoever waits has pressed a key. */
const PATIENCE = 300;

/** Processes, by what they are called. */
async function processes(): Promise<Candidate[]> {
  const { commandOf } = await import('../../inspect/index.js');
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map((pid) => ({ value: `pid:${pid}`, description: commandOf('/proc', Number(pid)) }));
}

/** All that selectors can say now; with `pid:` begun, processes. */
async function selectors(word: string): Promise<Candidate[]> {
  if (word.startsWith('pid:')) return await processes();
  const { inventory, ownerText } = await import('../../inspect/index.js');
  const { namespaces } = await inventory({ timeout: PATIENCE, nsids: false });
  return namespaces.flatMap(({ names, owner }) =>
    names.map((value) => ({ value, description: owner.kind === 'name' ? '' : ownerText(owner) })),
  );
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
export const valuesHere: Values = async (name, options, word) => {
  switch (name) {
    case 'namespace':
    case 'namespaces':
    case 'names':
      return namespaces();
    case 'selector':
    case 'selectors':
    case 'words':
      return await selectors(word);
    case 'network':
    case 'networks':
      return await networks(options);
    case 'types':
      return await plugins();
    default:
      return [];
  }
};
