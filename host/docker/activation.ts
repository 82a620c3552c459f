import { passedSockets } from '../cni/unix-socket.js';
import { conflict } from './errors.js';

/** The unit that `netloom docker install` writes: systemd passes its socket under this name. */
export const socketUnit = 'netloom-docker.socket';

/**
 * The socket that systemd listens on for Docker: the one of that name, or the only one. Throws DockerError
 * `ERR_DOCKER_CONFLICT` where several could be it.
 */
export function activatedSocket(env: NodeJS.ProcessEnv): number | undefined {
  const passed = passedSockets(env);
  const named = passed.filter(({ name }) => name === socketUnit);
  const [socket, ...others] = named.length > 0 ? named : passed;
  if (others.length > 0) {
    throw conflict(`systemd passed ${passed.length} sockets: Docker's must be named ${socketUnit}`);
  }
  return socket?.descriptor;
}
