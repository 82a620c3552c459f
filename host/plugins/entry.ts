/** The program behind every installed plugin: `node plugin.js <type>`. */
import { runPlugin } from '../cni/program.js';
import { bundled } from './index.js';

const version = 'v0.1.0';

// no await at the top: the bundle is CommonJS, which starts faster
async function main(): Promise<void> {
  const type = process.argv[2] ?? '';
  const plugin = await bundled(type);
  if (plugin === undefined) {
    process.stderr.write(`netloom has no plugin "${type}"\n`);
    process.exitCode = 2;
    return;
  }
  const args = process.argv.slice(3);
  if (args.length > 0 && plugin.main !== undefined) await plugin.main(args);
  else {
    await runPlugin(plugin, version, bundled);
    // all is written, and taking down Node in good order takes milliseconds
    process.exit();
  }
}

void main();
