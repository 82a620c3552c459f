/**
 * A container's create, start and remove on a Netloom network, on one of Docker's bridge driver and on Docker's own bridge,
 * in turns, against one dockerd: program.js CYCLES DIRECTORY STORAGE, in namespaces of its own. Prints what it took, as JSON.
 */
import { argv } from 'node:process';
import { DockerDriver, DockerEngine, image } from '../../test/clients/support/docker.js';
import type { DockerTimes, Network } from './times.js';

const [, , cycles = '', directory = '', storage = ''] = argv;

const networks: Readonly<Record<Network, string>> = { netloom: 'ours', user: 'theirs', default: 'bridge' };
/** With and without a port that is published. */
const variants = ['plain', 'published'] as const;

const driver = new DockerDriver(directory, '--log-calls');
const docker = new DockerEngine(directory, storage);

let port = 20_000;

async function cycle(
  network: string,
  published: boolean,
): Promise<{ create: number; start: number; remove: number }> {
  const HostConfig = {
    NetworkMode: network,
    ...(published ? { PortBindings: { '80/tcp': [{ HostPort: String(port++) }] } } : {}),
  };
  const config = {
    Image: image,
    Cmd: ['/bin/sleep', '600'],
    HostConfig,
    ...(published ? { ExposedPorts: { '80/tcp': {} } } : {}),
  };
  const at = [process.hrtime.bigint()];
  const { Id } = (await docker.api('POST', '/containers/create', config)) as { Id: string };
  at.push(process.hrtime.bigint());
  await docker.api('POST', `/containers/${Id}/start`);
  at.push(process.hrtime.bigint());
  await docker.api('DELETE', `/containers/${Id}?force=1`);
  at.push(process.hrtime.bigint());
  const [create = 0, start = 0, remove = 0] = at.slice(1).map((time, i) => Number(time - (at[i] as bigint)));
  return { create, start, remove };
}

/** ns of each call since `from`, by its name. */
function callsSince(from: number): Record<string, number> {
  const calls: Record<string, number> = {};
  for (const [, name = '', ms] of driver.log.slice(from).matchAll(/^(\w+\.\w+) ([\d.]+) ms$/gm)) {
    calls[name] = (calls[name] ?? 0) + Number(ms) * 1e6;
  }
  return calls;
}

const times: DockerTimes = { version: '', storage, plain: [], published: [] };
try {
  await driver.start();
  await docker.start();
  await docker.importImage();
  times.version = (await docker.must('version', '--format', '{{.Server.Version}}')).trim();
  await docker.must('network', 'create', '-d', 'netloom', '--ipam-driver', 'netloom', networks.netloom);
  await docker.must('network', 'create', networks.user);
  for (let i = -1; i < Number(cycles); i++) {
    for (const variant of variants) {
      for (const network of Object.keys(networks) as Network[]) {
        const logged = driver.log.length;
        const took = await cycle(networks[network], variant === 'published');
        // what removes the last address is answered after the container is gone
        const calls = network === 'netloom' ? callsSince(logged) : {};
        if (i >= 0) times[variant].push({ network, ...took, calls });
      }
    }
  }
  await docker.must('network', 'rm', networks.netloom, networks.user);
} finally {
  await docker.end();
  await driver.stop();
}
process.stdout.write(`${JSON.stringify(times)}\n`);
