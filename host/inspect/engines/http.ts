import { Agent, request } from 'node:http';
import { InspectError } from '../errors.js';

/** Bytes of an answer that is still taken. */
const LONGEST = 64 * 1024 * 1024;

/** Asks an engine's API over its unix socket; many questions share a few connections. */
export class EngineClient {
  readonly #socket: string;
  readonly #signal: AbortSignal;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 8 });

  constructor(socket: string, signal: AbortSignal) {
    this.#socket = socket;
    this.#signal = signal;
  }

  /** The JSON at a path. Throws InspectError `ERR_ENGINE`, an error of node:http, or the signal's reason. */
  async get(path: string): Promise<unknown> {
    const text = await this.#text(path);
    try {
      return JSON.parse(text);
    } catch (error) {
      throw new InspectError('ERR_ENGINE', `the answer to ${path} is no JSON`, { cause: error });
    }
  }

  #text(path: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const options = {
        socketPath: this.#socket,
        path,
        agent: this.#agent,
        signal: this.#signal,
        headers: { Host: 'localhost' },
      };
      const asked = request(options, (answer) => {
        const chunks: Buffer[] = [];
        let length = 0;
        answer.on('data', (chunk: Buffer) => {
          chunks.push(chunk);
          length += chunk.length;
          if (length > LONGEST)
            answer.destroy(new InspectError('ERR_ENGINE', `the answer to ${path} does not end`));
        });
        answer.on('error', reject);
        answer.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          const { statusCode = 0 } = answer;
          if (statusCode === 200) resolve(text);
          else
            reject(
              new InspectError(
                'ERR_ENGINE',
                `${path} was answered with ${statusCode}: ${text.slice(0, 200)}`,
              ),
            );
        });
      });
      asked.on('error', reject);
      asked.end();
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}
