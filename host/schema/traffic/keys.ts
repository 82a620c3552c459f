import type { DecodedStruct } from '../definition.js';
import type { tcPeditKey } from './action-packets.js';
import type { tcU32Key } from './filter.js';

/*
 * The keys at the end of struct tc_u32_sel and struct tc_pedit_sel, which the schema language knows as bytes.
 */

export type U32Key = DecodedStruct<typeof tcU32Key>;
export type PeditKey = DecodedStruct<typeof tcPeditKey>;

const U32_KEY = 16;
const PEDIT_KEY = 24;

/** Packs u32 keys for `sel.keys`; `sel.nkeys` is their number. */
export function packU32Keys(keys: readonly U32Key[]): Uint8Array {
  const bytes = new Uint8Array(keys.length * U32_KEY);
  const view = new DataView(bytes.buffer);
  keys.forEach(({ mask, val, off, offmask }, i) => {
    view.setUint32(i * U32_KEY, mask);
    view.setUint32(i * U32_KEY + 4, val);
    view.setInt32(i * U32_KEY + 8, off, true);
    view.setInt32(i * U32_KEY + 12, offmask, true);
  });
  return bytes;
}

/** Reads the keys in a decoded `sel.keys`; bytes behind the last whole key are left out. */
export function unpackU32Keys(bytes: Uint8Array): U32Key[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: Math.floor(bytes.length / U32_KEY) }, (_, i) => ({
    mask: view.getUint32(i * U32_KEY),
    val: view.getUint32(i * U32_KEY + 4),
    off: view.getInt32(i * U32_KEY + 8, true),
    offmask: view.getInt32(i * U32_KEY + 12, true),
  }));
}

/** Packs pedit keys for `parms.keys` or `parmsEx.keys`; `nkeys` is their number. */
export function packPeditKeys(keys: readonly PeditKey[]): Uint8Array {
  const bytes = new Uint8Array(keys.length * PEDIT_KEY);
  const view = new DataView(bytes.buffer);
  keys.forEach(({ mask, val, off, at, offmask, shift }, i) => {
    view.setUint32(i * PEDIT_KEY, mask);
    view.setUint32(i * PEDIT_KEY + 4, val);
    [off, at, offmask, shift].forEach((word, j) => {
      view.setUint32(i * PEDIT_KEY + 8 + j * 4, word, true);
    });
  });
  return bytes;
}

/** Reads the keys in a decoded `keys`; bytes behind the last whole key are left out. */
export function unpackPeditKeys(bytes: Uint8Array): PeditKey[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: Math.floor(bytes.length / PEDIT_KEY) }, (_, i) => {
    const at = i * PEDIT_KEY;
    return {
      mask: view.getUint32(at),
      val: view.getUint32(at + 4),
      off: view.getUint32(at + 8, true),
      at: view.getUint32(at + 12, true),
      offmask: view.getUint32(at + 16, true),
      shift: view.getUint32(at + 20, true),
    };
  });
}
