import { setTimeout as sleep } from 'node:timers/promises';
import type { DecodedMessage } from '../codec/block.js';
import { messageFlags } from '../codec/constants.js';
import { registry } from '../codec/registry.js';
import { Namespace } from '../namespace/namespace.js';
import { NetlinkError } from '../netlink/errors.js';
import { type CallOptions, NetlinkSocket } from '../netlink/socket.js';
import type { NamespaceInput } from '../network/context.js';
import type { AttributesOf, Message } from '../schema/definition.js';
import { nfnetlinkBatch } from '../schema/netfilter/batch.js';
import { subsystems } from '../schema/netfilter/common.js';
import { conntrack } from '../schema/netfilter/conntrack.js';
import { nftables } from '../schema/netfilter/nftables.js';
import { Connections } from './connections.js';
import { TransactionError } from './errors.js';
import { type Decide, JointUpdates } from './joint-updates.js';
import { RuleMemory } from './rule-memory.js';
import {
  type ChainReference,
  commentOf,
  type Operation,
  type SetReference,
  type TableFamily,
  type TableReference,
  Transaction,
  tableFamilies,
  tagOf,
} from './transaction.js';

const { batchbegin, batchend } = nfnetlinkBatch.messages;
const messages = nftables.messages;

export interface Table extends AttributesOf<typeof messages.newtable> {
  readonly family: TableFamily;
}
export interface Chain extends AttributesOf<typeof messages.newchain> {
  readonly family: TableFamily;
}
export interface Rule extends AttributesOf<typeof messages.newrule> {
  readonly family: TableFamily;
  readonly comment?: string;
  /** As `RuleInput` has it. */
  readonly tag?: string;
}
export interface SetListed extends AttributesOf<typeof messages.newset> {
  readonly family: TableFamily;
}
export type Element = NonNullable<
  NonNullable<AttributesOf<typeof messages.newsetelem>['elements']>['elem']
>[number];

const UPDATE_ATTEMPTS = 50;
/** After so many other processes have been in the way one after the other, it is time to step aside: ms. */
const PATIENT_ATTEMPTS = 5;
const LONGEST_PAUSE = 20;

let turn: Promise<unknown> = Promise.resolve();

/** Runs one after the other what would be in each other's way in the kernel: all but the first would begin anew. */
function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const done = turn.then(work);
  turn = done.catch(() => undefined);
  return done;
}

const familyNames = new Map<number | string, TableFamily>([
  ...Object.entries(tableFamilies).map(([name, number]): [number, TableFamily] => [
    number,
    name as TableFamily,
  ]),
  // as the schema names NFPROTO_*
  ['inet', 'inet'],
  ['ipv4', 'ip'],
  ['arp', 'arp'],
  ['netdev', 'netdev'],
  ['bridge', 'bridge'],
  ['ipv6', 'ip6'],
]);

export interface NetfilterOptions {
  readonly namespace?: NamespaceInput | undefined;
  /** ms; 30,000 by default. */
  readonly timeout?: number | undefined;
  /** As of NetlinkSocket: the calling thread does what needs no waiting. */
  readonly prompt?: boolean | undefined;
  /**
   * Keeps the rules that were read, and follows its own changes, until somebody else changes the ruleset: for a process
   * that adds and removes rules over and over.
   */
  readonly remember?: boolean | undefined;
}

function itemOf({ header, attributes }: DecodedMessage): object {
  return { family: familyNames.get(header.nfgenFamily as string | number) ?? 'inet', ...attributes };
}

/** A rule, and the texts in its user data. */
function withTexts(rule: Omit<Rule, 'comment' | 'tag'>): Rule {
  const comment = commentOf(rule.userdata);
  const tag = tagOf(rule.userdata);
  return { ...rule, ...(comment === undefined ? {} : { comment }), ...(tag === undefined ? {} : { tag }) };
}

function ruleOf(message: DecodedMessage): Rule {
  return withTexts(itemOf(message) as Rule);
}

/** nftables and tracked connections of one namespace, spoken to over nfnetlink. */
export class Netfilter {
  readonly socket: NetlinkSocket;
  readonly connections: Connections;

  readonly #memory: RuleMemory | undefined;
  readonly #joint: JointUpdates | undefined;
  /** The ruleset's generation as told in this turn of the event loop. */
  #told: number | undefined;

  private constructor(socket: NetlinkSocket, remember: boolean) {
    this.socket = socket;
    this.connections = new Connections(socket);
    if (!remember) return;
    this.#memory = new RuleMemory(ruleOf);
    this.#joint = new JointUpdates(
      {
        generation: () => this.#generationNow(),
        rules: (table) => this.rules(table),
        commit: (operations, generation) => this.#commit(operations, { generation }),
        alone: (decide) => this.#update(decide, {}),
      },
      inTurn,
    );
  }

  static openSync({ namespace, timeout, prompt, remember = false }: NetfilterOptions = {}): Netfilter {
    registry().register(nftables);
    registry().register(nfnetlinkBatch);
    registry().register(conntrack);
    const given = namespace === undefined || namespace instanceof Namespace;
    const opened = given ? namespace : Namespace.open(namespace);
    try {
      const socket = NetlinkSocket.open({ protocol: 'netfilter', namespace: opened?.fd, timeout, prompt });
      return new Netfilter(socket, remember);
    } finally {
      if (!given) opened?.close();
    }
  }

  static async open(options: NetfilterOptions = {}): Promise<Netfilter> {
    return Netfilter.openSync(options);
  }

  /**
   * Does all operations together or, when the kernel refuses one, none. Throws TransactionError, which names the
   * operation at fault.
   */
  async transaction(
    fill: (transaction: Transaction) => unknown,
    options: CallOptions & {
      /** Refuses with `ERESTART` when the ruleset has changed since `generation` told this number. */
      readonly generation?: number | undefined;
    } = {},
  ): Promise<void> {
    const transaction = new Transaction();
    fill(transaction);
    if (transaction.operations.length > 0) await this.#commit(transaction.operations, options);
  }

  async #commit(
    wanted: readonly Operation[],
    options: CallOptions & { readonly generation?: number | undefined },
  ): Promise<void> {
    const { generation } = options;
    const isFollowed = this.#memory !== undefined && generation !== undefined;
    const operations = isFollowed ? RuleMemory.asked(wanted) : wanted;
    this.#told = undefined;
    const batch = this.socket.batch(operations.length + 2);
    const frame = { flags: messageFlags.request, header: { resId: subsystems.nftables } };
    batch.add(batchbegin, generation === undefined ? frame : { ...frame, attributes: { genid: generation } });
    operations.forEach(({ message, flags, family, attributes }, i) => {
      const ack = i === operations.length - 1 ? messageFlags.ack : 0;
      batch.addUnchecked(message, {
        flags: flags | ack | messageFlags.request,
        header: { nfgenFamily: family },
        attributes,
      });
    });
    batch.add(batchend, frame);
    const last = operations.length;
    const messageAt = (index: number): Message =>
      index === 0 ? batchbegin : index > last ? batchend : (operations[index - 1]?.message as Message);
    const { failures, answers } = await this.socket.send(batch, messageAt, { ...options, first: 0, last });
    if (failures.length === 0 && isFollowed) this.#memory?.follow(operations, answers, generation);
    if (failures.length > 0) {
      throw new TransactionError(
        failures.map(({ index, error }) => ({
          index: index - 1,
          operation: operations[index - 1]?.description ?? 'commit',
          error,
        })),
      );
    }
  }

  /** As told before in this turn of the event loop: what is decided by it is committed on that generation or not at all. */
  async #generationNow(options?: CallOptions): Promise<number> {
    if (this.#memory === undefined) return await this.generation(options);
    if (this.#told === undefined) {
      this.#told = await this.generation(options);
      setImmediate(() => {
        this.#told = undefined;
      });
    }
    return this.#told;
  }

  /** The number of the ruleset's present state: it rises with every transaction of anybody. */
  async generation(options?: CallOptions): Promise<number> {
    const [answer] = await this.socket.request(messages.getgen, {}, options);
    return (answer?.attributes.id as number | undefined) ?? 0;
  }

  /**
   * Reads, decides and writes as one: `decide` looks at the kernel's ruleset and says what to do, and when somebody else
   * changed the ruleset meanwhile, it is asked again. Updates of one process take turns: `decide` must not begin another,
   * nor wait for a lock under which others do.
   */
  async update(
    decide: (transaction: Transaction) => Promise<void>,
    options: CallOptions = {},
  ): Promise<void> {
    await inTurn(() => this.#update(decide, options));
  }

  /**
   * As `update`, for a `decide` that looks at the ruleset only through what it is given: with `remember`, such updates that
   * come together become one transaction, in which each sees what those before it will have done. One that is refused
   * does not fail the others.
   */
  async updateTogether(decide: Decide): Promise<void> {
    if (this.#joint === undefined) await inTurn(() => this.#update(decide, {}));
    else await this.#joint.join(decide);
  }

  async #update(decide: Decide, options: CallOptions): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      if (attempt > 0) this.#told = undefined;
      const generation = await this.#generationNow(options);
      const decided = new Transaction();
      await decide(decided, { rules: (table) => this.rules(table, options) });
      if (decided.operations.length === 0) return;
      try {
        await this.#commit(decided.operations, { ...options, generation });
        return;
      } catch (error) {
        const changed = error instanceof NetlinkError && error.code === 'ERESTART';
        if (!changed || attempt >= UPDATE_ATTEMPTS) throw error;
        if (attempt >= PATIENT_ATTEMPTS) await sleep(Math.random() * LONGEST_PAUSE);
      }
    }
  }

  async tables(family?: TableFamily, options?: CallOptions): Promise<Table[]> {
    return await this.#dump(messages.gettable, messages.newtable, family, {}, options);
  }

  async chains(filter: Partial<TableReference> = {}, options?: CallOptions): Promise<Chain[]> {
    const chains: Chain[] = await this.#dump(
      messages.getchain,
      messages.newchain,
      filter.family,
      {},
      options,
    );
    return chains.filter(({ table }) => filter.table === undefined || table === filter.table);
  }

  /** Rules in their order; none when the table or chain does not exist. */
  async rules(filter: Partial<ChainReference> = {}, options?: CallOptions): Promise<Rule[]> {
    const { family, table, chain } = filter;
    if (this.#memory === undefined || family === undefined || table === undefined)
      return await this.#rules(filter, options);
    const generation = await this.#generationNow(options);
    this.#memory.at(generation);
    let rules = this.#memory.rules({ family, table });
    if (rules === undefined) {
      rules = await this.#rules({ family, table }, options);
      // what changed while they were read was perhaps read
      if ((await this.generation(options)) === generation)
        this.#memory.learn({ family, table }, rules, generation);
    }
    return rules.filter((rule) => chain === undefined || rule.chain === chain);
  }

  async #rules({ family, table, chain }: Partial<ChainReference>, options?: CallOptions): Promise<Rule[]> {
    const found = await this.#dump<Omit<Rule, 'comment' | 'tag'>>(
      messages.getrule,
      messages.newrule,
      family,
      { ...(table === undefined ? {} : { table }), ...(chain === undefined ? {} : { chain }) },
      options,
    );
    return found
      .filter(
        (rule) =>
          (table === undefined || rule.table === table) && (chain === undefined || rule.chain === chain),
      )
      .map(withTexts);
  }

  async sets(filter: Partial<TableReference> = {}, options?: CallOptions): Promise<SetListed[]> {
    const { table } = filter;
    return await this.#dump(
      messages.getset,
      messages.newset,
      filter.family,
      table === undefined ? {} : { table },
      options,
    );
  }

  /** Elements of a set or map. Throws NetlinkError `ENOENT`. */
  async elements({ family, table, set }: SetReference, options?: CallOptions): Promise<Element[]> {
    const parts: AttributesOf<typeof messages.newsetelem>[] = await this.#dump(
      messages.getsetelem,
      messages.newsetelem,
      family,
      { table, set },
      options,
    );
    return parts.flatMap(({ elements }) => elements?.elem ?? []);
  }

  /** Deletes a table; false when there was none. */
  async deleteTable(table: TableReference, options?: CallOptions): Promise<boolean> {
    try {
      await this.transaction((transaction) => transaction.deleteTable(table), options);
      return true;
    } catch (error) {
      if (error instanceof NetlinkError && error.code === 'ENOENT') return false;
      throw error;
    }
  }

  async #dump<T>(
    request: Message,
    reply: Message,
    family: TableFamily | undefined,
    attributes: object,
    options: CallOptions = {},
  ): Promise<T[]> {
    const header = { nfgenFamily: family === undefined ? 0 : tableFamilies[family] };
    return await this.socket.dump(request, { header, attributes } as object, {
      ...options,
      reply,
      item: (message) => itemOf(message) as T,
    });
  }

  close(): void {
    this.socket.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }
}
