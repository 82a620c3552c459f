import { CniError } from '../../cni/errors.js';
import type { AttachmentRequest } from '../../cni/plugin.js';
import { NamespaceError } from '../../namespace/errors.js';

/**
 * For DEL: is there a sandbox that can be entered? What is at its path and no namespace is told to the log. Throws
 * CniError 999 when that cannot be found out at present: DEL is then to be tried again.
 */
export function canEnter({ sandbox, log }: Pick<AttachmentRequest<unknown>, 'sandbox' | 'log'>): boolean {
  try {
    return sandbox.exists;
  } catch (error) {
    if (!(error instanceof CniError) || !(error.cause instanceof NamespaceError)) throw error;
    log(error.message);
    return false;
  }
}
