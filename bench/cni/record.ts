/** The netlink messages of our ADD, written down for a C program that sends the same and does nothing else. */
import { execFileSync } from 'node:child_process';
import { interpose } from '../../host/netlink/native.js';
import type { Json } from './cases.js';
import type { Container } from './cycle.js';
import { operating } from './embedded.js';

/** Types and flags of messages (linux/netlink.h, rtnetlink.h, netfilter/nf_tables.h). */
const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_GETLINK = 18;
const NFT_GETGEN = (10 << 8) | 16;
/** Opens a transaction; then in it NFNL_BATCH_GENID, the generation of the rules that it expects, at 24. */
const BATCH_BEGIN = 16;
const GENERATION_AT = 24;
const NFT_NEWRULE = (10 << 8) | 6;
const NFT_DELRULE = (10 << 8) | 8;
const NETFILTER = 12;
const ACK = 0x4;
const ECHO = 0x8;
const DUMP = 0x300;

type SocketName = 'host' | 'pod' | 'netfilter';

interface Exchange {
  readonly socket: SocketName;
  readonly bytes: Buffer;
}

interface Recording {
  readonly exchanges: readonly Exchange[];
  /** The container's namespace as the messages name it. */
  readonly descriptor: number;
  readonly result: Json;
}

/** With sockets of its own for each call, all of which are seen to be opened. */
const operate = operating();

interface Header {
  readonly at: number;
  readonly length: number;
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
}

function headersOf(bytes: Buffer): Header[] {
  const found: Header[] = [];
  for (let at = 0; at + 16 <= bytes.length; at += (bytes.readUInt32LE(at) + 3) & ~3) {
    found.push({
      at,
      length: bytes.readUInt32LE(at),
      type: bytes.readUInt16LE(at + 4),
      flags: bytes.readUInt16LE(at + 6),
      sequence: bytes.readUInt32LE(at + 8),
    });
  }
  return found;
}

async function recordAdd(config: Json, container: Container): Promise<Recording> {
  const { netns } = container;
  const exchanges: Exchange[] = [];
  let descriptor = -1;
  const pods = new Set<number>();
  const end = interpose((native) => ({
    ...native,
    openNamespace(path) {
      const fd = native.openNamespace(path);
      if (path === netns) descriptor = fd;
      // a copy of a descriptor that is known
      if (path === netns || pods.has(Number(/^\/proc\/self\/fd\/(\d+)$/.exec(path)?.[1]))) pods.add(fd);
      else pods.delete(fd);
      return fd;
    },
    Socket: new Proxy(native.Socket, {
      construct(target, args: ConstructorParameters<typeof native.Socket>) {
        const real = new target(...args);
        const socket = args[0] === NETFILTER ? 'netfilter' : pods.has(args[1]) ? 'pod' : 'host';
        for (const name of ['exchange', 'exchangeSync'] as const) {
          const call: (...given: Parameters<typeof real.exchange>) => unknown = real[name].bind(real);
          Object.defineProperty(real, name, {
            value: (...given: Parameters<typeof call>) => {
              if (given[0].length > 0) exchanges.push({ socket, bytes: Buffer.from(given[0]) });
              return call(...given);
            },
          });
        }
        return real;
      },
    }),
  }));
  try {
    const result = await operate('ADD', config, container);
    return { exchanges, descriptor, result };
  } finally {
    end();
  }
}

/** Offsets of what differs from one ADD to the next and is an index. */
function patches(one: Buffer, other: Buffer, [before, after]: readonly [number, number]): number[] {
  const found: number[] = [];
  for (let at = 0; at + 4 <= one.length; at += 4) {
    if (one.readUInt32LE(at) === before && other.readUInt32LE(at) === after) found.push(at);
  }
  return found;
}

/** One line: when, which socket, what to learn from the answer, number of the last answer, bytes, and patches. */
function line(
  when: 'add' | 'undo',
  { socket, bytes }: Exchange,
  ports: readonly number[],
  pods: readonly number[],
): string {
  const headers = headersOf(bytes);
  const last = headers.findLast(({ flags }) => (flags & ACK) !== 0 || (flags & DUMP) === DUMP);
  const [first] = headers as [Header];
  const learns =
    first.type === RTM_NEWLINK && (first.flags & ECHO) !== 0
      ? 'port'
      : first.type === RTM_GETLINK && socket === 'pod'
        ? 'pod'
        : first.type === NFT_GETGEN && socket === 'netfilter'
          ? 'generation'
          : '-';
  const inTransaction =
    socket === 'netfilter' && first.type === BATCH_BEGIN && first.length > GENERATION_AT
      ? [GENERATION_AT]
      : [];
  const where = (offsets: readonly number[]): string => offsets.join(',') || '-';
  const sequence = last?.sequence ?? 0;
  return [
    when,
    socket,
    learns,
    sequence,
    bytes.toString('hex'),
    where(ports),
    where(pods),
    where(inTransaction),
  ].join(' ');
}

function message(type: number, flags: number, sequence: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(16);
  head.writeUInt32LE(16 + payload.length, 0);
  head.writeUInt16LE(type, 4);
  head.writeUInt16LE(flags, 6);
  head.writeUInt32LE(sequence, 8);
  return Buffer.concat([head, payload]);
}

/** Deletes the rules of the chain that a rule was added to. */
function withoutRules(transaction: Buffer): Buffer {
  const headers = headersOf(transaction);
  const rule = headers.find(({ type }) => type === NFT_NEWRULE);
  if (rule === undefined) throw new Error('the transaction has no rule');
  const payload = transaction.subarray(rule.at + 16, rule.at + rule.length);
  const kept: Buffer[] = [payload.subarray(0, 4)];
  for (let at = 4; at < payload.length; ) {
    const size = payload.readUInt16LE(at);
    // NFTA_RULE_TABLE and NFTA_RULE_CHAIN
    if ([1, 2].includes(payload.readUInt16LE(at + 2)))
      kept.push(payload.subarray(at, at + ((size + 3) & ~3)));
    at += (size + 3) & ~3;
  }
  const [begin] = headers as [Header];
  const end = headers.at(-1) as Header;
  return Buffer.concat([
    // whatever the generation
    message(begin.type, begin.flags, begin.sequence, transaction.subarray(16, 20)),
    message(NFT_DELRULE, 1 | ACK, rule.sequence, Buffer.concat(kept)),
    transaction.subarray(end.at),
  ]);
}

function indexOf(name: string, netns?: string): number {
  const command = ['ip', '-j', 'link', 'show', 'dev', name];
  const [file, ...args] = (netns === undefined ? command : ['nsenter', `--net=${netns}`, ...command]) as [
    string,
    ...string[],
  ];
  const [link] = JSON.parse(execFileSync(file, args, { encoding: 'utf8' })) as { ifindex: number }[];
  return link?.ifindex ?? 0;
}

/**
 * Records two ADDs of a plugin that makes a veth pair and tells them as a script for `native attach`. Indexes of the two
 * ends are what the C program has to learn from the kernel, as we do; all else is sent as it is. To be called inside
 * the host's namespace.
 */
export async function recordScript(config: Json, netns: string): Promise<string> {
  const seen: { recording: Recording; port: number; pod: number }[] = [];
  for (const n of [1, 2]) {
    const container = { id: `record-${n}`, netns, ifname: 'eth0' };
    const recording = await recordAdd(config, container);
    const { interfaces = [] } = recording.result as { interfaces?: { name: string }[] };
    const end = interfaces.find(({ name }) => name.startsWith('veth'))?.name ?? '';
    seen.push({ recording, port: indexOf(end), pod: indexOf('eth0', netns) });
    await operate('DEL', config, container);
  }
  const [one, other] = seen as [(typeof seen)[0], (typeof seen)[0]];
  const lines = one.recording.exchanges.map((exchange, i) => {
    const twin = other.recording.exchanges[i];
    if (twin?.bytes.length !== exchange.bytes.length) throw new Error('two ADDs do not send the same');
    const of = (which: 'port' | 'pod'): number[] =>
      patches(exchange.bytes, twin.bytes, [one[which], other[which]]);
    return line('add', exchange, of('port'), of('pod'));
  });
  const transaction = one.recording.exchanges.findLast(({ socket }) => socket === 'netfilter');
  if (transaction === undefined) throw new Error('no rules were added');
  const link = Buffer.alloc(16);
  lines.push(line('undo', { socket: 'pod', bytes: message(RTM_DELLINK, 1 | ACK, 1, link) }, [], [20]));
  lines.push(line('undo', { socket: 'netfilter', bytes: withoutRules(transaction.bytes) }, [], []));
  return `${netns} ${one.recording.descriptor}\n${lines.join('\n')}\n`;
}
