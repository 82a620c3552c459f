import { type Address, formatAddress, parseAddress } from '../../../cni/address.js';
import { array, boolean, integerIn, object, optional, type Read, string } from '../../../cni/config.js';
import { CniError, errorCodes } from '../../../cni/errors.js';

const LAST_TABLE = 0xffff_ffff;

export const sbrShape = object({
  /** Table that already has the routes; 0 or none: one of the plugin's own for each address. */
  table: optional(integerIn(0, LAST_TABLE)),
  gateways: optional(array(string)),
  addSourceHints: optional(boolean, false),
});
export type SbrConfig = Read<typeof sbrShape>;

/** Gateways that a config gives, one for each family. */
export interface Gateways {
  readonly inet?: string;
  readonly inet6?: string;
}

const FAMILIES = 2;

function invalid(msg: string): CniError {
  return new CniError(errorCodes.invalidNetworkConfig, msg);
}

/** Throws CniError 7. */
export function gatewaysOf({ gateways = [] }: SbrConfig): Gateways {
  if (gateways.length > FAMILIES) {
    throw invalid('gateways list cannot contain more than 2 entries (one IPv4, one IPv6)');
  }
  const found: { inet?: string; inet6?: string } = {};
  for (const text of gateways) {
    const address: Address | undefined = parseAddress(text);
    if (address === undefined) throw invalid(`invalid static gateway IP address: ${text}`);
    const [family, name] = address.bits === 32 ? (['inet', 'IPv4'] as const) : (['inet6', 'IPv6'] as const);
    const other = found[family];
    const own = formatAddress(address);
    if (other !== undefined)
      throw invalid(`gateways list contains multiple ${name} addresses: ${other} and ${own}`);
    found[family] = own;
  }
  return found;
}
