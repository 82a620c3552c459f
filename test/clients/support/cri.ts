import { fileURLToPath } from 'node:url';
import { credentials, loadPackageDefinition, type ServiceClientConstructor } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

type Message = Record<string, unknown>;
type Method = (
  request: Message,
  options: object,
  done: (error: Error | null, reply: Message) => void,
) => void;

/** Kubernetes' side of the container runtime interface. */
export interface Cri {
  call(method: string, request: Message): Promise<Message>;
  close(): void;
}

const protocol = fileURLToPath(new URL('../../../../test/clients/fixtures/cri.proto', import.meta.url));

export async function connectCri(address: string): Promise<Cri> {
  const options = { keepCase: true, longs: String, enums: String, defaults: true };
  const loaded = loadPackageDefinition(loadSync(protocol, options)) as unknown as {
    runtime: { v1: { RuntimeService: ServiceClientConstructor } };
  };
  const client = new loaded.runtime.v1.RuntimeService(address, credentials.createInsecure());
  return {
    call: (method, request) =>
      new Promise((resolve, reject) => {
        const call = (client as unknown as Record<string, Method>)[method] as Method;
        call.call(client, request, { deadline: Date.now() + 60_000 }, (error, reply) => {
          if (error === null) resolve(reply);
          else reject(new Error(`${method}: ${error.message}`));
        });
      }),
    close: () => client.close(),
  };
}
