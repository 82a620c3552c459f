import { enter } from './support/enter.js';

enter('docker', 'dockerd', 'busybox', 'runc', 'ping');

const { spawn } = await import('node:child_process');
const { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } = await import('node:fs');
const { join } = await import('node:path');
const { fileURLToPath } = await import('node:url');
const { test } = await import('tap');
const { client, DockerDriver, DockerEngine, dockerSocket, image } = await import('./support/docker.js');

const main = fileURLToPath(new URL('../../host/cli/main.js', import.meta.url));
const document = fileURLToPath(new URL('../../../docs/docker.md', import.meta.url));

interface Step {
  readonly command: string;
  /** Lines of output; `…` stands for anything, also for any number of lines. */
  readonly expected: string[];
}

/** The commands of all console blocks, which are typed into one shell, and what they print. */
function steps(text: string): Step[] {
  const found: Step[] = [];
  for (const [, block = ''] of text.matchAll(/^```console\n(.*?)^```$/gms)) {
    for (const line of block.trimEnd().split('\n')) {
      if (line.startsWith('$ ')) found.push({ command: line.slice(2), expected: [] });
      else found.at(-1)?.expected.push(line);
    }
  }
  return found;
}

/** Columns may be wider. */
function pattern(expected: readonly string[]): RegExp {
  const lines = expected.map((line) =>
    line === '…'
      ? '(?:.*\\n)*?'
      : `${line.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll(/ *… */g, '.*')} *\\n`,
  );
  return new RegExp(`^${lines.join('')}$`);
}

/** A shell in which the commands of a reader are typed, one after the other. */
class Shell {
  readonly #child;
  #text = '';
  constructor(directory: string) {
    const bin = join(directory, 'bin');
    mkdirSync(bin);
    for (const [name, command] of [
      ['netloom', `'${process.execPath}' '${main}'`],
      ['docker', `'${client}'`],
    ] as const) {
      writeFileSync(join(bin, name), `#!/bin/sh\nexec ${command} "$@"\n`);
      chmodSync(join(bin, name), 0o755);
    }
    this.#child = spawn('bash', ['--norc'], {
      cwd: directory,
      env: { ...process.env, PATH: `${bin}:${process.env.PATH}`, DOCKER_HOST: `unix://${dockerSocket}` },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#child.stdout.setEncoding('utf8').on('data', (text) => {
      this.#text += text;
    });
  }

  async type(command: string): Promise<{ status: number; text: string }> {
    this.#text = '';
    this.#child.stdin.write(`{ ${command}\n} 2>&1; echo "= $?"\n`);
    for (;;) {
      const end = /^= (\d+)\n/m.exec(this.#text);
      if (end !== null) return { status: Number(end[1]), text: this.#text.slice(0, end.index) };
      await new Promise((resolve) => this.#child.stdout.once('data', resolve));
    }
  }

  end(): void {
    this.#child.kill('SIGKILL');
  }
}

test('what the document says', { timeout: 120_000 }, async (t) => {
  const directory = mkdtempSync('/tmp/nl-walk-');
  const driver = new DockerDriver(directory);
  const docker = new DockerEngine(directory);
  const shell = new Shell(directory);
  t.teardown(async () => {
    shell.end();
    await docker.end();
    await driver.stop();
    rmSync(directory, { recursive: true, force: true });
  });
  await driver.start();
  await docker.start();
  await docker.importImage();
  await docker.must('tag', image, 'busybox');
  const all = steps(readFileSync(document, 'utf8'));
  t.ok(all.length > 12, `${all.length} commands`);
  for (const { command, expected } of all) {
    const { status, text } = await shell.type(command);
    t.equal(status, 0, command);
    t.match(text, pattern(expected), command);
    // a monitor takes its time to begin
    if (command.endsWith('&')) await new Promise((resolve) => setTimeout(resolve, 2000));
  }
  t.same(await driver.leftovers(), []);
});
