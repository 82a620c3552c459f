import type { DecodedMessage } from '../codec/block.js';
import type { Columns } from '../codec/columns.js';
import { messageFlags } from '../codec/constants.js';
import type { ViewList } from '../codec/view-list.js';
import type { CallOptions } from '../netlink/socket.js';
import type { AcceptedAttributesOf, AcceptedHeaderOf, Message } from '../schema/definition.js';
import type { Build, Command, Context } from './context.js';

/** What nouns ask of their Network. */
export interface Executor {
  /** Sends commands one by one; each must succeed. Returns the answers of each. */
  execute(build: Build, options?: CallOptions): Promise<DecodedMessage[]>;
  /** The items that `item` makes of the messages of a table; those of which it makes none are left out. */
  dump<T>(
    build: Build,
    reply: Message,
    item: (message: DecodedMessage) => T | undefined,
    options?: CallOptions,
  ): Promise<T[]>;
  dumpViews<M extends Message>(build: Build, reply: M, options?: CallOptions): Promise<ViewList<M>>;
  dumpColumns<N extends string>(
    build: Build,
    reply: Message,
    names: readonly N[],
    options?: CallOptions,
  ): Promise<Columns<N>>;
}

/** A list that can be awaited whole, or iterated. It is asked for once, when first needed. */
export class Listing<T> implements PromiseLike<T[]>, AsyncIterable<T> {
  readonly #ask: () => Promise<T[]>;
  #asked: Promise<T[]> | undefined;
  constructor(ask: () => Promise<T[]>) {
    this.#ask = ask;
  }

  // biome-ignore lint/suspicious/noThenProperty: awaiting a list is what it is for
  then<A = T[], B = never>(
    onFulfilled?: ((value: T[]) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#asked ??= this.#ask();
    return this.#asked.then(onFulfilled, onRejected);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    yield* await this;
  }
}

/** Flags of the verbs. */
export const verbFlags = {
  add: messageFlags.ack | messageFlags.create | messageFlags.excl,
  append: messageFlags.ack | messageFlags.create | messageFlags.append,
  replace: messageFlags.ack | messageFlags.create | messageFlags.replace,
  change: messageFlags.ack,
  delete: messageFlags.ack,
} as const;

export function command<M extends Message>(
  message: M,
  flags: number,
  header: AcceptedHeaderOf<M>,
  attributes: AcceptedAttributesOf<M>,
): Command {
  return { message, flags, header: header as object, attributes: attributes as object };
}

/** What is the same on every noun: reading its table. */
export abstract class Table<Item extends object, Filter extends object, Reply extends Message> {
  protected readonly executor: Executor;
  protected abstract readonly reply: Reply;
  constructor(executor: Executor) {
    this.executor = executor;
  }

  /** The request of a dump; what the kernel can filter by goes into it. */
  protected abstract query(filter: Filter, context: Context): Command;
  /** The item of a message, which it may use up. */
  protected abstract item(message: DecodedMessage): Item;
  /** `item`, for whoever hears the table's messages in another way. */
  itemOf(message: DecodedMessage): Item {
    return this.item(message);
  }
  /** Does an item pass what the kernel could not filter by? */
  protected accepts(item: Item, filter: Filter, _context: Context): boolean {
    for (const key in filter) {
      const wanted: unknown = filter[key];
      if (wanted !== undefined && key in item && (item as Record<string, unknown>)[key] !== wanted)
        return false;
    }
    return true;
  }

  /** The table's items; those that differ from a key of `filter` are left out. */
  list(filter: Filter = {} as Filter, options: CallOptions = {}): Listing<Item> {
    return new Listing(async () => {
      let known: Context | undefined;
      const build: Build = (context) => {
        known = context;
        return this.query(filter, context);
      };
      const all = Object.keys(filter).length === 0;
      const item = (message: DecodedMessage): Item | undefined => {
        const made = this.item(message);
        return all || this.accepts(made, filter, known as Context) ? made : undefined;
      };
      return await this.executor.dump(build, this.reply, item, options);
    });
  }

  /** The table as views, decoded only where they are read; filtered by what the kernel can filter by. */
  views(filter: Filter = {} as Filter, options: CallOptions = {}): Promise<ViewList<Reply>> {
    return this.executor.dumpViews((context) => this.query(filter, context), this.reply, options);
  }

  /** Chosen fields of the table as columns; filtered by what the kernel can filter by. */
  columns<N extends string>(
    names: readonly N[],
    filter: Filter = {} as Filter,
    options: CallOptions = {},
  ): Promise<Columns<N>> {
    return this.executor.dumpColumns((context) => this.query(filter, context), this.reply, names, options);
  }
}
