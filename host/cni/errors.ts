import { NetloomError } from '../netlink/errors.js';

/** Error codes of the CNI specification, and two that the reference plugins use beside them. SPEC.md, section 5, "Error" */
export const errorCodes = {
  unknown: 0,
  incompatibleVersion: 1,
  unsupportedField: 2,
  unknownContainer: 3,
  invalidEnvironment: 4,
  ioFailure: 5,
  decodingFailure: 6,
  invalidNetworkConfig: 7,
  invalidNetns: 8,
  tryAgainLater: 11,
  pluginNotAvailable: 50,
  limitedConnectivity: 51,
  internal: 999,
} as const;

/** What a plugin prints when it fails. */
export interface ErrorOutput {
  readonly code: number;
  readonly msg: string;
  readonly details?: string;
}

/** A failure with a code of the CNI specification. */
export class CniError extends NetloomError {
  override readonly name: string = 'CniError';
  /** Number of the specification; `code` is `ERR_CNI_<number>`. */
  readonly number: number;
  readonly msg: string;
  readonly details: string;
  constructor(number: number, msg: string, details = '', options?: ErrorOptions) {
    super(`ERR_CNI_${number}`, details === '' ? msg : `${msg}; ${details}`, options);
    this.number = number;
    this.msg = msg;
    this.details = details;
  }

  get output(): ErrorOutput {
    const { number: code, msg, details } = this;
    return details === '' ? { code, msg } : { code, msg, details };
  }
}

/** Any error as what a plugin prints: those without a code of CNI are internal (999). */
export function errorOutput(error: unknown): ErrorOutput {
  if (error instanceof CniError) return error.output;
  const msg = error instanceof Error ? error.message : String(error);
  return { code: errorCodes.internal, msg };
}

/** An error whose text says what was being done; the code of the cause stays. */
export function within(what: string, error: unknown): Error {
  if (error instanceof CniError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new CniError(errorCodes.internal, `${what}: ${message}`, '', { cause: error });
}
