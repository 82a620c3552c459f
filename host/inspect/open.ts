import { Namespace } from '../namespace/namespace.js';
import { SystemCallError } from '../netlink/errors.js';
import { InspectError } from './errors.js';
import type { NamespaceId, Reference } from './reference.js';

/** What is needed to open a namespace that was found. */
export interface Openable {
  readonly id: NamespaceId;
  readonly names?: readonly string[];
  readonly references: readonly Reference[];
}

/** Opens what a path leads to, if it is that namespace still: numbers of processes and names are used again. */
function openIf(path: string, inode: number): Namespace | undefined {
  const namespace = Namespace.open({ path });
  if (namespace.id.ino === inode) return namespace;
  namespace.close();
  return undefined;
}

/**
 * Opens a namespace that was found, by the first of its references that still leads to it. Throws InspectError
 * `ERR_NAMESPACE_VANISHED`, or SystemCallError `EACCES` or `EPERM` where one leads there that may not be followed.
 */
export function openFound({ id, names, references }: Openable): Namespace {
  let refusal: SystemCallError | undefined;
  for (const { path } of references) {
    try {
      const namespace = openIf(path, id.inode);
      if (namespace !== undefined) return namespace;
    } catch (error) {
      if (error instanceof SystemCallError) refusal ??= error;
    }
  }
  if (refusal !== undefined) throw refusal;
  const name = names?.[0] ?? `net:[${id.inode}]`;
  throw new InspectError('ERR_NAMESPACE_VANISHED', `the network namespace ${name} is gone`);
}
