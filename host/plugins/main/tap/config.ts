import {
  boolean,
  dnsShape,
  integer,
  integerIn,
  object,
  optional,
  type Read,
  record,
  string,
} from '../../../cni/config.js';
import { CniError, errorCodes } from '../../../cni/errors.js';
import type { Request } from '../../../cni/plugin.js';
import { requestedMac } from '../../common/mac.js';

/** The last number is what the kernel takes for nobody. */
const LARGEST_ID = 0xfffffffe;

export const tapShape = object({
  multiQueue: optional(boolean, false),
  /** Bytes; 0 leaves it to the kernel. */
  mtu: optional(integer, 0),
  mac: optional(string),
  /** User id. */
  owner: optional(integerIn(0, LARGEST_ID)),
  /** Group id. */
  group: optional(integerIn(0, LARGEST_ID)),
  selinuxContext: optional(string, ''),
  /** In the container; the tap becomes a port of it. */
  bridge: optional(string, ''),
  ipam: optional(record),
  dns: optional(dnsShape),
  runtimeConfig: optional(object({ mac: optional(string) })),
});

export type TapConfig = Read<typeof tapShape>;

export interface TapSettings extends TapConfig {
  readonly mac: string | undefined;
}

function invalid(msg: string): CniError {
  return new CniError(errorCodes.invalidNetworkConfig, msg);
}

/** Checks a config. Throws CniError 7, or 999 for CNI_ARGS. */
export function settingsOf({ config, args }: Pick<Request<TapConfig>, 'config' | 'args'>): TapSettings {
  const { mtu } = config;
  const mac = requestedMac(config, args);
  if (mtu < 0) throw invalid(`mtu: expected 0 or a number of bytes, got ${mtu}`);
  return { ...config, mac };
}
