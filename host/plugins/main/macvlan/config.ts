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

const LARGEST_U32 = 0xffffffff;

export const macvlanShape = object({
  /** The link of the default route when there is none. */
  master: optional(string, ''),
  mode: optional(string, ''),
  /** Bytes; 0 is the master's. */
  mtu: optional(integer, 0),
  mac: optional(string),
  /** The master lives in the container's namespace. */
  linkInContainer: optional(boolean, false),
  /** Frames; 0 leaves it to the kernel. */
  bcqueuelen: optional(integerIn(0, LARGEST_U32), 0),
  ipam: optional(record),
  dns: optional(dnsShape),
  runtimeConfig: optional(object({ mac: optional(string) })),
});

export type MacvlanConfig = Read<typeof macvlanShape>;

const modes = ['bridge', 'private', 'vepa', 'passthru'] as const;
type Mode = (typeof modes)[number];

/** A config that makes sense, as far as can be told without looking at the host. */
export interface MacvlanSettings extends Omit<MacvlanConfig, 'mode' | 'mac'> {
  readonly mode: Mode;
  readonly mac: string | undefined;
}

function invalid(msg: string): CniError {
  return new CniError(errorCodes.invalidNetworkConfig, msg);
}

/** Checks a config. Throws CniError 7, or 999 for CNI_ARGS. */
export function settingsOf({
  config,
  args,
}: Pick<Request<MacvlanConfig>, 'config' | 'args'>): MacvlanSettings {
  const mode = modes.find((known) => known === (config.mode === '' ? 'bridge' : config.mode));
  if (mode === undefined) throw invalid(`unknown macvlan mode: ${JSON.stringify(config.mode)}`);
  const mac = requestedMac(config, args);
  return { ...config, mode, mac };
}
