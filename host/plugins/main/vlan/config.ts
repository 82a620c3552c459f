import {
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

export const vlanShape = object({
  /** The only interface of `prevResult` when there is none. */
  master: optional(string, ''),
  vlanId: optional(integer, 0),
  /** Bytes; 0 is the master's. */
  mtu: optional(integer, 0),
  /** The master lives in the container's namespace. */
  linkInContainer: optional(boolean, false),
  ipam: optional(record),
  dns: optional(dnsShape),
});

export type VlanConfig = Read<typeof vlanShape>;

/** 4095 is reserved. IEEE 802.1Q, 9.6 */
const LAST_VLAN = 4094;

/** Throws CniError 7 when a config names no VLAN that there can be. */
export function checkVlanId({ vlanId }: VlanConfig): void {
  if (vlanId >= 0 && vlanId <= LAST_VLAN) return;
  throw new CniError(
    errorCodes.invalidNetworkConfig,
    `invalid VLAN ID ${vlanId} (must be between 0 and ${LAST_VLAN} inclusive)`,
  );
}

/** What a config without a master is told where no plugin before has made one. */
export function masterMissing(): CniError {
  return new CniError(
    errorCodes.invalidNetworkConfig,
    '"master" field is required. It specifies the host interface name to create the VLAN for',
  );
}
