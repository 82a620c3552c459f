import { formatAddress } from '../../../cni/address.js';
import { object, optional, type Read, string } from '../../../cni/config.js';
import { CniError, errorCodes } from '../../../cni/errors.js';
import {
  type AttachmentRequest,
  definePlugin,
  type GcRequest,
  type Request as PluginRequest,
  type Side,
} from '../../../cni/plugin.js';
import type { Result } from '../../../cni/result.js';
import { headerOnly } from '../../../codec/selection.js';
import { iptablesInstalled, legacyTables } from '../../../netfilter/iptables.js';
import { withHostLock } from '../../common/host-lock.js';
import { cidrOf } from '../../common/interface.js';
import { everyStep, undoing } from '../../common/undo.js';
import type { Backend, Ingress, Wanted } from './backend.js';
import { claim, collectClaims, releaseClaims } from './claims.js';
import { firewalldBackend, firewalldRuns } from './firewalld.js';
import { addIngress, iptablesBackend } from './iptables.js';
import { nftablesBackend } from './nftables.js';

const firewallShape = object({
  backend: optional(string, ''),
  iptablesAdminChainName: optional(string, 'CNI-ADMIN'),
  firewalldZone: optional(string, 'trusted'),
  ingressPolicy: optional(string, 'open'),
});
type FirewallConfig = Read<typeof firewallShape>;
type Request = AttachmentRequest<FirewallConfig>;

const backends: Readonly<Record<string, Backend>> = {
  firewalld: firewalldBackend,
  iptables: iptablesBackend,
  nftables: nftablesBackend,
};

/**
 * The backend of a config. Without one: firewalld where it runs, iptables where the host's forwarding is filtered
 * with it (only there an accept of ours keeps a packet from being dropped), else nftables.
 */
async function backendOf({ backend }: FirewallConfig, host: Side): Promise<Backend> {
  const named = backends[backend];
  if (named !== undefined) return named;
  if (await firewalldRuns()) return firewalldBackend;
  if (!iptablesInstalled('ip')) return nftablesBackend;
  const chains = await host.netfilter.chains({ family: 'ip', table: 'filter' });
  const filtered = chains.some(({ name }) => name === 'FORWARD') || legacyTables('ip').includes('filter');
  return filtered ? iptablesBackend : nftablesBackend;
}

/** The policy of a config, unless it is to shut nobody off. Throws CniError 7. */
function policyOf({ ingressPolicy }: FirewallConfig): Ingress['policy'] | undefined {
  if (ingressPolicy === '' || ingressPolicy === 'open') return undefined;
  if (ingressPolicy === 'same-bridge' || ingressPolicy === 'isolated') return ingressPolicy;
  throw new CniError(
    errorCodes.invalidNetworkConfig,
    `unknown ingress policy: ${JSON.stringify(ingressPolicy)}`,
  );
}

function ingressOf(config: FirewallConfig, result: Result): Ingress | undefined {
  const policy = policyOf(config);
  if (policy === undefined) return undefined;
  const [first] = result.interfaces ?? [];
  if (first === undefined) {
    const msg = `interface needs to be set for ingress policy ${JSON.stringify(policy)}, make sure to chain "firewall" plugin with "bridge"`;
    throw new CniError(errorCodes.invalidNetworkConfig, msg);
  }
  if (first.name === '') throw new CniError(errorCodes.invalidNetworkConfig, 'got empty bridge name');
  return { policy, bridge: first.name };
}

function wantedOf(
  { config, name, containerId, ifname }: Request,
  addresses: readonly string[],
  ingress?: Ingress,
): Wanted {
  return {
    owner: { name, containerId, ifname },
    addresses,
    ingress,
    adminChain: config.iptablesAdminChainName,
    zone: config.firewalldZone,
  };
}

function addressesOf(result: Result): string[] {
  return [...new Set((result.ips ?? []).map((ip) => formatAddress(cidrOf(ip).address)))];
}

function required({ prevResult }: Request): Result {
  if (prevResult === undefined) {
    throw new CniError(errorCodes.invalidNetworkConfig, 'missing prevResult from earlier plugin');
  }
  return prevResult;
}

async function add(request: Request): Promise<Result> {
  const { host, config, log } = request;
  const result = required(request);
  const wanted = wantedOf(request, addressesOf(result), ingressOf(config, result));
  const backend = await backendOf(config, host);
  return await undoing(log, async (undo) => {
    undo.push(() => release(request, backend, wanted));
    if (backend === nftablesBackend) await backend.add(host, wanted);
    else {
      // a GC or DEL must not take the rules away for the owner that the address had before
      await withHostLock(host.namespace, async () => {
        // a kernel without nftables has iptables all the same
        await claim(host, wanted.owner, wanted.addresses).catch((error: Error) =>
          log(`firewall: GC will not know whose rules these are: ${error.message}`),
        );
        await backend.add(host, wanted);
      });
    }
    if (backend === firewalldBackend) await addIngress(host, wanted);
    return result;
  });
}

async function release({ host }: Request, backend: Backend, wanted: Wanted): Promise<void> {
  if (backend === nftablesBackend) {
    await backend.remove(host, wanted);
    return;
  }
  await withHostLock(host.namespace, () =>
    releaseClaims(host, wanted.owner, wanted.addresses, (addresses) =>
      backend.remove(host, { ...wanted, addresses }),
    ),
  );
}

/** Addresses to be forgotten: those of the result, and those that the container has at present. */
async function knownAddresses(request: Request): Promise<string[]> {
  const { prevResult, sandbox, ifname } = request;
  const known = new Set(prevResult === undefined ? [] : addressesOf(prevResult));
  if (sandbox.exists) {
    const link = await sandbox.network.links.find(ifname, { only: headerOnly });
    const present = link === undefined ? [] : await sandbox.network.addresses.list({ device: link.index });
    for (const { address, scope } of present) {
      if (scope === 0) known.add(formatAddress(cidrOf({ address }).address));
    }
  }
  return [...known];
}

async function remove(request: Request): Promise<void> {
  const { host, config } = request;
  const wanted = wantedOf(request, await knownAddresses(request));
  // rules of our own are known by their comments, whichever backend the config names by now
  await nftablesBackend.remove(host, wanted);
  const backend = await backendOf(config, host);
  if (backend !== nftablesBackend) await release(request, backend, wanted);
}

async function check(request: Request): Promise<void> {
  const { host, config } = request;
  const result = required(request);
  const backend = await backendOf(config, host);
  await backend.check(host, wantedOf(request, addressesOf(result), ingressOf(config, result)));
}

async function gc(request: GcRequest<FirewallConfig>): Promise<void> {
  const { host, name, config } = request;
  const remove = async (addresses: readonly string[]): Promise<void> => {
    const owner = { name, containerId: '', ifname: '' };
    const { iptablesAdminChainName: adminChain, firewalldZone: zone } = config;
    const wanted: Wanted = { owner, addresses, ingress: undefined, adminChain, zone };
    for (const backend of [iptablesBackend, firewalldBackend]) await backend.remove(host, wanted);
  };
  await everyStep(
    async () => nftablesBackend.collect?.(request),
    () => withHostLock(host.namespace, () => collectClaims(request, remove)),
  );
}

async function status({ config, host }: PluginRequest<FirewallConfig>): Promise<void> {
  const policy = policyOf(config);
  const backend = await backendOf(config, host);
  await backend.require(host);
  // the reference has policies in iptables, and so has this backend
  if (backend === firewalldBackend && policy !== undefined) await iptablesBackend.require(host);
}

/** firewall: lets the addresses of an attachment through the host's firewall. */
export const firewall = definePlugin<FirewallConfig>({
  type: 'firewall',
  versions: ['0.4.0', '1.0.0', '1.1.0'],
  config: firewallShape,
  configError: 'failed to load netconf',
  add,
  delete: remove,
  check,
  gc,
  status,
});
