import { knownArgs } from '../../../cni/arguments.js';
import {
  array,
  boolean,
  dnsShape,
  integer,
  object,
  optional,
  type Read,
  record,
  string,
} from '../../../cni/config.js';
import { CniError, errorCodes } from '../../../cni/errors.js';
import type { Request } from '../../../cni/plugin.js';
import { parseMac } from '../../../codec/text.js';

export const bridgeShape = object({
  bridge: optional(string, 'cni0'),
  isGateway: optional(boolean, false),
  isDefaultGateway: optional(boolean, false),
  forceAddress: optional(boolean, false),
  ipMasq: optional(boolean, false),
  ipMasqBackend: optional(string),
  /** Bytes; 0 leaves it to the kernel. */
  mtu: optional(integer, 0),
  hairpinMode: optional(boolean, false),
  promiscMode: optional(boolean, false),
  vlan: optional(integer, 0),
  vlanTrunk: optional(
    array(object({ minID: optional(integer), maxID: optional(integer), id: optional(integer) })),
  ),
  preserveDefaultVlan: optional(boolean, false),
  macspoofchk: optional(boolean, false),
  enabledad: optional(boolean, false),
  disableContainerInterface: optional(boolean, false),
  portIsolation: optional(boolean, false),
  ipam: optional(record),
  dns: optional(dnsShape),
  args: optional(object({ cni: optional(object({ mac: optional(string) })) })),
  runtimeConfig: optional(object({ mac: optional(string) })),
});

export type BridgeConfig = Read<typeof bridgeShape>;

/** A config that makes sense. */
export interface BridgeSettings extends Omit<BridgeConfig, 'vlanTrunk'> {
  /** Is there a gateway on the bridge? Also where only `isDefaultGateway` says so. */
  readonly isGateway: boolean;
  /** Hardware address for the container's end. */
  readonly mac: string | undefined;
  /** VLANs that the port carries tagged, ascending. */
  readonly trunk: readonly number[];
  /** Does the bridge tell VLANs apart? */
  readonly vlanFiltering: boolean;
}

const LAST_VLAN = 4094;

function invalid(msg: string): CniError {
  return new CniError(errorCodes.invalidNetworkConfig, msg);
}

function isVlan(id: number): boolean {
  return id >= 1 && id <= LAST_VLAN;
}

function trunkOf(entries: NonNullable<BridgeConfig['vlanTrunk']>): number[] {
  const ids = new Set<number>();
  for (const { minID, maxID, id } of entries) {
    if (minID !== undefined && !isVlan(minID)) throw invalid('incorrect trunk minID parameter');
    if (maxID !== undefined && !isVlan(maxID)) throw invalid('incorrect trunk maxID parameter');
    if (minID !== undefined && maxID !== undefined) {
      if (minID > maxID) throw invalid('minID is greater than maxID in trunk parameter');
      for (let vlan = minID; vlan <= maxID; vlan++) ids.add(vlan);
    } else if (minID !== undefined || maxID !== undefined) {
      const missing = minID === undefined ? 'minID' : 'maxID';
      throw invalid(`minID and maxID should be configured simultaneously, ${missing} is missing`);
    }
    if (id !== undefined) {
      if (!isVlan(id)) throw invalid('incorrect trunk id parameter');
      ids.add(id);
    }
  }
  return [...ids].sort((a, b) => a - b);
}

/** Checks a config. Throws CniError 7, or 999 for CNI_ARGS. */
export function settingsOf({ config, args }: Pick<Request<BridgeConfig>, 'config' | 'args'>): BridgeSettings {
  const { vlanTrunk, ...rest } = config;
  if (config.vlan < 0 || config.vlan > LAST_VLAN) {
    throw invalid(`invalid VLAN ID ${config.vlan} (must be between 0 and ${LAST_VLAN})`);
  }
  const trunk = trunkOf(vlanTrunk ?? []);
  const mac = config.runtimeConfig?.mac ?? config.args?.cni?.mac ?? knownArgs(args, ['MAC']).MAC;
  if (mac !== undefined && mac !== '' && parseMac(mac)?.length !== 6) {
    throw invalid(`failed to make veth pair: address ${mac}: invalid MAC address`);
  }
  return {
    ...rest,
    isGateway: config.isGateway || config.isDefaultGateway,
    mac: mac === '' ? undefined : mac,
    trunk,
    vlanFiltering: config.vlan !== 0 || vlanTrunk !== undefined,
  };
}

/** Characters of an interface's name, IFNAMSIZ without the zero. */
const NAME_LENGTH = 15;

/** The name of the interface that a gateway in a VLAN has on the host. */
export function vlanGatewayName(bridge: string, vlan: number): string {
  return `${bridge}.${vlan}`;
}

/** What only ADD and STATUS refuse. */
export function checkConflicts(settings: BridgeSettings, ipamConfigured: boolean): void {
  if (settings.disableContainerInterface && ipamConfigured) {
    throw invalid('cannot use IPAM when DisableContainerInterface flag is set');
  }
  if (settings.hairpinMode && settings.promiscMode) {
    throw invalid('cannot set hairpin mode and promiscuous mode at the same time');
  }
  const { bridge, vlan, isGateway } = settings;
  const name = vlanGatewayName(bridge, vlan);
  if (isGateway && vlan !== 0 && ipamConfigured && name.length > NAME_LENGTH) {
    throw invalid(
      `the gateway of VLAN ${vlan} cannot be named "${name}": interface names have at most ${NAME_LENGTH} characters`,
    );
  }
}
