import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Makes a directory, and those that it is in. Throws the system's error; Node's own recursive way says ENOENT of a
 * read-only file system, and never ends in /proc.
 */
export function makeDirectory(path: string, mode: number): void {
  const make = (): void => {
    try {
      mkdirSync(path, mode);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  };
  try {
    make();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || dirname(path) === path) throw error;
    makeDirectory(dirname(path), mode);
    make();
  }
}
