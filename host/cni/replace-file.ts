import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';

export interface ReplaceOptions {
  /** Where it is written first: in the same file system. What a crash leaves there is the caller's to remove. */
  readonly draft: string;
  /** Of the new file, less the process's umask. */
  readonly mode: number;
  /** Its content is on the disk before it takes its place: after a loss of power the file is the old or the new one. */
  readonly durable?: boolean;
}

/**
 * Writes a file that others may read meanwhile: they find the whole of the old one or of the new one, whenever this
 * process ends. Throws the system's error; then the file is as before and the draft is gone.
 */
export function replaceFile(
  path: string,
  content: string,
  { draft, mode, durable = false }: ReplaceOptions,
): void {
  try {
    const fd = openSync(draft, 'w', mode);
    try {
      writeFileSync(fd, content);
      if (durable) fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(draft, path);
  } catch (error) {
    try {
      rmSync(draft, { force: true });
    } catch {
      // the first error tells more
    }
    throw error;
  }
}
