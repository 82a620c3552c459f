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
import type { IpConfig } from '../../../cni/result.js';
import { parseAddress } from '../../common/address.js';
import { cidrOf } from '../../common/interface.js';

export const ptpShape = object({
  ipMasq: optional(boolean, false),
  ipMasqBackend: optional(string),
  /** Bytes; 0 leaves it to the kernel. */
  mtu: optional(integer, 0),
  ipam: optional(record),
  dns: optional(dnsShape),
});

export type PtpConfig = Read<typeof ptpShape>;

/** Checks a config. Throws CniError 7. */
export function checkConfig({ mtu, ipMasq }: PtpConfig, ipamConfigured: boolean): void {
  const invalid = (msg: string): CniError => new CniError(errorCodes.invalidNetworkConfig, msg);
  if (mtu < 0) throw invalid(`mtu: expected 0 or a number of bytes, got ${mtu}`);
  if (ipMasq && !ipamConfigured) throw invalid('ipMasq needs addresses: the config has no ipam');
}

/** An address of the container that is reached over a gateway. */
export interface Routed extends IpConfig {
  readonly gateway: string;
}

/**
 * The addresses that IPAM gave, as of the interface with that index. Throws CniError 999 when there are none, or when
 * one lacks the gateway that the host's end is to be.
 */
export function routedAddresses(ips: readonly IpConfig[], index: number): Routed[] {
  if (ips.length === 0) throw new CniError(errorCodes.internal, 'IPAM plugin returned missing IP config');
  return ips.map((ip) => {
    const { address, gateway } = ip;
    const { bits } = cidrOf(ip).address;
    if (gateway === undefined || gateway === '') {
      throw new CniError(
        errorCodes.internal,
        `IPAM plugin returned no gateway for ${address}: the host's end of the pair needs an address`,
      );
    }
    if (parseAddress(gateway)?.bits !== bits) {
      throw new CniError(
        errorCodes.internal,
        `IPAM plugin returned gateway ${gateway} for ${address}: expected an address of the same family`,
      );
    }
    return { ...ip, gateway, interface: index };
  });
}
