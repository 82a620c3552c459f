import { NetlinkError } from '../netlink/errors.js';

/** A transaction was refused, and nothing of it done. `code` is the errno's name of the first operation at fault. */
export class TransactionError extends NetlinkError {
  /** Index of the operation at fault, in the order of the calls; -1 for the transaction as a whole. */
  readonly index: number;
  /** The operation, as `add rule ip filter input`. */
  readonly operation: string;
  /** Errors of all operations that the kernel refused. */
  readonly failures: readonly {
    readonly index: number;
    readonly operation: string;
    readonly error: NetlinkError;
  }[];

  constructor(failures: TransactionError['failures']) {
    const [first] = failures;
    if (first === undefined) throw new TypeError('a refused transaction has a failure');
    super({ ...first.error, request: `${first.operation} (operation ${first.index} of the transaction)` });
    this.index = first.index;
    this.operation = first.operation;
    this.failures = failures;
  }
}
