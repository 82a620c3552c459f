import { registry } from '../codec/registry.js';
import { NetlinkSocket } from '../netlink/socket.js';
import { nsid } from '../schema/nsid.js';

const { getnsid, newnsid } = nsid.messages;

/** The numbers that the caller's namespace has given to others. Reading them gives none. */
export class NsidReader {
  readonly #socket: NetlinkSocket;

  private constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  static open(): NsidReader {
    registry().register(nsid);
    return new NsidReader(NetlinkSocket.open({ protocol: 'route' }));
  }

  /** The number of an open namespace; undefined when it has none. */
  of(fd: number): number | undefined {
    const [answer] = this.#socket.requestSync(getnsid, { attributes: { fd } });
    const number = (answer?.attributes as { nsid?: number } | undefined)?.nsid;
    return number === undefined || number < 0 ? undefined : number;
  }

  /** All numbers given. */
  all(): number[] {
    return this.#socket
      .dumpSync(getnsid, {}, { reply: newnsid })
      .flatMap(({ attributes }) => (attributes as { nsid?: number }).nsid ?? []);
  }

  close(): void {
    this.#socket.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
