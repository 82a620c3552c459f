import { readFileSync } from 'node:fs';
import { setImmediate as immediate } from 'node:timers/promises';
import { sha256 } from '@noble/hashes/sha2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { CniError, errorCodes } from '../../../cni/errors.js';
import type { Side } from '../../../cni/plugin.js';
import { Selection } from '../../../codec/selection.js';
import { NetlinkError } from '../../../netlink/errors.js';
import type { Link } from '../../../network/links.js';
import { unavailable } from '../../common/capability.js';
import { withHostLock } from '../../common/host-lock.js';
import { macOf } from '../../common/names.js';
import type { BridgeSettings } from './config.js';
import { removeUnusedVlanGateways, vlanGatewaysOf } from './vlan-gateway.js';

/** The alias of bridges that this plugin made, which go with their last port. */
const ALIAS = 'made by CNI for its ports';

/** What is asked of a bridge. */
export const bridgeAttributes = new Selection('ifname', 'address', 'ifalias', 'linkinfo');

/** Names this start of the machine, which no process outlives. */
let start: string | undefined;

/**
 * The address that this plugin gives to a bridge that it makes, one of the name, the namespace and this start of the
 * machine. So it is known for ours from the moment that it is there: the kernel takes no alias with the creation.
 */
function addressAtBirth(host: Side, name: string): string {
  start ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return macOf(sha256(utf8ToBytes(`${start} ${host.namespace.id.ino} ${name}`)));
}

/** Does a bridge keep the address that it has? Others take that of one of their ports. */
export function keepsAddress({ ifalias }: Link): boolean {
  return ifalias === ALIAS;
}

function isOurs(host: Side, { ifname, kind, ifalias, address }: Link): boolean {
  return kind === 'bridge' && (ifalias === ALIAS || address === addressAtBirth(host, ifname));
}

function failed(what: string, error: unknown): CniError {
  const reason = error instanceof Error ? error.message : String(error);
  return new CniError(errorCodes.internal, `${what}: ${reason}`, '', { cause: error });
}

/**
 * The bridge of a config, with `bridgeAttributes`: the one that is there, or a new one. One that is there keeps its settings,
 * but is up, and promiscuous where that is asked for. One that was not up takes no router advertisements.
 */
export async function ensureBridge(host: Side, settings: BridgeSettings): Promise<Link> {
  const { bridge: name, mtu, promiscMode, vlanFiltering } = settings;
  const { links } = host.network;
  let link = await links.find(name, { only: bridgeAttributes });
  if (link === undefined) {
    try {
      await links.create({
        ifname: name,
        kind: 'bridge',
        // an address of its own stays, whatever ports come and go
        address: addressAtBirth(host, name),
        ...(mtu > 0 ? { mtu } : {}),
        ...(vlanFiltering ? { data: { vlanFiltering: 1 } } : {}),
      });
      await links.change(name, { ifalias: ALIAS });
    } catch (error) {
      if (!(error instanceof NetlinkError) || error.code !== 'EEXIST') {
        throw failed(`failed to create bridge "${name}"`, error);
      }
    }
    link = await links.get(name, { only: bridgeAttributes });
  }
  if (link.kind !== 'bridge') {
    throw new CniError(
      errorCodes.internal,
      `failed to create bridge "${name}": "${name}" already exists but is not a bridge`,
    );
  }
  // before it is up, when it would hear the first; a bridge that is up is told with its new port
  if (!link.up) host.namespace.sysctl.ensure(`net/ipv6/conf/${name}/accept_ra`, 0);
  if (!link.up || (promiscMode && !link.flags.includes('promisc'))) {
    await links.change(link.index, { up: true, ...(promiscMode ? { promisc: true } : {}) });
  }
  return link;
}

function filteringOf({ data }: Link): number | undefined {
  return (data as { vlanFiltering?: number } | undefined)?.vlanFiltering;
}

/** Does a bridge tell VLANs apart? One that was there before may not, and stays as it is. */
export function filtersVlans(bridge: Link): boolean {
  return filteringOf(bridge) === 1;
}

/** Throws CniError 50 when what has the bridge's name is no bridge, or tells no VLANs apart although it should. */
export async function requireBridge(
  { network }: Side,
  { bridge: name, vlanFiltering }: BridgeSettings,
): Promise<void> {
  const link = await network.links.find(name);
  if (link === undefined) return;
  if (link.kind !== 'bridge') throw unavailable(`"${name}" already exists but is not a bridge`);
  if (vlanFiltering && filteringOf(link) === undefined)
    throw unavailable(`this kernel has bridges without VLANs: "${name}" cannot filter them`);
}

/** Runs `work`, which may make the bridge or give it ports, while nobody removes it. */
export function withBridge<T>(host: Side, work: () => Promise<T>): Promise<T> {
  return withHostLock(host.namespace, work);
}

/** Looks at bridges that have not begun, by namespace and name. */
const due = new Map<string, Promise<void>>();

/**
 * Deletes gateways of VLANs that no port of a bridge is in any more, and the bridge with its last port when this plugin
 * made it. Of calls that come together one looks for all.
 */
export function removeUnused(host: Side, name: string): Promise<void> {
  const { dev, ino } = host.namespace.id;
  const key = `${dev}:${ino} ${name}`;
  let look = due.get(key);
  if (look === undefined) {
    look = immediate().then(() => {
      due.delete(key);
      return removeUnusedNow(host, name);
    });
    due.set(key, look);
  }
  return look;
}

async function removeUnusedNow(host: Side, name: string): Promise<void> {
  const { links } = host.network;
  const link = await links.find(name, { only: bridgeAttributes });
  if (link?.kind !== 'bridge') return;
  const look = async () => {
    const ports = await links.list({ master: link.index });
    return { ports, gateways: await vlanGatewaysOf(host, name, ports) };
  };
  const ours = isOurs(host, link);
  if (!ours && (await look()).gateways.length === 0) return;
  await withBridge(host, async () => {
    const { ports, gateways } = await look();
    if (ours && ports.length === gateways.length) {
      for (const { port } of gateways) await links.delete(port.index);
      await links.delete(link.index);
    } else {
      await removeUnusedVlanGateways(host, gateways, ports);
    }
  });
}
