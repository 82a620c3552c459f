import { test } from 'tap';
import { CniHost, type Container } from '../support/host.js';
import { published } from './support/attached.js';
import { clean, configOf, resultOf } from './support/portmap.js';

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
