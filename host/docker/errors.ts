import { NetloomError } from '../netlink/errors.js';

/**
 * `ERR_DOCKER_REQUEST`: a request that makes no sense; `ERR_DOCKER_CONFLICT`: what is asked for is taken, or another
 * network's; `ERR_DOCKER_STATE`: a file of ours cannot be read or written; `ERR_DOCKER_UNKNOWN`: no such network or endpoint.
 */
export class DockerError extends NetloomError {
  override readonly name = 'DockerError';
}

export function badRequest(message: string): DockerError {
  return new DockerError('ERR_DOCKER_REQUEST', message);
}

export function conflict(message: string): DockerError {
  return new DockerError('ERR_DOCKER_CONFLICT', message);
}
