import { enter } from './support/enter.js';

enter('docker', 'dockerd', 'busybox', 'runc');

const { mkdtempSync, rmSync } = await import('node:fs');
const { createServer, request } = await import('node:http');
const { join } = await import('node:path');
const { test } = await import('tap');
const { DockerDriver, DockerEngine } = await import('./support/docker.js');
const { run } = await import('./support/programs.js');

/** What is killed, and when: before a call reaches the driver, or when it is answered and Docker has not heard it. */
interface Kill {
  readonly who: 'driver' | 'Docker';
  readonly nth: number;
  readonly when: 'before' | 'after';
}

const directory = mkdtempSync('/tmp/nl-kill-');
const socketPath = join(directory, 'driver.sock');
const docker = new DockerEngine(directory);
const driver = new DockerDriver(directory, '--socket', socketPath);
let kill: Kill | undefined;
let calls: string[] = [];
/** Fulfilled when what was killed runs again. */
let recovered: Promise<void> = Promise.resolve();

async function strike(who: Kill['who']): Promise<void> {
  const victim = who === 'driver' ? driver : docker;
  await victim.kill();
  await victim.start();
}

function pass(path: string, body: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path, method: 'POST', agent: false }, (reply) => {
      let text = '';
      reply.on('data', (part) => {
        text += part;
      });
      reply.on('end', () => resolve({ status: reply.statusCode ?? 500, text }));
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

// stands between Docker and the driver, and loses the call at which one of them is killed
const between = createServer((asked, answered) => {
  let body = '';
  asked.on('data', (part) => {
    body += part;
  });
  asked.on('end', async () => {
    calls.push(asked.url ?? '');
    const due = kill !== undefined && kill.nth === calls.length ? kill : undefined;
    if (due !== undefined) kill = undefined;
    try {
      if (due?.when === 'before') {
        recovered = strike(due.who);
        // the driver comes back while Docker tries again; of a Docker that is dead nobody waits for the call
        answered.destroy();
        return;
      }
      const { status, text } = await pass(asked.url ?? '', body);
      if (due?.when === 'after') {
        recovered = strike(due.who);
        answered.destroy();
        return;
      }
      answered.writeHead(status);
      answered.end(text);
    } catch {
      answered.destroy();
    }
  });
});

await driver.start();
await new Promise<void>((resolve) => between.listen('/run/docker/plugins/netloom.sock', resolve));
await docker.start();
await docker.importImage();

const network = ['-d', 'netloom', '--ipam-driver', 'netloom', '--subnet', '10.50.0.0/24', 'net'];
const visit = async (): Promise<string> =>
  (await run('timeout', ['3', 'busybox', 'nc', '-w', '3', '127.0.0.1', '8090'])).stdout.trim();

/** A network's and a container's life; what fails because Docker was killed is done once more, as its users do. */
async function live(): Promise<string[]> {
  const failures: string[] = [];
  const attempt = async (...args: string[]): Promise<void> => {
    for (let tries = 0; ; tries++) {
      const { status, stderr } = await docker.run(...args);
      await recovered;
      if (status === 0) return;
      if (tries > 0) {
        failures.push(`${args.join(' ')}: ${stderr.trim()}`);
        return;
      }
      // what Docker has done before it died is there already, or gone
      if (
        args[0] === 'network' &&
        (await docker.run('network', 'inspect', 'net')).status === (args[1] === 'rm' ? 1 : 0)
      )
        return;
      if (args[0] !== 'network') await docker.run('rm', '-f', 'web');
      if (args[0] === 'rm') return;
    }
  };
  await attempt('network', 'create', ...network);
  const serve = 'while true; do nc -l -p 80 -e /bin/echo web; done';
  await attempt(
    ...[
      'run',
      '-d',
      '--name',
      'web',
      '--network',
      'net',
      '--ip',
      '10.50.0.9',
      '-p',
      '8090:80',
      'busybox:test',
    ],
    ...['/bin/sh', '-c', serve],
  );
  let said = '';
  for (let tries = 0; tries < 20 && said === ''; tries++) said = await visit();
  if (said !== 'web') failures.push('the container is not reached');
  await attempt('rm', '-f', 'web');
  await attempt('network', 'rm', 'net');
  return failures;
}

/** What is left goes when the driver has asked Docker, a second after it starts. */
async function leftovers(): Promise<string[]> {
  await driver.kill();
  await driver.start();
  let left: string[] = [];
  for (let tries = 0; tries < 30; tries++) {
    left = await driver.leftovers();
    if (left.length === 0) return left;
    await run('sleep', ['0.2']);
  }
  return left;
}

let number = 0;

test('nobody is killed', { timeout: 60_000 }, async (t) => {
  await live();
  calls = [];
  t.same(await live(), []);
  t.same(await driver.leftovers(), [], 'without having to ask Docker');
  number = calls.length;
  t.ok(number >= 15, `${number} calls: ${calls.join(' ')}`);
});

for (const who of ['driver', 'Docker'] as const) {
  test(`${who} is killed at every call`, { timeout: 280_000 }, async (t) => {
    for (let nth = 1; nth <= number; nth++) {
      // one after the other: of the driver both, of Docker, which takes longer, in turns
      const whens =
        who === 'driver' ? (['before', 'after'] as const) : ([nth % 2 === 0 ? 'before' : 'after'] as const);
      for (const when of whens) {
        calls = [];
        kill = { who, nth, when };
        const failures = await live();
        const what = `${when} ${calls[nth - 1]} (${nth})`;
        t.same(failures, [], what);
        t.equal(kill, undefined, 'it was killed');
        kill = undefined;
        t.same(await leftovers(), [], `${what}: nothing is left`);
      }
    }
  });
}

test('the end', async (t) => {
  await docker.end();
  await driver.stop();
  between.close();
  between.closeAllConnections();
  rmSync(directory, { recursive: true, force: true });
  t.pass();
});
