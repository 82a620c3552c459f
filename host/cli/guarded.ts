import { NetloomError } from '../netlink/errors.js';

/** Runs a command; errors with a code are told in a line, others with their stack. The exit code of both is 1. */
export async function guarded(work: () => Promise<void> | void): Promise<void> {
  try {
    await work();
  } catch (error) {
    const known = error instanceof NetloomError || (error instanceof Error && 'code' in error);
    process.stderr.write(`netloom: ${known ? (error as Error).message : (error as Error).stack}\n`);
    process.exitCode = 1;
  }
}
