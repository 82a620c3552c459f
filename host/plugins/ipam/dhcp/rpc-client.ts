import { connect, type Socket } from 'node:net';
import { errnoMeaning } from '../../../codec/errno.js';
import { NetloomError } from '../../../netlink/errors.js';
import { GobDecoder, GobEncoder, type GobValue } from './gob.js';
import {
  type CommandArguments,
  type Method,
  readHeader,
  requestHeader,
  rpcPath,
  rpcStatus,
  writeArguments,
} from './wire.js';

/**
 * The daemon cannot be reached (`ERR_DHCP_DIAL`; `errno` is then that of connect(2), where there is one), or has
 * answered with an error (`ERR_DHCP_CALL`).
 */
export class DaemonError extends NetloomError {
  override readonly name = 'DaemonError';
  constructor(
    code: 'ERR_DHCP_DIAL' | 'ERR_DHCP_CALL',
    message: string,
    /** Name of the errno, as `ECONNREFUSED`. */
    readonly errno?: string,
    options?: ErrorOptions,
  ) {
    super(code, message, options);
  }
}

function dialError(path: string, error: Error): DaemonError {
  const { errno, code, syscall } = error as NodeJS.ErrnoException;
  const why = errno === undefined ? error.message : `${syscall}: ${errnoMeaning(-errno).toLowerCase()}`;
  return new DaemonError('ERR_DHCP_DIAL', `error dialing DHCP daemon: dial unix ${path}: ${why}`, code, {
    cause: error,
  });
}

/** ms that a daemon has for shaking hands. */
const HANDSHAKE = 10_000;
const LONGEST_HEAD = 8192;

/** A connection to the daemon, the reference's or ours, for one call. */
class Connection {
  readonly #socket: Socket;
  readonly #encoder = new GobEncoder();
  readonly #decoder = new GobDecoder();
  #pending: Buffer = Buffer.alloc(0);

  private constructor(socket: Socket) {
    this.#socket = socket;
    // between two reads nobody else listens; the next one finds the socket closed
    socket.on('error', () => undefined);
  }

  /** Connects and shakes hands. Throws DaemonError `ERR_DHCP_DIAL`. */
  static async open(path: string, signal: AbortSignal | undefined): Promise<Connection> {
    signal?.throwIfAborted();
    const socket = connect(path);
    const connection = new Connection(socket);
    const abandon = (): void => {
      socket.destroy(signal?.reason instanceof Error ? signal.reason : new Error('aborted'));
    };
    signal?.addEventListener('abort', abandon, { once: true });
    socket.once('close', () => signal?.removeEventListener('abort', abandon));
    try {
      socket.setTimeout(HANDSHAKE, () => socket.destroy(new Error(`no answer within ${HANDSHAKE} ms`)));
      socket.write(`CONNECT ${rpcPath} HTTP/1.0\n\n`);
      await connection.#shakeHands();
      socket.setTimeout(0);
      return connection;
    } catch (error) {
      connection.close();
      signal?.throwIfAborted();
      throw dialError(path, error as Error);
    }
  }

  /** The next bytes that come; throws when the other side is gone. */
  #next(): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      if (this.#socket.destroyed) {
        reject(this.#socket.errored ?? new Error('unexpected EOF'));
        return;
      }
      const settle = (work: () => void): void => {
        this.#socket.pause();
        this.#socket.off('data', onData).off('error', onError).off('close', onClose);
        work();
      };
      const onData = (chunk: Buffer): void => settle(() => resolve(chunk));
      const onError = (error: Error): void => settle(() => reject(error));
      const onClose = (): void => settle(() => reject(new Error('unexpected EOF')));
      this.#socket.on('data', onData).on('error', onError).on('close', onClose);
      this.#socket.resume();
    });
  }

  async #shakeHands(): Promise<void> {
    let head = Buffer.alloc(0);
    for (;;) {
      head = Buffer.concat([head, await this.#next()]);
      const end = /\r?\n\r?\n/.exec(head.toString('latin1'));
      if (end !== null) {
        const [first = ''] = head.toString('latin1').split(/\r?\n/, 1);
        if (!/^HTTP\/1\.[01] /.test(first) || first.slice(9) !== rpcStatus) {
          throw new Error(`unexpected HTTP response: ${first}`);
        }
        this.#pending = head.subarray(end.index + end[0].length);
        return;
      }
      if (head.length > LONGEST_HEAD) throw new Error('unexpected HTTP response');
    }
  }

  /** Throws DaemonError `ERR_DHCP_CALL`. */
  async call(method: Method, args: CommandArguments): Promise<GobValue> {
    const failed = (why: string, cause?: unknown): DaemonError =>
      new DaemonError('ERR_DHCP_CALL', `error calling ${method}: ${why}`, undefined, { cause });
    let header: ReturnType<typeof readHeader>;
    let body: GobValue;
    try {
      for (const { type, value } of [requestHeader(method, 0), writeArguments(args)]) {
        this.#socket.write(this.#encoder.encode(type, value));
      }
      const values = this.#decoder.push(this.#pending);
      while (values.length < 2) values.push(...this.#decoder.push(await this.#next()));
      header = readHeader(values[0] as GobValue);
      body = values[1] as GobValue;
    } catch (error) {
      throw failed(error instanceof Error ? error.message : String(error), error);
    }
    if (header.error !== '') throw failed(header.error);
    return body;
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** Has the daemon do something; returns what it answers. Throws DaemonError, or the signal's reason. */
export async function callDaemon(
  socketPath: string,
  method: Method,
  args: CommandArguments,
  signal?: AbortSignal,
): Promise<GobValue> {
  const connection = await Connection.open(socketPath, signal);
  try {
    return await connection.call(method, args);
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    connection.close();
  }
}

/** Throws DaemonError `ERR_DHCP_DIAL` unless there is a daemon that answers. */
export async function findDaemon(socketPath: string, signal?: AbortSignal): Promise<void> {
  (await Connection.open(socketPath, signal)).close();
}
