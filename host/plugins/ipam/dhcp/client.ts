import { randomBytes } from 'node:crypto';
import type { ClientOptions } from './config.js';
import { DhcpError } from './errors.js';
import { type DhcpMessage, messageTypes } from './message.js';
import { address, optionCodes, readAddresses, readText, uint16 } from './options.js';
import { type Arrival, anyAddress, type DhcpSocket, type Envelope, toAll } from './socket.js';
import { type LeaseTerms, termsOf } from './terms.js';
import { now, pause, pauses, type Timing, TRIES } from './timing.js';

/** Bytes of a message that the client takes (option 57). */
const MAXIMUM_MESSAGE_SIZE = 1500;

/** What a server has granted. */
export interface Grant {
  readonly terms: LeaseTerms;
  /** Link-layer address that the answer came from: the server's, or that of the relay on the way to it. */
  readonly mac: Uint8Array;
  /** When it was asked for, in seconds of `now`: from then on the times of the lease count (RFC 2131 section 4.4.1). */
  readonly since: number;
}

const isAnyOf = (message: DhcpMessage, ...types: readonly number[]): boolean =>
  types.includes(message.options.get(optionCodes.messageType)?.[0] ?? 0);

/** The conversations of a DHCP client, RFC 2131 section 4.4, on one link. */
export class DhcpClient {
  readonly #socket: DhcpSocket;
  readonly #options: ClientOptions;
  readonly #timing: Timing;
  #begun = now();

  constructor(socket: DhcpSocket, options: ClientOptions, timing: Timing) {
    this.#socket = socket;
    this.#options = options;
    this.#timing = timing;
  }

  /** Whole seconds since the client has begun. */
  #seconds(): number {
    return Math.floor(now() - this.#begun);
  }

  #message(
    type: number,
    xid: number,
    secs: number,
    own: readonly (readonly [code: number, value: Uint8Array])[],
    ciaddr = anyAddress,
  ): DhcpMessage {
    const { provided, requested } = this.#options;
    const options = new Map<number, Uint8Array>([[optionCodes.messageType, Uint8Array.of(type)]]);
    for (const [code, value] of own) options.set(code, value);
    const short = type === messageTypes.release || type === messageTypes.decline;
    if (!short) {
      if (requested.length > 0) options.set(optionCodes.parameterRequestList, Uint8Array.from(requested));
      options.set(optionCodes.maximumMessageSize, uint16(MAXIMUM_MESSAGE_SIZE));
    }
    for (const [code, value] of provided) {
      if (!short || code === optionCodes.clientIdentifier) options.set(code, value);
    }
    return {
      op: 'request',
      xid,
      secs,
      broadcast: (this.#timing.broadcast || this.#socket.link.broadcast) && ciaddr === anyAddress,
      ciaddr,
      yiaddr: anyAddress,
      siaddr: anyAddress,
      giaddr: anyAddress,
      chaddr: this.#socket.link.mac,
      options,
    };
  }

  /**
   * Sends a message until it is answered, three times at most and not after `deadline` (of `now`). Throws DhcpError
   * `ERR_DHCP_TIMEOUT`.
   */
  async #ask<T>(
    make: () => DhcpMessage,
    envelope: Envelope,
    accept: (arrival: Arrival) => T | undefined,
    what: string,
    signal: AbortSignal,
    deadline: number,
  ): Promise<T> {
    for (let attempt = 0; attempt < TRIES; attempt++) {
      const left = (deadline - now()) * 1000;
      if (left <= 0) break;
      const message = make();
      this.#socket.send(message, envelope);
      const found = await this.#socket.receive(
        (arrival) => (this.#isForUs(arrival.message, message.xid) ? accept(arrival) : undefined),
        Math.min(this.#timing.timeout * 2 ** attempt, left),
        signal,
      );
      if (found !== undefined) return found;
    }
    throw new DhcpError('ERR_DHCP_TIMEOUT', `no DHCP server has answered the ${what}`);
  }

  #isForUs({ op, xid, chaddr }: DhcpMessage, ours: number): boolean {
    return op === 'reply' && xid === ours && Buffer.compare(chaddr, this.#socket.link.mac) === 0;
  }

  /** The terms of an ACK; a NAK throws DhcpError `ERR_DHCP_NAK`. `server`: the one that was asked, if one was. */
  #decision(
    { message, mac }: Arrival,
    since: number,
    server?: string,
  ): (Omit<Grant, 'terms'> & { ack: DhcpMessage }) | undefined {
    const [from] = readAddresses(message.options, optionCodes.serverIdentifier);
    if (server !== undefined && from !== undefined && from !== server) return undefined;
    if (isAnyOf(message, messageTypes.nak)) {
      const why = readText(message.options, optionCodes.message);
      throw new DhcpError(
        'ERR_DHCP_NAK',
        `the DHCP server ${from ?? ''} has refused${why === undefined ? '' : `: ${why}`}`,
      );
    }
    return isAnyOf(message, messageTypes.ack) ? { ack: message, mac, since } : undefined;
  }

  /** DISCOVER, OFFER, REQUEST, ACK: once. */
  async #discover(signal: AbortSignal, deadline: number, wish?: string): Promise<Grant> {
    const xid = randomBytes(4).readUInt32BE();
    const wished: [number, Uint8Array][] =
      wish === undefined ? [] : [[optionCodes.requestedAddress, address(wish)]];
    let secs = 0;
    const offer = await this.#ask(
      () => {
        secs = this.#seconds();
        return this.#message(messageTypes.discover, xid, secs, wished);
      },
      toAll,
      ({ message }) => {
        const [server] = readAddresses(message.options, optionCodes.serverIdentifier);
        if (!isAnyOf(message, messageTypes.offer) || server === undefined) return undefined;
        return message.yiaddr === anyAddress ? undefined : { server, address: message.yiaddr };
      },
      'DHCPDISCOVER',
      signal,
      deadline,
    );
    const own: [number, Uint8Array][] = [
      [optionCodes.requestedAddress, address(offer.address)],
      [optionCodes.serverIdentifier, address(offer.server)],
    ];
    let since = now();
    const { ack, mac } = await this.#ask(
      () => {
        since = now();
        // relays that go by the seconds are to pass both to the same servers, RFC 2131 section 4.4.1
        return this.#message(messageTypes.request, xid, secs, own);
      },
      toAll,
      (arrival) => this.#decision(arrival, since, offer.server),
      'DHCPREQUEST',
      signal,
      deadline,
    );
    try {
      return { terms: termsOf(ack), mac, since };
    } catch (error) {
      // what cannot be used is given back
      this.release({ address: ack.yiaddr, server: offer.server }, mac);
      throw error;
    }
  }

  /** Asks once for an address that it had. A server may grant another one. Throws DhcpError. */
  async regain(wish: string, signal: AbortSignal): Promise<Grant> {
    this.#begun = now();
    return await this.#discover(signal, Number.POSITIVE_INFINITY, wish);
  }

  /**
   * Gets a lease: attempt after attempt until `resendTimeout` has passed. Throws DhcpError: `ERR_DHCP_TIMEOUT` when all
   * have failed, `ERR_DHCP_LEASE` when what it got cannot be used.
   */
  async acquire(signal: AbortSignal): Promise<Grant> {
    this.#begun = now();
    const deadline = this.#begun + this.#timing.resendTimeout / 1000;
    for (const wait of pauses(this.#timing)) {
      let last: Error;
      try {
        return await this.#discover(signal, deadline);
      } catch (error) {
        signal.throwIfAborted();
        // the server would grant the same again
        if (error instanceof DhcpError && error.code === 'ERR_DHCP_LEASE') throw error;
        last = error as Error;
      }
      if (now() + wait / 1000 >= deadline) {
        throw new DhcpError('ERR_DHCP_TIMEOUT', `no more tries: ${last.message}`, { cause: last });
      }
      await pause(wait, signal);
    }
    throw new DhcpError('ERR_DHCP_TIMEOUT', 'no more tries'); // the pauses never end
  }

  /**
   * Asks for more time, as a client that has the address: of the server that granted the lease (`mac` is then the way
   * to it), else of all. Throws DhcpError `ERR_DHCP_TIMEOUT` when nobody has answered by `deadline`, `ERR_DHCP_NAK`,
   * `ERR_DHCP_LEASE`.
   */
  async renew(
    held: LeaseTerms,
    mac: Uint8Array | undefined,
    deadline: number,
    signal: AbortSignal,
  ): Promise<Grant> {
    const { address: own, server } = held;
    const xid = randomBytes(4).readUInt32BE();
    const envelope: Envelope =
      mac === undefined ? { ...toAll, source: own } : { source: own, destination: server, mac };
    let since = now();
    const { ack, mac: from } = await this.#ask(
      () => {
        since = now();
        return this.#message(messageTypes.request, xid, this.#seconds(), [], own);
      },
      envelope,
      (arrival) => this.#decision(arrival, since, mac === undefined ? undefined : server),
      'DHCPREQUEST',
      signal,
      deadline,
    );
    return { terms: termsOf(ack, held), mac: from, since };
  }

  /** Gives an address back. Servers do not answer that. */
  release({ address: own, server }: Pick<LeaseTerms, 'address' | 'server'>, mac: Uint8Array): void {
    const xid = randomBytes(4).readUInt32BE();
    const message = this.#message(
      messageTypes.release,
      xid,
      0,
      [[optionCodes.serverIdentifier, address(server)]],
      own,
    );
    this.#socket.send(message, { source: own, destination: server, mac });
  }
}
