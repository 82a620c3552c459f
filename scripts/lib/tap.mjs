/** Runs one file of tests, which is a program that writes TAP, and counts what it says. */
import { spawn } from 'node:child_process';
import { execPath } from 'node:process';
import { root } from './steps.mjs';

/** ms that a file has for telling what was not done, once its time is up. */
const GRACE = 5000;

/**
 * Counts the assertions of a TAP document: those that stand by themselves, not the sums that subtests are of them.
 * What was skipped, or is known to fail, counts for neither side.
 */
export async function count(text) {
  const { Parser } = await import('tap-parser');
  const counts = { passed: 0, failed: 0, skipped: [] };
  for (const [kind, result] of Parser.parse(text, { flat: true })) {
    if (kind === 'assert') {
      if (result.skip || result.todo) counts.skipped.push(result.fullname);
      else if (result.ok) counts.passed++;
      else counts.failed++;
    } else if (kind === 'bailout') counts.failed++;
    // a plan that was not kept, or no TAP at all
    else if (kind === 'complete' && !result.ok && counts.failed === 0) counts.failed++;
  }
  return counts;
}

/**
 * Runs a file for at most `timeout` ms: `{ passed, failed, skipped, output, seconds }`. `wrap` makes the command that is
 * really started, when it is to be another one than Node's.
 */
export function runTests(file, timeout, wrap = (command) => command) {
  return new Promise((done, reject) => {
    const started = performance.now();
    const [program, ...args] = wrap([execPath, '--enable-source-maps', file]);
    // in a group of its own, so that nothing that it started outlives it
    const child = spawn(program, args, {
      cwd: root,
      env: { ...process.env, TAP_TIMEOUT: '0' },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    const kill = (signal) => {
      try {
        process.kill(-child.pid, signal);
      } catch (error) {
        if (error.code !== 'ESRCH') throw error;
      }
    };
    let late = '';
    const timers = [
      setTimeout(() => {
        late = `# no end after ${timeout / 1000} s\n`;
        child.kill('SIGTERM');
      }, timeout),
      setTimeout(() => kill('SIGKILL'), timeout + GRACE),
    ];
    const stop = () => kill('SIGKILL');
    process.once('exit', stop);
    let tap = '';
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      tap += text;
      output += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      output += text;
    });
    child.on('error', reject);
    child.on('exit', () => setTimeout(stop, GRACE).unref());
    child.on('close', async (status, signal) => {
      for (const timer of timers) clearTimeout(timer);
      process.removeListener('exit', stop);
      stop();
      const counts = await count(tap);
      if ((status !== 0 || late !== '') && counts.failed === 0) counts.failed = 1;
      // a file that asserts nothing tests nothing
      if (counts.passed + counts.failed + counts.skipped.length === 0) counts.failed = 1;
      const end = signal === null ? '' : `# ended by ${signal}\n`;
      const seconds = (performance.now() - started) / 1000;
      done({ ...counts, output: `${output}${late}${end}`, seconds });
    });
  });
}
