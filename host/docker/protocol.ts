import type { Shape } from '../cni/config.js';
import { CniError } from '../cni/errors.js';
import { badRequest } from './errors.js';

/** What answers a call: an object that becomes JSON. */
export type Answer = Readonly<Record<string, unknown>>;

/** A call of Docker's plugin protocol. */
export interface Call {
  /** `NetworkDriver.Join` */
  readonly name: string;
  /** `body` is the request's text, empty where the call has no arguments. Throws. */
  run(body: string): Promise<Answer>;
}

/** Some calls have no arguments: Docker sends them with an empty body. */
function argumentsOf<T>(name: string, shape: Shape<T>, body: string): T {
  // a client that tries once more after half a request sends nothing: its buffer is used up
  if (body.trim() === '') throw badRequest(`${name}: the request is empty`);
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch (error) {
    throw badRequest(`${name}: the request is no JSON: ${(error as Error).message}`);
  }
  try {
    return shape.read(value, '');
  } catch (error) {
    if (!(error instanceof CniError)) throw error;
    throw badRequest(`${name}: ${error.message}`);
  }
}

type Define = {
  (name: string, shape: undefined, work: () => Promise<Answer>): Call;
  <T>(name: string, shape: Shape<T>, work: (request: T) => Promise<Answer>): Call;
};

/** Calls whose arguments are read before they are run. */
export function defineCalls(list: (call: Define) => readonly Call[]): readonly Call[] {
  const define = <T>(
    name: string,
    shape: Shape<T> | undefined,
    work: (request: T) => Promise<Answer>,
  ): Call => ({
    name,
    run: async (body) => await work((shape === undefined ? undefined : argumentsOf(name, shape, body)) as T),
  });
  return list(define as Define);
}
