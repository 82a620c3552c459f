import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Places } from '../../../host/inspect/index.js';

interface Teardown {
  teardown(work: () => unknown): void;
}

/** A recorded answer. */
export const fixture = (name: string): string =>
  fileURLToPath(new URL(`../../../../test/inspect/fixtures/${name}`, import.meta.url));

/** A host without any engine, in a directory of its own; what tests write there is all that is known. */
export class EmptyHost {
  readonly directory: string;
  readonly places: Places;
  readonly #t: Teardown;

  constructor(t: Teardown) {
    this.#t = t;
    this.directory = mkdtempSync(join(tmpdir(), 'nl-places-'));
    t.teardown(() => rmSync(this.directory, { recursive: true, force: true }));
    this.places = {
      proc: '/proc',
      names: [{ word: 'netns', directory: '/run/netns' }],
      docker: join(this.directory, 'docker.sock'),
      dockerState: join(this.directory, 'docker'),
      podman: [join(this.directory, 'podman.sock')],
      storage: [{ run: join(this.directory, 'run'), graph: join(this.directory, 'graph') }],
      containerd: [join(this.directory, 'containerd')],
      cni: join(this.directory, 'cni'),
    };
  }

  /** Writes a file; what is no text as JSON. */
  write(path: string, content: unknown): string {
    const file = join(this.directory, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
    return file;
  }

  /** An engine that answers on a socket. */
  async serve(socket: string, answer: RequestListener): Promise<void> {
    const server = createServer(answer);
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    this.#t.teardown(() => {
      server.closeAllConnections();
      server.close();
    });
  }
}
