import { CniError, errorCodes } from '../../../cni/errors.js';
import type { Side } from '../../../cni/plugin.js';
import { NetlinkError } from '../../../netlink/errors.js';
import type { Link } from '../../../network/links.js';
import { command, verbFlags } from '../../../network/table.js';
import { link } from '../../../schema/link/link.js';
import type { bridgeVlanInfoFlags } from '../../../schema/link/protocols.js';
import { wrong } from '../../common/check.js';
import type { BridgeSettings } from './config.js';

const { setlink, dellink, newlink, getlink } = link.messages;
const BRIDGE_FAMILY = 7;
const MASTER = ['master'] as const;
/** RTEXT_FILTER_BRVLAN_COMPRESSED: dumps tell the VLANs of ports, by ranges. A message cannot hold 4094 single ones. */
const BRVLAN = ['brvlan-compressed'] as const;
/** The native VLAN of a port for which a config names only a trunk. */
const DEFAULT_VLAN = 1;

function failed(what: string, error: unknown): CniError {
  const reason = error instanceof NetlinkError ? error.message : String(error);
  return new CniError(errorCodes.internal, `${what}: ${reason}`, '', { cause: error });
}

/** A VLAN that a port is in. */
export interface PortVlan {
  readonly vid: number;
  /** Frames without a tag that come in belong to it. */
  readonly pvid: boolean;
  /** Its frames go out without a tag. */
  readonly untagged: boolean;
}

type VlanInfo = { readonly vid: number; readonly flags: readonly (keyof typeof bridgeVlanInfoFlags)[] };

function native(vid: number): PortVlan {
  return { vid, pvid: true, untagged: true };
}

function tagged(vid: number): PortVlan {
  return { vid, pvid: false, untagged: false };
}

/** VLANs as a message has them: runs of like ones by their first and last, so that all 4094 need little room. */
function compress(vlans: readonly PortVlan[]): VlanInfo[] {
  const all: VlanInfo[] = [];
  for (let i = 0; i < vlans.length; ) {
    const { vid, pvid, untagged } = vlans[i] as PortVlan;
    let last = i;
    for (let next = vlans[last + 1]; next !== undefined; next = vlans[last + 1]) {
      if (pvid || next.pvid || next.untagged !== untagged || next.vid !== vid + last + 1 - i) break;
      last++;
    }
    const flags = [...(pvid ? (['pvid'] as const) : []), ...(untagged ? (['untagged'] as const) : [])];
    if (last === i) all.push({ vid, flags });
    else {
      all.push({ vid, flags: [...flags, 'range-begin'] });
      all.push({ vid: vid + last - i, flags: [...flags, 'range-end'] });
    }
    i = last + 1;
  }
  return all;
}

function expand(infos: readonly VlanInfo[]): PortVlan[] {
  const all: PortVlan[] = [];
  let begin: number | undefined;
  for (const { vid, flags } of infos) {
    if (flags.includes('range-begin')) begin = vid;
    else {
      const kind = { pvid: flags.includes('pvid'), untagged: flags.includes('untagged') };
      for (let one = begin ?? vid; one <= vid; one++) all.push({ vid: one, ...kind });
      begin = undefined;
    }
  }
  return all;
}

/** Changes the VLANs of a port: `setlink` adds, `dellink` removes. */
async function changeVlans(
  host: Side,
  index: number,
  verb: 'add' | 'delete',
  vlans: readonly PortVlan[],
): Promise<void> {
  if (vlans.length === 0) return;
  const message = verb === 'add' ? setlink : dellink;
  const vlanInfo = compress(vlans).map(({ vid, flags }) => ({ vid, flags: [...flags] }));
  await host.network.executor.execute(() =>
    command(
      message,
      verbFlags.change,
      { family: BRIDGE_FAMILY, index },
      { afSpec: { flags: MASTER, vlanInfo } },
    ),
  );
}

/** The VLANs of all ports of the host's bridges, by the ports' indexes. */
export async function vlansOfPorts(host: Side): Promise<Map<number, PortVlan[]>> {
  const messages = await host.network.executor.dump(
    () => command(getlink, 0, { family: BRIDGE_FAMILY }, { extMask: BRVLAN }),
    newlink,
    (message) => message,
  );
  const all = new Map<number, PortVlan[]>();
  for (const { header, attributes } of messages) {
    const { index } = header as { index: number };
    const spec = attributes.afSpec as { vlanInfo?: VlanInfo[] } | undefined;
    if (!all.has(index)) all.set(index, expand(spec?.vlanInfo ?? []));
  }
  return all;
}

async function vlansOf(host: Side, index: number): Promise<PortVlan[]> {
  return (await vlansOfPorts(host)).get(index) ?? [];
}

/** Does a config ask for VLANs of the port? */
export function hasVlans({ vlan, trunk }: BridgeSettings): boolean {
  return vlan !== 0 || trunk.length > 0;
}

/** The VLANs of a config: the native one untagged, also where the trunk names it, those of the trunk tagged. */
function wantedVlans(
  { vlan, trunk, preserveDefaultVlan }: BridgeSettings,
  present: readonly PortVlan[],
): PortVlan[] {
  // without a VLAN of its own, a port that keeps the default has that
  const kept = vlan === 0 && preserveDefaultVlan ? present.find(({ pvid }) => pvid)?.vid : undefined;
  const own = kept ?? (vlan === 0 ? DEFAULT_VLAN : vlan);
  return [...trunk.filter((vid) => vid !== own).map(tagged), ...(kept === undefined ? [native(own)] : [])];
}

/** Puts a port into the VLANs of a config. Throws CniError 999. */
export async function setPortVlans(
  host: Side,
  ifname: string,
  index: number,
  settings: BridgeSettings,
): Promise<void> {
  if (!hasVlans(settings)) return;
  const { vlan, preserveDefaultVlan } = settings;
  let present: PortVlan[] = [];
  try {
    present = await vlansOf(host, index);
    if (!preserveDefaultVlan) await changeVlans(host, index, 'delete', present);
  } catch (error) {
    throw failed(`failed to remove default vlan on interface "${ifname}"`, error);
  }
  try {
    await changeVlans(host, index, 'add', wantedVlans(settings, present));
  } catch (error) {
    const what = vlan === 0 ? 'default native vlan tag' : 'vlan tag';
    throw failed(`failed to setup ${what} on interface "${ifname}"`, error);
  }
}

/** Is a port in the VLANs of its config, and in no others but the bridge's default? Throws CniError 999. */
export async function checkPortVlans(
  host: Side,
  { ifname, index }: Link,
  bridge: Link,
  settings: BridgeSettings,
): Promise<void> {
  if (!hasVlans(settings)) return;
  const present = await vlansOf(host, index);
  const wanted = wantedVlans(settings, present);
  for (const { vid, pvid } of wanted) {
    const found = present.find((one) => one.vid === vid);
    if (found === undefined) throw wrong(`Interface ${ifname} is not in VLAN ${vid}`);
    if (pvid && !found.pvid) throw wrong(`Interface ${ifname} has VLAN ${vid}, but not as its own`);
    if (pvid !== found.untagged)
      throw wrong(`Interface ${ifname} has VLAN ${vid} ${pvid ? 'tagged' : 'untagged'}`);
  }
  // the reference's earlier versions leave a port in the default, whatever the config says
  const usual = (bridge.data as { vlanDefaultPvid?: number } | undefined)?.vlanDefaultPvid;
  const other = present.find(({ vid }) => vid !== usual && !wanted.some((one) => one.vid === vid));
  if (other !== undefined) throw wrong(`Interface ${ifname} is in VLAN ${other.vid}, which is not its`);
}

/** Is a port in one VLAN with all that it does not tag? */
export async function isInVlan(host: Side, index: number, vlan: number): Promise<boolean> {
  return (await vlansOf(host, index)).some(({ vid, pvid, untagged }) => vid === vlan && pvid && untagged);
}

/** Puts a port into one VLAN, untagged. */
export async function setPortVlan(host: Side, index: number, vlan: number): Promise<void> {
  const others = (await vlansOf(host, index)).filter(({ vid }) => vid !== vlan);
  await changeVlans(host, index, 'delete', others);
  await changeVlans(host, index, 'add', [native(vlan)]);
}

/** Hairpin mode and isolation, where a config asks for them: a new port has neither. */
export async function setPortFlags(host: Side, ifname: string, settings: BridgeSettings): Promise<void> {
  const { hairpinMode, portIsolation } = settings;
  if (!hairpinMode && !portIsolation) return;
  try {
    await host.network.links.changePort(ifname, {
      ...(hairpinMode ? { mode: 1 } : {}),
      ...(portIsolation ? { isolated: 1 } : {}),
    });
  } catch (error) {
    throw failed(`failed to setup hairpin mode or isolation for ${ifname}`, error);
  }
}

/** Are hairpin mode and isolation on where a config asks for them? Others may turn them on too. Throws CniError 999. */
export function checkPortFlags({ ifname, slaveData }: Link, settings: BridgeSettings): void {
  const { mode, isolated } = (slaveData ?? {}) as { mode?: number; isolated?: number };
  if (settings.hairpinMode && mode !== 1) throw wrong(`Interface ${ifname} is not in hairpin mode`);
  if (settings.portIsolation && isolated !== 1) throw wrong(`Interface ${ifname} is not isolated`);
}
