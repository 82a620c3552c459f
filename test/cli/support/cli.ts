import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const netloom = fileURLToPath(new URL('../../../host/cli/main.js', import.meta.url));

/** What `netloom` gets: nothing that a developer's shell happens to set. */
const plain = { PATH: process.env.PATH, COLUMNS: '80' };

/** Runs `netloom`. */
export function run(args: readonly string[], env: NodeJS.ProcessEnv = {}): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, [netloom, ...args], { encoding: 'utf8', env: { ...plain, ...env } });
}
