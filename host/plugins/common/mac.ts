import { knownArgs } from '../../cni/arguments.js';
import { CniError, errorCodes } from '../../cni/errors.js';
import { parseMac } from '../../codec/text.js';

const MAC_LENGTH = 6;

/** Where a config may name a hardware address. */
interface MacConfig {
  readonly mac?: string | undefined;
  readonly runtimeConfig?: { readonly mac?: string | undefined } | undefined;
}

/**
 * The hardware address that is asked for: the runtime's, that of CNI_ARGS or the config's, the first that is not empty.
 * Throws CniError 7 for one that is none, 999 for CNI_ARGS.
 */
export function requestedMac({ mac: own, runtimeConfig }: MacConfig, args: string): string | undefined {
  const given = [runtimeConfig?.mac, knownArgs(args, ['MAC']).MAC, own];
  const mac = given.find((one) => one !== undefined && one !== '');
  if (mac !== undefined && parseMac(mac)?.length !== MAC_LENGTH) {
    const msg = `invalid args ${mac} for MAC addr: address ${mac}: invalid MAC address`;
    throw new CniError(errorCodes.invalidNetworkConfig, msg);
  }
  return mac;
}
