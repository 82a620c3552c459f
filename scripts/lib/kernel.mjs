/** The kernel that has every device type of CNI plugins, for tests that the running one is too small for. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { root, run, say } from './steps.mjs';

const folder = join(root, 'test/kernel');
/** A prebuilt one, where a checkout has it beside it. */
const beside = join(root, '../shared/kernel/uml/linux-cni');

/** Does a test need that kernel? Those of test/kernel/suites do. */
export function needsKernel(file) {
  return file.startsWith('test/kernel/suites/');
}

/** Path of the kernel: NETLOOM_KERNEL, a prebuilt one, one of the cache. Builds it when there is none. */
export function findKernel() {
  const given = process.env.NETLOOM_KERNEL;
  if (given !== undefined && given !== '') return given;
  if (existsSync(beside)) return beside;
  const recipe = createHash('sha256');
  for (const name of ['build.sh', 'linux.config', 'xstate-shim.c'])
    recipe.update(readFileSync(join(folder, name)));
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  const directory = join(cache, 'netloom', `kernel-${recipe.digest('hex').slice(0, 12)}`);
  const kernel = join(directory, 'linux-cni');
  if (!existsSync(kernel)) {
    say(`Building a User-mode Linux kernel for tests, once, in ${directory} (three to five minutes) …`);
    run(join(folder, 'build.sh'), [directory]);
  }
  return kernel;
}

/** A command that runs another one on that kernel: `[file, ...arguments]`. `seconds` is the time it may take. */
export function onKernel(kernel, command, seconds) {
  return [join(folder, 'run.sh'), '-C', root, '-t', String(seconds), '-m', '2G', kernel, '--', ...command];
}

/** What a kernel calls itself. */
export function kernelName(kernel) {
  const uname = ['uname', '-sr'];
  const [file, ...args] = kernel === undefined ? uname : onKernel(kernel, uname, 60);
  return run(file, args).trim();
}
