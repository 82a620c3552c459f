import { RECORD_SIZE } from './layout.js';
import { type Registry, registry } from './registry.js';

/** A message of a datagram that is no plain answer to the request at hand. */
export interface Special {
  /** Bytes from the datagram's start. */
  readonly offset: number;
  readonly length: number;
  readonly type: number;
  readonly flags: number;
  readonly seq: number;
  readonly truncated: boolean;
}

const LIMIT = 256;

/**
 * Looks over a loaded datagram without decoding it: finds acknowledgements, errors, DONE, answers to other
 * requests, data of an interrupted dump and bytes that are no message. The rest are answers to request `sequence`.
 */
export function survey(
  address: number,
  length: number,
  sequence: number,
  owner: Registry = registry(),
): Special[] {
  const { machine } = owner;
  const out = machine.records.reserve(LIMIT * RECORD_SIZE);
  const found: Special[] = [];
  const end = address + length;
  for (let at = address; at < end; ) {
    const count = machine.exports.survey(at, end, sequence, out, LIMIT);
    const { u32 } = machine.memory;
    for (let i = 0; i < count; i++) {
      const record = (out + i * RECORD_SIZE) >> 2;
      const head = u32[record + 2] as number;
      found.push({
        offset: (u32[record] as number) - address,
        length: u32[record + 1] as number,
        type: head & 0xffff,
        flags: head >>> 16,
        seq: u32[record + 3] as number,
        truncated: (u32[record + 5] as number) !== 0,
      });
    }
    at = machine.exports.position.value;
  }
  return found;
}
