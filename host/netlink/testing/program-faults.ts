import childProcess from 'node:child_process';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import type { Gate } from './faults.js';

/** What changes files or opens them, without the ending Sync, by the system call that it makes. */
const fileCalls = {
  appendFile: 'write',
  chmod: 'chmod',
  chown: 'chown',
  copyFile: 'copy_file_range',
  link: 'link',
  mkdir: 'mkdir',
  mkdtemp: 'mkdir',
  open: 'open',
  rename: 'rename',
  rm: 'unlink',
  rmdir: 'rmdir',
  symlink: 'symlink',
  truncate: 'truncate',
  unlink: 'unlink',
  utimes: 'utimensat',
} as const;

const processCalls = ['spawn', 'spawnSync', 'execFile', 'execFileSync'] as const;

type Functions = Record<string, (...args: unknown[]) => unknown>;

/** `writeFile` is three calls: between them a file is there and empty, which a crash may leave so. */
function writeFileInSteps(gate: Gate, open: typeof fs.openSync): typeof fs.writeFileSync {
  const write = fs.writeFileSync;
  return (file, data, options) => {
    if (typeof file === 'number') {
      gate.pass('write', 'node');
      write(file, data, options);
      return;
    }
    const { flag = 'w', mode = 0o666 } = typeof options === 'object' && options !== null ? options : {};
    gate.pass('open', 'node');
    const fd = open(file, flag, mode);
    try {
      gate.pass('write', 'node');
      write(fd, data, options);
    } finally {
      fs.closeSync(fd);
    }
  };
}

/** Watches node:fs and node:child_process; returns what ends it. Named imports of theirs are changed with them. */
export function programFaults(gate: Gate): () => void {
  const undo: (() => void)[] = [];
  const replace = (
    owner: object,
    name: string,
    change: (real: (...args: unknown[]) => unknown) => (...args: unknown[]) => unknown,
  ): void => {
    const functions = owner as Functions;
    const real = functions[name];
    if (real === undefined) return;
    functions[name] = change(real);
    undo.push(() => {
      functions[name] = real;
    });
  };
  const openSync = fs.openSync;
  replace(fs, 'writeFileSync', () => writeFileInSteps(gate, openSync) as (...args: unknown[]) => unknown);
  replace(fs.promises, 'writeFile', (real) => async (...args) => {
    gate.pass('write', 'node');
    return await real(...args);
  });
  for (const [name, call] of Object.entries(fileCalls)) {
    replace(fs, `${name}Sync`, (real) => (...args) => {
      gate.pass(call, 'node');
      return real(...args);
    });
    replace(fs.promises, name, (real) => async (...args) => {
      gate.pass(call, 'node');
      return await real(...args);
    });
  }
  for (const name of processCalls) {
    replace(childProcess, name, (real) => (...args) => {
      gate.pass('spawn', 'node');
      return real(...args);
    });
  }
  syncBuiltinESMExports();
  return () => {
    for (const step of undo) step();
    syncBuiltinESMExports();
  };
}
