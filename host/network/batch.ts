import type { DecodedMessage } from '../codec/block.js';
import type { NetlinkError } from '../netlink/errors.js';
import { type AddressInput, addressCommands } from './addresses.js';
import type { Build, Device } from './context.js';
import { type LinkInput, linkCommands } from './links.js';
import { type NeighbourInput, neighbourCommands } from './neighbours.js';
import { type NexthopInput, nexthopCommands } from './nexthops.js';
import { type RouteInput, routeCommands } from './routes.js';
import { type RuleInput, ruleCommands } from './rules.js';

/** One operation of a batch that the kernel refused; the others were done nevertheless. */
export interface BatchFailure {
  /** Index of the operation, in the order of the calls. */
  readonly index: number;
  readonly code: string;
  readonly message: string;
  /** Path of the attribute at fault. */
  readonly attribute?: string;
  readonly error: NetlinkError;
}

/** What became of a batch's operations. */
export class BatchResult {
  readonly count: number;
  readonly failures: readonly BatchFailure[];
  readonly answers: readonly DecodedMessage[];
  constructor(count: number, failures: readonly BatchFailure[], answers: readonly DecodedMessage[]) {
    this.count = count;
    this.failures = failures;
    this.answers = answers;
  }

  /** Did every operation succeed? */
  get ok(): boolean {
    return this.failures.length === 0;
  }

  /** Throws the first failure's NetlinkError, if there is one. */
  throwIfFailed(): this {
    const [first] = this.failures;
    if (first !== undefined) throw first.error;
    return this;
  }
}

/** Gathers operations, to be sent together. */
export class BatchBuilder {
  readonly builds: Build[] = [];

  readonly links = {
    create: (input: LinkInput): number => this.#add((context) => linkCommands.create(input, context)),
    change: (device: Device, input: LinkInput): number =>
      this.#add((context) => linkCommands.change(device, input, context)),
    delete: (device: Device): number => this.#add(() => linkCommands.delete(device)),
  };
  readonly addresses = {
    add: (input: AddressInput): number => this.#add((context) => addressCommands.add(input, context)),
    replace: (input: AddressInput): number => this.#add((context) => addressCommands.replace(input, context)),
    delete: (input: AddressInput): number => this.#add((context) => addressCommands.delete(input, context)),
  };
  readonly routes = {
    add: (input: RouteInput): number => this.#add((context) => routeCommands.add(input, context)),
    append: (input: RouteInput): number => this.#add((context) => routeCommands.append(input, context)),
    replace: (input: RouteInput): number => this.#add((context) => routeCommands.replace(input, context)),
    delete: (input: RouteInput): number => this.#add((context) => routeCommands.delete(input, context)),
  };
  readonly rules = {
    add: (input: RuleInput): number => this.#add(() => ruleCommands.add(input)),
    delete: (input: RuleInput): number => this.#add(() => ruleCommands.delete(input)),
  };
  readonly neighbours = {
    add: (input: NeighbourInput): number => this.#add((context) => neighbourCommands.add(input, context)),
    replace: (input: NeighbourInput): number =>
      this.#add((context) => neighbourCommands.replace(input, context)),
    delete: (input: NeighbourInput): number =>
      this.#add((context) => neighbourCommands.delete(input, context)),
  };
  readonly nexthops = {
    add: (input: NexthopInput): number => this.#add((context) => nexthopCommands.add(input, context)),
    replace: (input: NexthopInput): number => this.#add((context) => nexthopCommands.replace(input, context)),
    delete: (id: number): number => this.#add(() => nexthopCommands.delete(id)),
  };

  #add(build: Build): number {
    return this.builds.push(build) - 1;
  }
}
