import { NetloomError } from '../netlink/errors.js';

/** `ERR_NETWORK_CONFIG`, `ERR_NETWORK_NOT_FOUND`, `ERR_CACHE`, `ERR_UNSUPPORTED_VERSION`, `ERR_GC` */
export class RuntimeError extends NetloomError {
  override readonly name = 'RuntimeError';
}
