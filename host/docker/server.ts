import { chmodSync, lstatSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { dirname } from 'node:path';
import { makeDirectory } from '../cni/directory.js';
import { isServed, listen } from '../cni/unix-socket.js';
import { NetloomError } from '../netlink/errors.js';
import { conflict, DockerError } from './errors.js';
import type { Call } from './protocol.js';

/** What go-plugins-helpers sends; Docker does not look at it. */
const CONTENT_TYPE = 'application/vnd.docker.plugins.v1.1+json';
/** Bytes. A request with all ports published is some megabytes. */
const LONGEST_BODY = 32 * 1024 * 1024;

export interface CallReport {
  readonly name: string;
  /** ms, from the whole request to the answer. */
  readonly duration: number;
  readonly error: string | undefined;
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** 400 for what is asked wrongly, 500 for the rest. Docker takes both for an error, and 404 for a call that is not there. */
function statusOf(error: unknown): number {
  return error instanceof DockerError && error.code === 'ERR_DOCKER_REQUEST' ? 400 : 500;
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > LONGEST_BODY) throw new DockerError('ERR_DOCKER_REQUEST', 'the request is too long');
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

function send(response: ServerResponse, status: number, value: object): void {
  const body = `${JSON.stringify(value)}\n`;
  response.writeHead(status, { 'Content-Type': CONTENT_TYPE, 'Content-Length': Buffer.byteLength(body) });
  response.end(body);
}

/** An HTTP server of calls; errors go out under both of the names that Docker looks for. */
export function createPluginServer(calls: readonly Call[], report: (report: CallReport) => void): Server {
  const byName = new Map(calls.map((call) => [`/${call.name}`, call]));
  const server = createServer((request, response) => {
    const answer = (status: number, value: object): void => {
      // a server that ends has no time for the client's next request
      if (!server.listening) response.setHeader('Connection', 'close');
      send(response, status, value);
    };
    const serve = async (): Promise<void> => {
      const fail = (status: number, message: string): void =>
        answer(status, { Err: message, Error: message });
      const call = byName.get((request.url ?? '').split('?')[0] as string);
      if (call === undefined) {
        request.resume();
        return fail(404, `${request.url} is no call of this plugin`);
      }
      if (request.method !== 'POST') {
        request.resume();
        return fail(405, `${call.name}: POST only`);
      }
      let started = performance.now();
      let error: string | undefined;
      try {
        const body = await bodyOf(request);
        started = performance.now();
        answer(200, await call.run(body));
      } catch (thrown) {
        error = text(thrown);
        const known = thrown instanceof NetloomError || thrown instanceof DockerError;
        if (!known && thrown instanceof Error && !('code' in thrown)) error = thrown.stack ?? error;
        fail(statusOf(thrown), text(thrown));
      }
      report({ name: call.name, duration: performance.now() - started, error });
    };
    serve().catch(() => response.destroy());
  });
  // Docker keeps its connection: closed while it is idle, the next request might be lost on the way
  server.keepAliveTimeout = 0;
  return server;
}

/**
 * Listens on a socket's path, which only root may connect to, or on one that is open already. Throws DockerError
 * `ERR_DOCKER_CONFLICT` when somebody else listens there; the system's errors.
 */
export async function listenOn(server: Server, where: { path: string } | { fd: number }): Promise<void> {
  if ('path' in where) {
    makeDirectory(dirname(where.path), 0o755);
    const there = lstatSync(where.path, { throwIfNoEntry: false });
    if (there !== undefined) {
      if (!there.isSocket()) throw conflict(`${where.path} is there, and no socket`);
      if (await isServed(where.path)) throw conflict(`somebody else serves ${where.path}`);
      rmSync(where.path, { force: true });
    }
  }
  await listen(server, where, 0o177);
  if ('path' in where) chmodSync(where.path, 0o600);
}
