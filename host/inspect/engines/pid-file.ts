import { readFileSync, statSync } from 'node:fs';
import { uptime } from 'node:os';

/** USER_HZ: what /proc counts time in. */
const TICKS = 100;
/** ms by which clocks may disagree. */
const SLACK = 1000;

/** When a process began, ms since 1970; undefined when it is not there. */
function startOf(proc: string, pid: number): number | undefined {
  try {
    const stat = readFileSync(`${proc}/${pid}/stat`, 'utf8');
    // the name of the program, in parentheses, may hold anything: starttime is the 20th field after it
    const ticks = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
    return Date.now() - uptime() * 1000 + (ticks * 1000) / TICKS;
  } catch {
    return undefined;
  }
}

/**
 * The process that a file told of when it was written; undefined when it has ended, even if its number has been given
 * to another since.
 */
export function livingProcess(proc: string, pid: number | undefined, file: string): number | undefined {
  const start = pid === undefined ? undefined : startOf(proc, pid);
  if (start === undefined) return undefined;
  try {
    return start <= statSync(file).mtimeMs + SLACK ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** The process whose number is all that a file holds. */
export function readPid(proc: string, file: string): number | undefined {
  try {
    const pid = Number(readFileSync(file, 'utf8').trim());
    return Number.isSafeInteger(pid) && pid > 0 ? livingProcess(proc, pid, file) : undefined;
  } catch {
    return undefined;
  }
}
