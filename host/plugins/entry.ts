/** The program behind every installed plugin: `node plugin.js <type>`. */
import { runPlugin } from '../cni/program.js';
import { bundled } from './index.js';

const version = 'v0.1.0';
const type = process.argv[2] ?? '';
const plugin = await bundled(type);
if (plugin === undefined) {
  process.stderr.write(`netloom has no plugin "${type}"\n`);
  process.exitCode = 2;
} else await runPlugin(plugin, version, bundled);
