import type { Socket } from 'node:net';
import { GobDecoder, GobEncoder, type GobValue } from './gob.js';
import {
  type CommandArguments,
  nothing,
  readArguments,
  readHeader,
  responseHeader,
  rpcPath,
  rpcStatus,
  type Typed,
} from './wire.js';

/** What a method does. `signal`: the caller has gone. */
export type Handler = (args: CommandArguments, signal: AbortSignal) => Promise<Typed>;

const LONGEST_HEAD = 8192;
/** ms that a caller has for saying what it wants. */
const PATIENCE = 30_000;

/** Serves one connection: CONNECT first, then calls, which may overlap. */
export function serveConnection(
  socket: Socket,
  methods: ReadonlyMap<string, Handler>,
  log: (message: string) => void,
): void {
  const gone = new AbortController();
  const encoder = new GobEncoder();
  const decoder = new GobDecoder();
  const values: GobValue[] = [];
  let head: Buffer | undefined = Buffer.alloc(0);
  let running = 0;

  function send(header: Typed, body: Typed): void {
    if (!socket.writable) return;
    for (const { type, value } of [header, body]) socket.write(encoder.encode(type, value));
  }

  async function answer(header: GobValue, body: GobValue): Promise<void> {
    const { method, sequence } = readHeader(header);
    const handler = methods.get(method);
    if (handler === undefined) {
      const [service = '', name] = method.split('.');
      const what = name !== undefined && service === 'DHCP' ? 'method' : 'service';
      send(responseHeader(method, sequence, `rpc: can't find ${what} ${method}`), nothing);
      return;
    }
    const args = readArguments(body);
    running++;
    socket.setTimeout(0);
    try {
      const reply = await handler(args, gone.signal);
      send(responseHeader(method, sequence), reply);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      send(responseHeader(method, sequence, message === '' ? 'failed' : message), nothing);
    } finally {
      running--;
      if (running === 0) socket.setTimeout(PATIENCE);
    }
  }

  function refuse(error: unknown): void {
    log(`a caller was sent away: ${error instanceof Error ? error.message : String(error)}`);
    socket.destroy();
  }

  /** Takes the head of the request, and returns what came after it. */
  function connected(chunk: Buffer): Buffer | undefined {
    head = Buffer.concat([head ?? Buffer.alloc(0), chunk]);
    const text = head.toString('latin1');
    const end = /\r?\n\r?\n/.exec(text);
    if (end === null) {
      if (head.length > LONGEST_HEAD) refuse(new Error('a head without an end'));
      return undefined;
    }
    const rest = head.subarray(end.index + end[0].length);
    head = undefined;
    if (!text.startsWith(`CONNECT ${rpcPath} HTTP/`)) {
      socket.end(
        'HTTP/1.0 405 Method Not Allowed\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n405 must CONNECT\n',
      );
      return undefined;
    }
    socket.write(`HTTP/1.0 ${rpcStatus}\n\n`);
    return rest;
  }

  socket.on('data', (chunk: Buffer) => {
    const bytes = head === undefined ? chunk : connected(chunk);
    if (bytes === undefined || bytes.length === 0) return;
    try {
      values.push(...decoder.push(bytes));
      while (values.length >= 2) {
        const [header, body] = values.splice(0, 2) as [GobValue, GobValue];
        answer(header, body).catch(refuse);
      }
    } catch (error) {
      refuse(error);
    }
  });
  socket.on('error', () => undefined); // its close follows
  socket.on('close', () => gone.abort(new Error('the caller has gone')));
  socket.setTimeout(PATIENCE, () => socket.destroy());
}
