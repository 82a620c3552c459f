import { request } from 'node:http';
import { array, object, optional, record, type Shape, string } from '../cni/config.js';
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
export async function listDockerNetworks(socketPath: string): Promise<DockerNetwork[]> {
  return await ask(socketPath, '/networks', shape);
}

const detailsShape = object({ Containers: optional(record, {}) });
const attachmentShape = object({ EndpointID: string });

/** Identifiers of the endpoints that a network has, of containers that do not run too. Throws DockerError `ERR_DOCKER_STATE`. */
export async function listDockerEndpoints(socketPath: string, network: string): Promise<string[]> {
  const { Containers } = await ask(socketPath, `/networks/${network}`, detailsShape);
  return Object.entries(Containers).map(([id, one]) => attachmentShape.read(one, id).EndpointID);
}

function ask<T>(socketPath: string, path: string, answer: Shape<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void =>
      reject(
        new DockerError('ERR_DOCKER_STATE', `Docker does not tell its networks: ${error.message}`, {
          cause: error,
        }),
      );
    const asked = request({ socketPath, path, timeout: TIMEOUT }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('error', fail);
      response.on('end', () => {
        try {
          if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}`);
          resolve(answer.read(JSON.parse(Buffer.concat(parts).toString('utf8')), path));
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
