import { messageFlags } from '../codec/constants.js';
import { registry } from '../codec/registry.js';
import { NetlinkSocket } from '../netlink/socket.js';
import { nsid } from '../schema/nsid.js';

const { getnsid, newnsid } = nsid.messages;

/** The numbers that a namespace has given to others. Reading them gives none. */
export class NsidReader {
  readonly #socket: NetlinkSocket;

  private constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  /** Asks in the caller's namespace, or in one that is open. */
  static open(namespace?: number): NsidReader {
    registry().register(nsid);
    return new NsidReader(NetlinkSocket.open({ protocol: 'route', namespace }));
  }

  /** The number of an open namespace; undefined when it has none. */
  of(fd: number): number | undefined {
    return this.ofAll([fd])[0];
  }

  /** The same of several, in one exchange with the kernel. */
  ofAll(fds: readonly number[]): (number | undefined)[] {
    const batch = this.#socket.batch(fds.length);
    for (const fd of fds) batch.addUnchecked(getnsid, { flags: messageFlags.request, attributes: { fd } });
    const { answers, failures } = this.#socket.sendSync(batch, () => getnsid);
    const failed = new Set(failures.map(({ index }) => index));
    let at = 0;
    return fds.map((_, index) => {
      if (failed.has(index)) return undefined;
      const number = (answers[at++]?.attributes as { nsid?: number } | undefined)?.nsid;
      return number === undefined || number < 0 ? undefined : number;
    });
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
