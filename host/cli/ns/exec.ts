import { spawnSync } from 'node:child_process';
import { argv, execPath, stderr, stdout } from 'node:process';
import { type ExecuteOptions, executeIn, InspectError, resolveSelectors } from '../../inspect/index.js';
import { NetloomError, SystemCallError } from '../../netlink/errors.js';

export interface ExecOptions extends ExecuteOptions {
  readonly all?: boolean;
  /** Name in /etc/netns. */
  readonly etcOf?: string;
}

/** Exit codes when there is no program that could give one, as env(1) and docker run have them. */
export const exitCodes = { failed: 125, notExecutable: 126, notFound: 127 } as const;

function codeOf(error: unknown): number {
  if (!(error instanceof SystemCallError) || error.syscall !== 'execve') return exitCodes.failed;
  return error.code === 'ENOENT' ? exitCodes.notFound : exitCodes.notExecutable;
}

/** The words after the selector, without the dashes between them. */
function commandOf(words: readonly string[]): readonly [string, ...string[]] {
  const [first, ...rest] = words[0] === '--' ? words.slice(1) : words;
  if (first === undefined)
    throw new InspectError(
      'ERR_INVALID_SELECTOR',
      'a command is missing: netloom ns exec SELECTOR -- command',
    );
  return [first, ...rest];
}

/** One namespace after another, each in a process of its own; the exit code is that of the first that failed. */
async function executeInAll(command: readonly string[], options: ExecOptions): Promise<number> {
  const { etc, sys, resolv } = options;
  const flags = [
    ...(etc === true ? ['--etc'] : typeof etc === 'string' ? ['--etc-of', etc] : []),
    ...(sys ? ['--sys'] : []),
    ...(resolv ? ['--resolv'] : []),
  ];
  let code = 0;
  for (const { names, id } of await resolveSelectors([], { all: true })) {
    stdout.write(`\nnetns: ${names[0]}\n`);
    const args = [argv[1] as string, 'ns', 'exec', ...flags, `net:[${id.inode}]`, '--', ...command];
    const { status } = spawnSync(execPath, args, { stdio: 'inherit' });
    if (code === 0) code = status ?? exitCodes.failed;
  }
  return code;
}

/** `netloom ns exec`: becomes the command; returns an exit code only where that was not possible. */
export async function execInNamespace(words: readonly string[], options: ExecOptions): Promise<number> {
  try {
    if (options.all) return await executeInAll(commandOf(words), options);
    const [selector, ...rest] = words;
    if (selector === undefined || selector === '--')
      throw new InspectError(
        'ERR_INVALID_SELECTOR',
        'a selector is missing: netloom ns exec SELECTOR -- command',
      );
    const command = commandOf(rest);
    const [found] = await resolveSelectors([selector]);
    if (found === undefined)
      throw new InspectError('ERR_NAMESPACE_NOT_FOUND', `there is no network namespace ${selector}`);
    executeIn(found, command, options);
  } catch (error) {
    if (!(error instanceof NetloomError)) throw error;
    stderr.write(`netloom: ${error.message}\n`);
    return codeOf(error);
  }
}
