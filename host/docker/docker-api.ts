import { request } from 'node:http';
import { array, object, optional, string } from '../cni/config.js';
import { DockerError } from './errors.js';

const TIMEOUT = 5000;

const shape = array(
  object({
    Id: string,
    Name: string,
    Driver: optional(string, ''),
    IPAM: optional(
      object({
        Driver: optional(string, ''),
        Config: optional(array(object({ Subnet: optional(string, ''), IPRange: optional(string, '') })), []),
      }),
    ),
  }),
);

/** A network as Docker lists it. */
export type DockerNetwork = ReturnType<typeof shape.read>[number];

/** All of Docker's networks. Throws DockerError `ERR_DOCKER_STATE` when it does not answer. */
export function listDockerNetworks(socketPath: string): Promise<DockerNetwork[]> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void =>
      reject(
        new DockerError('ERR_DOCKER_STATE', `Docker does not tell its networks: ${error.message}`, {
          cause: error,
        }),
      );
    const asked = request({ socketPath, path: '/networks', timeout: TIMEOUT }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('error', fail);
      response.on('end', () => {
        try {
          if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}`);
          resolve(shape.read(JSON.parse(Buffer.concat(parts).toString('utf8')), 'networks'));
        } catch (error) {
          fail(error as Error);
        }
      });
    });
    asked.on('timeout', () => asked.destroy(new Error(`no answer in ${TIMEOUT / 1000} s`)));
    asked.on('error', fail);
    asked.end();
  });
}
