import { rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { getuid, pid } from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { PluginLookup } from '../cni/plugin.js';
import { Connection } from './connection.js';
import { listenAt } from './listen.js';
import { type CallOutcome, Metrics } from './metrics.js';
import { Performer, release } from './performer.js';
import { type Call, formatAnswer, parseCall, refusal } from './protocol.js';
import { WorkQueue } from './queue.js';
import { recover } from './recovery.js';

export const defaultSocketPath = '/run/netloom/daemon.sock';

export interface DaemonOptions {
  readonly socketPath: string;
  /** A socket that listens already, as systemd gives it. */
  readonly descriptor?: number | undefined;
  readonly bundled: PluginLookup;
  readonly log: Logger;
  /** Writers at a time. */
  readonly concurrency?: number | undefined;
  /** ms without a call after which the daemon ends; never by default. */
  readonly idleExit?: number | undefined;
  /** Where ADDs are noted: `/run/netloom`. */
  readonly runDirectory?: string | undefined;
  /** ms in which a client must have said what it wants; 10,000 by default. */
  readonly patience?: number | undefined;
}

/** The resident server behind the CNI executables. */
export interface Daemon {
  /** Fulfilled when the daemon has ended, by `drain` or because it was idle. */
  readonly ended: Promise<void>;
  /** Takes no more calls, answers those that it has, and ends. */
  drain(): Promise<void>;
}

const CONCURRENCY = 32;
/** Connections that may be open at a time. */
const CONNECTIONS = 4096;
/** ms */
const CALL_PATIENCE = 10_000;
/** ms for clients that were about to connect when the socket went. */
const LAST_CALLS = 50;

const documents: Readonly<Record<string, string>> = {
  '/metrics': 'text/plain; version=0.0.4; charset=utf-8',
  '/status': 'application/json',
};

class ResidentDaemon implements Daemon {
  readonly #options: DaemonOptions;
  readonly #server: Server;
  readonly #performer: Performer;
  readonly #queue: WorkQueue;
  readonly #metrics = new Metrics();
  readonly #open = new Set<Connection>();
  readonly #log: Logger;
  #idle: NodeJS.Timeout | undefined;
  #draining: Promise<void> | undefined;
  #end: () => void = () => undefined;
  readonly ended: Promise<void>;

  constructor(options: DaemonOptions) {
    this.#options = options;
    this.#log = options.log;
    this.#queue = new WorkQueue(options.concurrency ?? CONCURRENCY);
    this.#performer = new Performer(options);
    this.#server = createServer({ pauseOnConnect: true }, (socket) => void this.#accept(socket));
    this.#server.maxConnections = CONNECTIONS;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  async start(): Promise<void> {
    const { socketPath, descriptor } = this.#options;
    await this.#recover();
    await listenAt(this.#server, socketPath, descriptor);
    this.#server.on('error', (error) => this.#log.error({ err: error }, 'the socket failed'));
    this.#log.info({ socket: socketPath, activated: descriptor !== undefined, pid }, 'listening');
    this.#rest();
  }

  /** Before anybody is served: their calls may be about the same containers. */
  async #recover(): Promise<void> {
    const undo = async (call: Call): Promise<string | undefined> => {
      if ((await this.#options.bundled(call.plugin)) === undefined) return 'no such plugin';
      return await this.#queue.run(
        Performer.keysOf(call, undefined),
        async () => (await this.#performer.undo(call, undefined)).error?.msg,
      );
    };
    await recover(this.#performer.unfinished(), undo, {
      log: this.#log,
      recovered: (how) => this.#metrics.recovered(how),
    });
  }

  /** Nothing to do: after a while the daemon ends, if it may. */
  #rest(): void {
    const { idleExit } = this.#options;
    clearTimeout(this.#idle);
    if (idleExit === undefined || this.#open.size > 0) return;
    this.#idle = setTimeout(() => {
      this.#log.info('idle');
      void this.drain();
    }, idleExit);
  }

  async #accept(socket: Socket): Promise<void> {
    let connection: Connection;
    try {
      connection = new Connection(socket);
    } catch {
      socket.destroy(); // it has left
      this.#metrics.refused('gone');
      return;
    }
    this.#open.add(connection);
    try {
      await this.#serve(connection);
    } catch (error) {
      this.#log.error({ err: error }, 'a connection failed');
    } finally {
      connection.close();
      this.#open.delete(connection);
      this.#rest();
    }
  }

  async #serve(connection: Connection): Promise<void> {
    const { uid, pid: peer } = connection.peer;
    if (uid !== 0 && uid !== getuid?.()) {
      this.#metrics.refused('user');
      this.#log.warn({ uid, peer }, 'refused: not root');
      await connection.answer(refusal());
      return;
    }
    const arrived = performance.now();
    const calledAt = Date.now();
    const received = await connection.receive(this.#options.patience ?? CALL_PATIENCE);
    switch (received.kind) {
      case 'http':
        await this.#tell(connection, received.line);
        return;
      case 'other version':
        this.#metrics.refused('version');
        await connection.answer(refusal());
        return;
      case 'nothing':
        this.#metrics.refused(received.reason);
        this.#log.warn({ peer, reason: received.reason }, 'refused: no call');
        return;
      case 'call':
        try {
          const call = parseCall(received.bytes);
          if (call === undefined) this.#metrics.refused('garbage');
          else await this.#answer(connection, call, received.descriptor, { arrived, calledAt });
        } finally {
          release(received.descriptor);
        }
    }
  }

  async #answer(
    connection: Connection,
    call: Call,
    descriptor: number | undefined,
    { arrived, calledAt }: { arrived: number; calledAt: number },
  ): Promise<void> {
    const { plugin, environment } = call;
    const { command, containerId, ifname } = environment;
    const count = (outcome: CallOutcome): void =>
      this.#metrics.call(plugin, command, outcome, (performance.now() - arrived) / 1000);
    if (!(await this.#performer.serves(call))) {
      this.#metrics.call('other', command, 'one-shot', 0);
      await connection.answer(refusal());
      return;
    }
    const work = async (): Promise<void> => {
      // it waits for no answer any more, and its runtime was told so
      if (connection.gone) {
        this.#metrics.refused('left the queue');
        return;
      }
      const begun = performance.now();
      const done = await this.#performer.perform(call, descriptor, calledAt);
      const taken = await connection.answer(formatAnswer(done.status, done.stdout, done.stderr));
      count(done.status === 0 ? 'ok' : 'error');
      const waited = Math.round(begun - arrived);
      const took = Math.round(performance.now() - begun);
      const entry = { plugin, command, containerId, ifname, status: done.status, waited, took };
      if (done.status === 0) this.#log.debug(entry, 'call');
      else this.#log.info({ ...entry, error: messageOf(done.stdout), told: done.stderr }, 'call failed');
      if (taken || done.status !== 0 || command !== 'ADD') return;
      // the runtime has heard of no attachment
      const { error } = await this.#performer.undo(call, descriptor);
      this.#log.warn({ ...entry, error }, 'nobody took the answer: undone');
    };
    if (Performer.isWriter(call)) await this.#queue.run(Performer.keysOf(call, descriptor), work);
    else await work();
  }

  /** Metrics and status, as HTTP. */
  async #tell(connection: Connection, line: string): Promise<void> {
    const path = /^GET ([^ ?]*)/.exec(line)?.[1] ?? '';
    const type = documents[path];
    const body =
      path === '/metrics'
        ? this.#metrics.text(this.#gauges())
        : path === '/status'
          ? `${JSON.stringify(this.#status())}\n`
          : 'there are /metrics and /status\n';
    const head = [
      type === undefined ? 'HTTP/1.1 404 Not Found' : 'HTTP/1.1 200 OK',
      `Content-Type: ${type ?? 'text/plain'}`,
      `Content-Length: ${Buffer.byteLength(body)}`,
      'Connection: close',
    ];
    await connection.answer(Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`));
  }

  #gauges() {
    const { running, waiting } = this.#queue;
    return { running, waiting, connections: this.#open.size };
  }

  #status() {
    return {
      pid,
      draining: this.#draining !== undefined,
      since: new Date(this.#metrics.started).toISOString(),
      calls: this.#metrics.calls,
      ...this.#gauges(),
      residentBytes: process.memoryUsage.rss(),
    };
  }

  drain(): Promise<void> {
    this.#draining ??= this.#drain();
    return this.#draining;
  }

  async #drain(): Promise<void> {
    clearTimeout(this.#idle);
    const { socketPath, descriptor } = this.#options;
    this.#log.info(this.#gauges(), 'draining');
    // systemd's socket stays, and who connects to it waits for the next daemon
    if (descriptor === undefined) {
      rmSync(socketPath, { force: true });
      await sleep(LAST_CALLS);
    }
    this.#server.close();
    while (this.#open.size > 0) await sleep(5);
    this.#performer.close();
    this.#log.info('ended');
    this.#end();
  }
}

function messageOf(output: string): string {
  try {
    return (JSON.parse(output) as { msg?: string }).msg ?? output;
  } catch {
    return output;
  }
}

/** Starts a daemon in this process. Throws DaemonError. */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const daemon = new ResidentDaemon(options);
  await daemon.start();
  return daemon;
}
