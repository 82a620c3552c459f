import { CniError, errorCodes } from '../../../cni/errors.js';
import { type AttachmentRequest, definePlugin, type GcRequest, type Side } from '../../../cni/plugin.js';
import type { Result } from '../../../cni/result.js';
import { type Cidr, formatAddress } from '../../common/address.js';
import { requirePrevResult } from '../../common/check.js';
import { cidrOf } from '../../common/interface.js';
import { otherAddresses } from '../../common/masquerade.js';
import { everyStep, undoing } from '../../common/undo.js';
import {
  type BackendName,
  type PortmapConfig,
  portmapShape,
  readableMappings,
  type Settings,
  settingsOf,
} from './config.js';
import { forgetFlows } from './flows.js';
import { iptablesBackend } from './iptables.js';
import { openLoopback } from './loopback.js';
import type { Backend, Family, Leaving, Owner, Published } from './mapping.js';
import { nftablesBackend } from './nftables.js';

type Request = AttachmentRequest<PortmapConfig>;

const backends: Readonly<Record<BackendName, Backend>> = {
  iptables: iptablesBackend,
  nftables: nftablesBackend,
};
const names = ['nftables', 'iptables'] as const;

/** The backend of a config; without one nftables, where that can be used. */
async function backendOf({ backend }: Settings, host: Side): Promise<BackendName> {
  if (backend !== undefined) return backend;
  const nftables = await nftablesBackend.trouble(host);
  if (nftables === undefined) return 'nftables';
  return (await iptablesBackend.trouble(host)) === undefined ? 'iptables' : 'nftables';
}

/** The container's addresses: of each family the first that is not known to be another interface's. */
function targetsOf({ ips = [], interfaces = [] }: Result, ifname: string): Partial<Record<Family, Cidr>> {
  const targets: Partial<Record<Family, Cidr>> = {};
  for (const ip of ips) {
    const entry = ip.interface === undefined ? undefined : interfaces[ip.interface];
    if (entry !== undefined && (entry.name !== ifname || (entry.sandbox ?? '') === '')) continue;
    const cidr = cidrOf(ip);
    const family = cidr.address.bits === 32 ? 'ip' : 'ip6';
    targets[family] ??= cidr;
  }
  return targets;
}

function ownerOf({ name, containerId, ifname }: Request): Owner {
  return { name, containerId, ifname };
}

function publishedOf(request: Request, settings: Settings, result: Result): Published {
  const { snat, masqAll, conditionsV4, conditionsV6 } = request.config;
  const { mappings, markBit, externalSetMarkChain } = settings;
  return {
    owner: ownerOf(request),
    mappings,
    targets: targetsOf(result, request.ifname),
    snat,
    masqAll,
    conditions: { ip: conditionsV4, ip6: conditionsV6 },
    markBit,
    externalSetMarkChain,
  };
}

function addressesOf(targets: Partial<Record<Family, Cidr>>): Set<string> {
  return new Set(Object.values(targets).map(({ address }) => formatAddress(address)));
}

function leavingOf(request: Request, own: ReadonlySet<string>): Leaving {
  let known: Promise<ReadonlySet<string>> | undefined;
  const others = (): Promise<ReadonlySet<string>> => {
    known ??= otherAddresses(request.sandbox, request.ifname);
    return known;
  };
  return { owner: ownerOf(request), own, others };
}

async function add(request: Request): Promise<Result> {
  const { host, config, prevResult, log } = request;
  const settings = readSettings(config);
  if (prevResult === undefined) {
    throw new CniError(errorCodes.invalidNetworkConfig, 'must be called as chained plugin');
  }
  if (settings.mappings.length === 0) return prevResult;
  const published = publishedOf(request, settings, prevResult);
  const { targets, snat, mappings } = published;
  if (Object.keys(targets).length === 0) return prevResult;
  const name = await backendOf(settings, host);
  const other = name === 'nftables' ? iptablesBackend : nftablesBackend;
  const leaving = leavingOf(request, addressesOf(targets));
  return await undoing(log, async (undo) => {
    undo.push(() => backends[name].remove(host, leaving));
    await backends[name].add(host, published, leaving);
    if (!(await other.isMissing(host))) await other.remove(host, leaving);
    if (snat) await openLoopback(host, targets, log);
    await forgetFlows(host, mappings, log);
    return prevResult;
  });
}

function readSettings(config: PortmapConfig): Settings {
  try {
    return settingsOf(config);
  } catch (error) {
    if (!(error instanceof CniError)) throw error;
    throw new CniError(error.number, `failed to parse config: ${error.msg}`, error.details, { cause: error });
  }
}

/** Addresses of a result; none of what cannot be read. */
function knownTargets({ prevResult, ifname, log }: Request): Set<string> {
  if (prevResult === undefined) return new Set();
  try {
    return addressesOf(targetsOf(prevResult, ifname));
  } catch (error) {
    log(`portmap: ${(error as Error).message}`);
    return new Set();
  }
}

/** Of a namespace that cannot be looked into, DEL takes all that is the container's. */
function tolerant(leaving: Leaving, log: Request['log']): Leaving {
  return {
    ...leaving,
    others: async () => {
      try {
        return await leaving.others();
      } catch (error) {
        log(`portmap: ${(error as Error).message}`);
        return new Set();
      }
    },
  };
}

async function remove(request: Request): Promise<void> {
  const { host, config, log } = request;
  const leaving = tolerant(leavingOf(request, knownTargets(request)), log);
  // whichever backend the config names by now; one that is not there has nothing to remove
  await everyStep(
    ...names.map((name) => async () => {
      if (!(await backends[name].isMissing(host))) await backends[name].remove(host, leaving);
    }),
  );
  await forgetFlows(host, readableMappings(config), log);
}

async function check(request: Request): Promise<void> {
  const { host, config } = request;
  const settings = settingsOf(config);
  const result = requirePrevResult(request.prevResult);
  if (settings.mappings.length === 0) return;
  const published = publishedOf(request, settings, result);
  const name = await backendOf(settings, host);
  try {
    await backends[name].check(host, published);
  } catch (error) {
    // without a backend in the config, another version's ADD may have chosen otherwise
    const other = name === 'nftables' ? 'iptables' : 'nftables';
    if (settings.backend !== undefined || (await backends[other].trouble(host)) !== undefined) throw error;
    await backends[other].check(host, published).catch(() => {
      throw error;
    });
  }
}

async function gc(request: GcRequest<PortmapConfig>): Promise<void> {
  await everyStep(
    ...names.map((name) => async () => {
      if (!(await backends[name].isMissing(request.host))) await backends[name].collect(request);
    }),
  );
}

/** portmap: ports of the host that lead to a container. */
export const portmap = definePlugin<PortmapConfig>({
  type: 'portmap',
  config: portmapShape,
  configError: 'failed to parse config: failed to parse network configuration',
  add,
  delete: remove,
  check,
  gc,
  async status({ host, config }) {
    const { backend } = settingsOf(config);
    const troubles: string[] = [];
    for (const name of backend === undefined ? names : [backend]) {
      const trouble = await backends[name].trouble(host);
      if (trouble === undefined) return;
      troubles.push(trouble);
    }
    throw new CniError(errorCodes.pluginNotAvailable, troubles.join(', '));
  },
});
