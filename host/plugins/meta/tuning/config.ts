import { knownArgs } from '../../../cni/arguments.js';
import {
  boolean,
  integerIn,
  object,
  optional,
  type Read,
  record,
  type Shape,
  string,
} from '../../../cni/config.js';
import { CniError, errorCodes } from '../../../cni/errors.js';
import type { Request } from '../../../cni/plugin.js';
import { parseMac } from '../../../codec/text.js';
import { duplicateKey } from './duplicates.js';

/** Where settings are kept that are to be restored. */
export const DATA_DIR = '/run/cni/tuning';

const LARGEST_INT = 0x7fff_ffff;
const count = integerIn(0, LARGEST_INT);

/** Values by the names of sysctls. */
const sysctls: Shape<Record<string, string>> = {
  read: (value, path, faults) =>
    Object.fromEntries(
      Object.entries(record.read(value, path, faults)).map(([key, text]) => [
        key,
        string.read(text, `${path}.${key}`, faults),
      ]),
    ),
};

const settingShapes = {
  sysctl: optional(sysctls),
  mac: optional(string),
  promisc: optional(boolean),
  /** Bytes; 0 leaves it as it is. */
  mtu: optional(count),
  allmulti: optional(boolean),
  /** Packets. */
  txQLen: optional(count),
} as const;

export const tuningShape = object({
  ...settingShapes,
  dataDir: optional(string, DATA_DIR),
  args: optional(object({ cni: optional(object(settingShapes)) })),
  runtimeConfig: optional(object({ mac: optional(string) })),
});

export type TuningConfig = Read<typeof tuningShape>;

/** What a link is to be like; what is missing is left as it is. */
export interface LinkSettings {
  readonly mac?: string | undefined;
  readonly promisc?: boolean | undefined;
  /** Bytes. */
  readonly mtu?: number | undefined;
  readonly allmulti?: boolean | undefined;
  /** Packets. */
  readonly txQLen?: number | undefined;
}

/** What a config asks for. */
export interface Tuning {
  /** Names as they were given, and values. */
  readonly sysctls: readonly (readonly [name: string, value: string])[];
  readonly link: LinkSettings;
}

function invalid(msg: string): CniError {
  return new CniError(errorCodes.invalidNetworkConfig, msg);
}

/** Bytes of an address, of which Go's parser knows three. */
const MAC_LENGTHS = [6, 8, 20];

/** An address as the kernel writes it; `0011.2233.4455` is one too. Undefined when it is none. */
export function canonicalMac(text: string): string | undefined {
  const quartets = /^[0-9a-f]{4}(\.[0-9a-f]{4})+$/i.test(text);
  const colons = quartets ? text.replaceAll('.', '').replaceAll(/..(?=.)/g, '$&:') : text;
  const bytes = parseMac(colons);
  if (bytes === undefined || !MAC_LENGTHS.includes(bytes.length)) return undefined;
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':');
}

/** Empty counts as not given, as in the reference. */
function firstMac(...given: readonly (string | undefined)[]): string | undefined {
  const mac = given.find((one) => one !== undefined && one !== '');
  if (mac !== undefined && canonicalMac(mac) === undefined) {
    throw invalid(`invalid args ${mac} for MAC addr: address ${mac}: invalid MAC address`);
  }
  return mac;
}

/** The settings of a config, with those for this attachment in place of the network's. Throws CniError 7 and 999. */
export function tuningOf({
  config,
  configText,
  args,
}: Pick<Request<TuningConfig>, 'config' | 'configText' | 'args'>): Tuning {
  if (duplicateKey(configText) !== undefined) throw invalid('duplicated sysctl keys are not allowed');
  const own = config.args?.cni;
  const mac = firstMac(own?.mac, config.runtimeConfig?.mac, knownArgs(args, ['MAC']).MAC, config.mac);
  const mtu = own?.mtu ?? config.mtu;
  return {
    sysctls: Object.entries({ ...config.sysctl, ...own?.sysctl }),
    link: {
      mac,
      promisc: own?.promisc ?? config.promisc,
      mtu: mtu === 0 ? undefined : mtu,
      allmulti: own?.allmulti ?? config.allmulti,
      txQLen: own?.txQLen ?? config.txQLen,
    },
  };
}
