import { integerIn, object, optional, type Read, string } from '../../../cni/config.js';
import { CniError, errorCodes } from '../../../cni/errors.js';

const LAST_TABLE = 0xffff_ffff;

export const vrfShape = object({
  /** Name of the VRF in the container. */
  vrfname: optional(string, ''),
  /** Number of its table; 0: one that nothing uses. */
  table: optional(integerIn(0, LAST_TABLE), 0),
});

export type VrfConfig = Read<typeof vrfShape>;

/** Bytes. linux/if.h, IFNAMSIZ */
const NAME_LENGTH = 15;

/** Throws CniError 7 when the VRF has no name that a link can have. */
export function checkName({ vrfname }: VrfConfig): void {
  const isName =
    vrfname !== '' &&
    vrfname !== '.' &&
    vrfname !== '..' &&
    !/[/:\s\0]/.test(vrfname) &&
    Buffer.byteLength(vrfname) <= NAME_LENGTH;
  if (isName) return;
  throw new CniError(
    errorCodes.invalidNetworkConfig,
    `configuration is expected to have a valid vrf name${vrfname === '' ? '' : `, got ${JSON.stringify(vrfname)}`}`,
  );
}
