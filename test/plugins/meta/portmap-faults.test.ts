import { test } from 'tap';
import { CniHost, type Container } from '../support/host.js';
import { attached, backends, FOUR, mappings, published, SIX } from './support/attached.js';
import { clean, configOf, mustRun, resultOf } from './support/portmap.js';

for (const backend of backends) {
  for (const kind of ['refused', 'killed'] as const) {
    test(`${backend}: each message to the kernel ${kind}`, { timeout: 120_000 }, async (t) => {
      const host = new CniHost(t);
      const container = attached(host);
      const config = configOf(mappings, { backend, prevResult: resultOf(container, FOUR, SIX) });
      let faults = 0;
      for (let nth = 1; nth < 40; nth++) {
        const outcome = host.runWithFault('portmap', 'ADD', config, container, { nth, kind });
        if (kind === 'refused' && outcome.status !== 0) {
          t.match(outcome.json, { code: 999 });
          // iptables' own messages are counted for each of its processes: the same one is refused while undoing
          if (backend === 'nftables') clean(t, host, `message ${nth} refused`);
        }
        mustRun(t, host, 'DEL', config, container);
        clean(t, host, `DEL after ${nth}`);
        // connections that are not forgotten are no failure
        if (outcome.status === 0 && !outcome.stderr.includes('portmap:')) break;
        faults++;
      }
      t.ok(faults > 5 && faults < 39, `${faults} faults`);
    });
  }
}

test('many containers at once', { timeout: 120_000 }, async (t) => {
  for (const [backend, count] of [
    ['nftables', 24],
    ['iptables', 12],
  ] as const) {
    const host = new CniHost(t);
    const container = host.container();
    const all = Array.from({ length: count }, (_, i) => {
      const one = Object.assign(Object.create(container) as Container, { id: `many-${i}` });
      const config = configOf([{ hostPort: 8000 + i, containerPort: 80, protocol: 'tcp' }], {
        backend,
        prevResult: resultOf(container, `10.66.0.${i + 2}/24`),
      });
      return { one, config };
    });
    const each = async (command: string): Promise<void> => {
      const done = await Promise.all(
        all.map(({ one, config }) => host.start('ours', 'portmap', command, config, one)),
      );
      t.same(
        done.filter(({ status }) => status !== 0).map(({ stdout }) => stdout),
        [],
        `${backend} ${command}`,
      );
    };
    await each('ADD');
    t.equal(published(host).length, count);
    await each('DEL');
    clean(t, host, backend);
  }
});
