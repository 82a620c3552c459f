import { messageFlags } from '../codec/constants.js';
import { NetlinkError } from '../netlink/errors.js';
import type { CallOptions, NetlinkSocket } from '../netlink/socket.js';
import type { AttributesOf, Message } from '../schema/definition.js';
import { conntrack } from '../schema/netfilter/conntrack.js';

const { get, new: entry, delete: remove } = conntrack.messages;

/** A connection that the kernel tracks: `tupleOrig` as its first packet was, `tupleReply` as answers come. */
export interface Connection extends AttributesOf<typeof entry> {
  readonly family: 'ip' | 'ip6';
}

export interface ConnectionFilter {
  readonly family?: 'ip' | 'ip6';
  /** IPPROTO_*: 6 TCP, 17 UDP, 132 SCTP. */
  readonly protocol?: number;
}

const families = { ip: 2, ip6: 10 } as const;
/** As the schema names NFPROTO_*. */
const IPV6 = 'ipv6';

/** Messages that are sent at a time: errors of all of them must fit into the receive buffer. */
const CHUNK = 256;

/** The connections that the kernel tracks in a namespace: what conntrack(8) lists. */
export class Connections {
  readonly #socket: NetlinkSocket;
  constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  /** Throws NetlinkError: `EINVAL` or `EOPNOTSUPP` where the kernel tracks none. */
  async list({ family, protocol }: ConnectionFilter = {}, options: CallOptions = {}): Promise<Connection[]> {
    const header = { nfgenFamily: family === undefined ? 0 : families[family] };
    return await this.#socket.dump(get, { header } as object, {
      ...options,
      reply: entry,
      item: ({ header: told, attributes }) => {
        const own = attributes as AttributesOf<typeof entry>;
        if (protocol !== undefined && own.tupleOrig?.tupleProto?.protoNum !== protocol) return undefined;
        return { ...own, family: told.nfgenFamily === IPV6 ? 'ip6' : 'ip' } as Connection;
      },
    });
  }

  /** Forgets connections: their next packet counts as a first one. Returns how many there still were. Throws NetlinkError. */
  async delete(connections: readonly Connection[], options: CallOptions = {}): Promise<number> {
    let deleted = 0;
    for (let at = 0; at < connections.length; at += CHUNK) {
      const some = connections.slice(at, at + CHUNK);
      const batch = this.#socket.batch(some.length);
      some.forEach(({ family, tupleOrig, zone, id }, i) => {
        const ack = i === some.length - 1 ? messageFlags.ack : 0;
        batch.addUnchecked(remove, {
          flags: messageFlags.request | ack,
          header: { nfgenFamily: families[family] },
          attributes: { tupleOrig, zone, id },
        });
      });
      const { failures } = await this.#socket.send(batch, (): Message => remove, options);
      const other = failures.find(({ error }) => !(error instanceof NetlinkError && error.code === 'ENOENT'));
      if (other !== undefined) throw other.error;
      deleted += some.length - failures.length;
    }
    return deleted;
  }
}
