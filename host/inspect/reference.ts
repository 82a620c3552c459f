/** What identifies a namespace as long as it lives: its file in the kernel's nsfs. */
export interface NamespaceId {
  readonly device: number;
  /** The number in `net:[4026531840]`. */
  readonly inode: number;
}

/** One of the ways in which a namespace was seen. */
export interface Reference {
  /**
   * `name`: a file in a directory of names; `mount`: bound to a file elsewhere, or in another mount namespace;
   * `process` and `thread`: somebody is in it; `descriptor`: a process has it open; `self`: the caller is in it.
   */
  readonly kind: 'name' | 'mount' | 'process' | 'thread' | 'descriptor' | 'self';
  /** Opens the namespace, from where the caller is. */
  readonly path: string;
  /** Of a name: what selectors call it, as `netns:blue`. */
  readonly name?: string;
  /** The process that is in it, has it open, or sees the mount. */
  readonly pid?: number;
}

/** The number of a namespace file's link, `net:[4026531840]`; undefined for anything else. */
export function inodeOf(link: string): number | undefined {
  if (!link.startsWith('net:[') || !link.endsWith(']')) return undefined;
  const inode = Number(link.slice(5, -1));
  return Number.isSafeInteger(inode) ? inode : undefined;
}

const quality = ['self', 'name', 'process', 'mount', 'thread', 'descriptor'] as const;

/** The better of two to open a namespace by: names outlive processes, processes outlive descriptors. */
export function byQuality(a: Reference, b: Reference): number {
  return quality.indexOf(a.kind) - quality.indexOf(b.kind);
}
