import { NetloomError } from '../netlink/errors.js';

/** `ERR_NAMESPACE_NOT_FOUND`, `ERR_NOT_A_NAMESPACE`, `ERR_NAMESPACE_EXISTS`, `ERR_NAMESPACE_CLOSED`, `ERR_INVALID_NAME` */
export class NamespaceError extends NetloomError {
  override readonly name = 'NamespaceError';
}
