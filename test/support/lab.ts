import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { Namespace } from '../../host/namespace/namespace.js';

/** What tests ask of a tap test. */
interface Teardown {
  teardown(work: () => unknown): void;
}

/** A namespace of the test's own, with a name so that `ip -n` can look into it; gone when the test ends. */
export class Lab {
  readonly name: string;
  readonly namespace: Namespace;

  constructor(t: Teardown, prefix = 'lab') {
    this.name = `nl-${prefix}-${randomBytes(4).toString('hex')}`;
    this.namespace = Namespace.create(this.name);
    t.teardown(() => {
      this.namespace.close();
      Namespace.delete(this.name);
    });
  }

  get path(): string {
    return `/run/netns/${this.name}`;
  }

  /** Runs a program in the namespace; returns what it writes. Throws with its complaint. */
  run(file: string, ...args: string[]): string {
    const { stdout, stderr, status } = this.namespace.execSync(file, args);
    if (status !== 0) throw new Error(`${file} ${args.join(' ')}: status ${status}: ${stderr}`);
    return stdout;
  }

  /** `ip -j -d …` of iproute2, parsed. */
  // biome-ignore lint/suspicious/noExplicitAny: what another program prints
  ip(...args: string[]): any {
    const text = execFileSync('ip', ['-n', this.name, '-j', '-d', ...args], { encoding: 'utf8' });
    return text.trim() === '' ? [] : JSON.parse(text);
  }
}
