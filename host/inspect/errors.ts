import { NetloomError } from '../netlink/errors.js';

/** `ERR_INVALID_SELECTOR`, `ERR_NAMESPACE_NOT_FOUND`, `ERR_AMBIGUOUS`, `ERR_NAMESPACE_VANISHED`, `ERR_ENGINE` */
export class InspectError extends NetloomError {
  override readonly name = 'InspectError';
}

/** Something that could not be looked at: the rest is as told, this is missing from it. */
export interface Problem {
  /** What was asked: `docker`, `processes`, … */
  readonly source: string;
  readonly message: string;
}

/** What an error says, in a line. */
export function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
