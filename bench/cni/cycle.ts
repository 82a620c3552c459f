/** ADD and DEL of a list, as a runtime does them, timed. */
import type { Json } from './cases.js';

/** Runs one operation of one plugin; returns its result. Throws when it fails. */
export type Operate = (command: 'ADD' | 'DEL', config: Json, container: Container) => Json | Promise<Json>;

export interface Container {
  readonly id: string;
  readonly netns: string;
  readonly ifname: string;
}

/** ns that ADD and DEL took. */
export interface Sample {
  readonly add: number;
  readonly del: number;
}

/** ADD of every plugin; ns of those that are timed, and the last result. */
export async function attach(
  operate: Operate,
  configs: readonly Json[],
  untimed: number,
  container: Container,
): Promise<{ add: number; result: Json }> {
  let result: Json | undefined;
  let add = 0;
  for (const [i, config] of configs.entries()) {
    const input = result === undefined ? config : { ...config, prevResult: result };
    const start = process.hrtime.bigint();
    result = await operate('ADD', input, container);
    if (i >= untimed) add += Number(process.hrtime.bigint() - start);
  }
  return { add, result: result ?? {} };
}

/** One ADD and one DEL; `between` is called while the container is attached. */
export async function cycle(
  operate: Operate,
  configs: readonly Json[],
  untimed: number,
  container: Container,
  between?: (result: Json) => void,
): Promise<Sample> {
  const { add, result } = await attach(operate, configs, untimed, container);
  between?.(result);
  let del = 0;
  for (const [i, config] of [...configs.entries()].toReversed()) {
    const start = process.hrtime.bigint();
    await operate('DEL', { ...config, prevResult: result }, container);
    if (i >= untimed) del += Number(process.hrtime.bigint() - start);
  }
  return { add, del };
}
