import { CniError, errorCodes } from '../../../cni/errors.js';
import type { Side } from '../../../cni/plugin.js';
import { NetlinkError } from '../../../netlink/errors.js';
import { command, verbFlags } from '../../../network/table.js';
import { link } from '../../../schema/link/link.js';
import type { BridgeSettings } from './config.js';

const { setlink, dellink, newlink, getlink } = link.messages;
const BRIDGE_FAMILY = 7;
const MASTER = ['master'] as const;
/** RTEXT_FILTER_BRVLAN: dumps tell the VLANs of ports. */
const BRVLAN = ['brvlan'] as const;

function failed(what: string, error: unknown): CniError {
  const reason = error instanceof NetlinkError ? error.message : String(error);
  return new CniError(errorCodes.internal, `${what}: ${reason}`, '', { cause: error });
}

interface Vlan {
  readonly vid: number;
  readonly flags: readonly ('pvid' | 'untagged')[];
}

/** Changes the VLANs of a port: `setlink` adds, `dellink` removes. */
async function changeVlans(
  host: Side,
  index: number,
  verb: 'add' | 'delete',
  vlanInfo: readonly Vlan[],
): Promise<void> {
  if (vlanInfo.length === 0) return;
  const message = verb === 'add' ? setlink : dellink;
  await host.network.executor.execute(() =>
    command(
      message,
      verbFlags.change,
      { family: BRIDGE_FAMILY, index },
      {
        afSpec: { flags: MASTER, vlanInfo: vlanInfo.map(({ vid, flags }) => ({ vid, flags: [...flags] })) },
      },
    ),
  );
}

/** The VLANs that a port is in. */
export async function vlansOf(host: Side, index: number): Promise<number[]> {
  const [own] = await host.network.executor.dump(
    () => command(getlink, 0, { family: BRIDGE_FAMILY }, { extMask: BRVLAN }),
    newlink,
    (message) => (message.header.index === index ? message : undefined),
  );
  const spec = own?.attributes.afSpec as { vlanInfo?: { vid: number }[] } | undefined;
  return spec?.vlanInfo?.map(({ vid }) => vid) ?? [];
}

/** Puts a port into the VLANs of a config: native ones untagged, those of the trunk tagged. */
export async function setPortVlans(
  host: Side,
  ifname: string,
  index: number,
  settings: BridgeSettings,
): Promise<void> {
  const { vlan, trunk, preserveDefaultVlan } = settings;
  if (vlan === 0 && trunk.length === 0) return;
  if (!preserveDefaultVlan) {
    try {
      const present = await vlansOf(host, index);
      await changeVlans(
        host,
        index,
        'delete',
        present.map((vid) => ({ vid, flags: [] })),
      );
    } catch (error) {
      throw failed(`failed to remove default vlan on interface "${ifname}"`, error);
    }
  }
  const native: Vlan[] = [{ vid: vlan === 0 ? 1 : vlan, flags: ['pvid', 'untagged'] }];
  const tagged: Vlan[] = trunk.map((vid) => ({ vid, flags: [] }));
  const both = vlan === 0 && preserveDefaultVlan ? tagged : [...tagged, ...native];
  try {
    await changeVlans(host, index, 'add', both);
  } catch (error) {
    const what = vlan === 0 ? 'default native vlan tag' : 'vlan tag';
    throw failed(`failed to setup ${what} on interface "${ifname}"`, error);
  }
}

/** Puts a port into one VLAN, untagged. */
export async function setPortVlan(host: Side, index: number, vlan: number): Promise<void> {
  const others = (await vlansOf(host, index)).filter((vid) => vid !== vlan);
  await changeVlans(
    host,
    index,
    'delete',
    others.map((vid) => ({ vid, flags: [] })),
  );
  await changeVlans(host, index, 'add', [{ vid: vlan, flags: ['pvid', 'untagged'] }]);
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
