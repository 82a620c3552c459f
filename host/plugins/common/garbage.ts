import type { GcRequest, ValidAttachment } from '../../cni/plugin.js';

type Gc = Pick<GcRequest<unknown>, 'validAttachments'>;

/**
 * What of the listed things belongs to no attachment that is valid, or being made. A thing and an attachment belong
 * together when their keys are equal; things without a key are nobody's business here. The things are listed before it is
 * asked which attachments are valid: whatever an ADD has made by then, it was noted before. docs/gc.md
 */
export async function garbageOf<T>(
  gc: Gc,
  list: () => Promise<readonly T[]> | readonly T[],
  keyOf: (thing: T) => string | undefined,
  keyOfValid: (attachment: ValidAttachment) => string,
): Promise<T[]> {
  const things = await list();
  if (things.length === 0) return [];
  const valid = new Set(gc.validAttachments.map(keyOfValid));
  return things.filter((thing) => {
    const key = keyOf(thing);
    return key !== undefined && !valid.has(key);
  });
}

/** Is a file younger than the call of a GC? What another's ADD wrote just now has no note of ours. */
export function isYounger({ calledAt }: Pick<GcRequest<unknown>, 'calledAt'>, mtimeMs: number): boolean {
  return Math.floor(mtimeMs) > Math.floor(calledAt);
}
