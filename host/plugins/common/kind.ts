import { CniError, errorCodes } from '../../cni/errors.js';
import type { Side } from '../../cni/plugin.js';

/** For STATUS: throws CniError 50 unless the kernel can make links of a kind. */
export async function requireKind({ network }: Side, kind: string): Promise<void> {
  let reason = 'this kernel has none';
  try {
    if (await network.links.supports(kind)) return;
  } catch (error) {
    reason = error instanceof Error ? error.message : String(error);
  }
  throw new CniError(errorCodes.pluginNotAvailable, `no link of kind "${kind}" can be made: ${reason}`);
}
