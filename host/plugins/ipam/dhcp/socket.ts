import { parseMac } from '../../../codec/text.js';
import type { Namespace } from '../../../namespace/namespace.js';
import { guarded, openPacketSocket, type PacketSocket } from '../../../netlink/native.js';
import { DhcpError } from './errors.js';
import { type DhcpMessage, decodeMessage, encodeMessage } from './message.js';
import { clientFilter, decodePacket, encodePacket } from './packet.js';

const ETH_P_IP = 0x0800;
/** TP_STATUS_CSUMNOTREADY of linux/if_packet.h. */
const CHECKSUM_NOT_READY = 8;
/** Larger than any link's packets that a DHCP server would send. */
const BUFFER = 65_536;

export const broadcastMac: Uint8Array = new Uint8Array(6).fill(0xff);
export const anyAddress = '0.0.0.0';
export const broadcastAddress = '255.255.255.255';

/** Where a message goes, and as whose. */
export interface Envelope {
  readonly source: string;
  readonly destination: string;
  /** Link-layer address of the next hop. */
  readonly mac: Uint8Array;
}

/** Who has no address yet, to all. */
export const toAll: Envelope = { source: anyAddress, destination: broadcastAddress, mac: broadcastMac };

/** A message that came, and the link-layer address that it came from. */
export interface Arrival {
  readonly message: DhcpMessage;
  readonly mac: Uint8Array;
}

/** The client's link: its index in its namespace, and its Ethernet address. */
export interface ClientLink {
  readonly index: number;
  readonly mac: Uint8Array;
  /** Does nothing reach it that goes to an address which it does not have yet? So it is of ipvlan, which goes by them. */
  readonly broadcast: boolean;
}

/** Throws DhcpError `ERR_DHCP_LINK` where a link has no Ethernet address. */
export function ethernetAddress(ifname: string, address: string | undefined): Uint8Array {
  const mac = address === undefined ? undefined : parseMac(address);
  // lo's is of zeros
  if (mac?.length !== 6 || mac.every((byte) => byte === 0)) {
    throw new DhcpError('ERR_DHCP_LINK', `"${ifname}" has no Ethernet address: DHCP needs one`);
  }
  return mac;
}

/** Sends and receives DHCP messages on a link that need not have an address. */
export class DhcpSocket {
  readonly link: ClientLink;
  readonly #socket: PacketSocket;
  readonly #buffer = new Uint8Array(BUFFER);
  #arrived: ((arrival: Arrival) => void) | undefined;
  #failed: ((error: unknown) => void) | undefined;

  private constructor(socket: PacketSocket, link: ClientLink) {
    this.#socket = socket;
    this.link = link;
    guarded(() => socket.startReading(() => this.#drain()));
  }

  /** Opens a packet socket on a link of the namespace. Throws SystemCallError. */
  static open(namespace: Namespace, link: ClientLink): DhcpSocket {
    const options = {
      namespace: namespace.fd,
      protocol: ETH_P_IP,
      ifindex: link.index,
      filter: clientFilter,
    };
    return new DhcpSocket(openPacketSocket(options), link);
  }

  #drain(): void {
    try {
      for (;;) {
        const packet = guarded(() => this.#socket.receive(this.#buffer));
        if (packet === undefined) return;
        const { length, status, address } = packet;
        const message = read(this.#buffer.subarray(0, length), (status & CHECKSUM_NOT_READY) === 0);
        if (message !== undefined) this.#arrived?.({ message, mac: address });
      }
    } catch (error) {
      this.#failed?.(error);
    }
  }

  send(message: DhcpMessage, { source, destination, mac }: Envelope): void {
    const packet = encodePacket(source, destination, encodeMessage(message));
    guarded(() => this.#socket.send(packet, mac));
  }

  /**
   * Waits for a message that `accept` makes something of; undefined when none has come within `timeout` ms. What
   * `accept` throws ends the waiting. Nothing is kept that comes while nobody waits.
   */
  async receive<T>(
    accept: (arrival: Arrival) => T | undefined,
    timeout: number,
    signal: AbortSignal,
  ): Promise<T | undefined> {
    signal.throwIfAborted();
    return await new Promise((resolve, reject) => {
      const settle = (work: () => void): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', onAbort);
        this.#arrived = undefined;
        this.#failed = undefined;
        work();
      };
      const timer = setTimeout(() => settle(() => resolve(undefined)), timeout);
      const onAbort = (): void => settle(() => reject(signal.reason));
      signal.addEventListener('abort', onAbort);
      this.#failed = (error) => settle(() => reject(error));
      this.#arrived = (arrival) => {
        try {
          const found = accept(arrival);
          if (found !== undefined) settle(() => resolve(found));
        } catch (error) {
          settle(() => reject(error));
        }
      };
    });
  }

  close(): void {
    this.#socket.close();
  }
}

/** The message in a packet; undefined where it is something else, or garbage: anybody may send to this port. */
function read(bytes: Uint8Array, checksummed: boolean): DhcpMessage | undefined {
  try {
    return decodeMessage(decodePacket(bytes, checksummed).payload);
  } catch (error) {
    if (error instanceof DhcpError) return undefined;
    throw error;
  }
}
