import { stderr } from 'node:process';

/** ms after which people begin to wonder. */
const PATIENCE = 1000;

/** Waits for work; what takes longer than a second says on a terminal that it goes on. */
export async function withProgress<T>(what: string, work: Promise<T>): Promise<T> {
  if (!stderr.isTTY) return await work;
  const started = Date.now();
  let shown = false;
  const timer = setInterval(() => {
    shown = true;
    stderr.write(`\r${what} … ${Math.round((Date.now() - started) / 1000)} s`);
  }, PATIENCE);
  try {
    return await work;
  } finally {
    clearInterval(timer);
    if (shown) stderr.write('\r\x1b[K');
  }
}
