import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import t from 'tap';
import { type Environment, toVariables } from '../../../host/cni/arguments.js';
import { environment, hasReference, referencePath } from '../../cni/support/reference.js';
import { contents, leased, program, temporaryDirectory } from './support/leases.js';

const config = (dataDir: string): string =>
  JSON.stringify({
    cniVersion: '1.0.0',
    name: 'net',
    type: 'any',
    ipam: { type: 'host-local', dataDir, subnet: '10.1.0.0/16', rangeEnd: '10.1.0.230' },
  });

function start(
  argv: readonly string[],
  env: Environment,
  stdin: string,
): Promise<{ status: number | null; stdout: string }> {
  return new Promise((resolve, reject) => {
    const [file, ...rest] = argv as [string, ...string[]];
    const child = spawn(file, rest, { env: toVariables(env), stdio: ['pipe', 'pipe', 'inherit'] });
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stdin.on('error', () => undefined);
    child.stdin.end(stdin);
    child.once('error', reject);
    child.once('close', (status) => resolve({ status, stdout }));
  });
}

/** Does the work of all, a number of them at a time. */
async function inParallel<T, R>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const queue = items.entries();
  const worker = async (): Promise<void> => {
    for (const [i, item] of queue) results[i] = await work(item);
  };
  await Promise.all(Array.from({ length: width }, worker));
  return results;
}

t.test('two hundred ADDs at once, of ours and of the reference: no address twice', async (t) => {
  const directory = temporaryDirectory(t);
  const ids = Array.from({ length: 200 }, (_, i) => `container-${i}`);
  const ours = [process.execPath, program];
  const other = hasReference ? [`${referencePath}/host-local`] : ours;
  const programOf = (i: number): string[] => (i % 2 === 0 ? ours : other);
  // all of them wait for the lock, or start, at the same time
  const added = await Promise.all(
    ids.map((containerId, i) => start(programOf(i), environment({ containerId }), config(directory))),
  );
  const addresses = added.map(({ status, stdout }) => {
    t.equal(status, 0, stdout);
    return JSON.parse(stdout).ips[0].address as string;
  });
  t.equal(new Set(addresses).size, ids.length, 'all different');
  const files = contents(join(directory, 'net'));
  ids.forEach((id, i) => {
    t.equal(files[(addresses[i] as string).replace('/16', '')], `${id}\r\neth0`);
  });
  // each releases what the other has leased
  const deleted = await inParallel(ids, 20, (containerId) =>
    start(
      programOf(ids.indexOf(containerId) + 1),
      environment({ command: 'DEL', containerId }),
      config(directory),
    ),
  );
  t.ok(deleted.every(({ status }) => status === 0));
  t.same(leased(join(directory, 'net')), []);
});

const hasStrace = spawnSync('strace', ['-V']).status === 0;

// the calls of one ADD that touch the leases, as `strace` shows them, and how often there is each
const calls = {
  mkdir: 1,
  openat: 5,
  flock: 1,
  getdents64: 2,
  close: 4,
  write: 1,
  pwrite64: 1,
  link: 1,
  unlink: 1,
};

t.test(
  'killed at any system call that touches the leases: DEL leaves nothing',
  { skip: !hasStrace },
  async (t) => {
    const moments = Object.entries(calls).flatMap(([name, often]) =>
      Array.from({ length: often }, (_, i) => ({ name, when: i + 1 })),
    );
    await inParallel([...moments.entries()], 2, async ([index, { name, when }]) => {
      const title = `${name}, ${when}`;
      const directory = temporaryDirectory(t);
      const store = join(directory, 'net');
      const paths = ['', '/lock', '/.netloom-draft', '/10.1.0.2', '/last_reserved_ip.0'];
      const strace = [
        ...['strace', '-f', '-qq', '-o', '/dev/null', ...paths.flatMap((path) => ['-P', `${store}${path}`])],
        ...['-e', `inject=${name}:signal=SIGKILL:when=${when}`],
      ];
      const ours = [process.execPath, program];
      const env = environment({ containerId: 'victim' });
      const killed = await start([...strace, ...ours], env, config(directory));
      t.not(killed.status, 0, `${title}: killed`);
      const files = contents(store);
      const torn = leased(store).filter(
        (file) => file !== '.netloom-draft' && files[file] !== 'victim\r\neth0',
      );
      t.same(torn, [], `${title}: leases are whole or not there`);

      // the reference too removes what ours has left, except for a draft without content
      const byReference = hasReference && index % 2 === 0;
      const cleaner = byReference ? [`${referencePath}/host-local`] : ours;
      const del = await start(cleaner, { ...env, command: 'DEL' }, config(directory));
      t.equal(del.status, 0, `${title}: DEL; ${del.stdout}`);
      const left = leased(store).filter((file) => !byReference || file !== '.netloom-draft');
      t.same(left, [], `${title}: nothing is left`);

      const next = await start(ours, env, config(directory));
      t.equal(next.status, 0, `${title}: the next ADD; ${next.stdout}`);
      t.equal(leased(store).length, 1, `${title}: one lease, no draft`);
    });
  },
);
