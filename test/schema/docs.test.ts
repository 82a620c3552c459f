import { readFileSync } from 'node:fs';
import t from 'tap';
import { decodeMessages } from '../../host/codec/decode.js';
import { encode } from '../../host/codec/encode.js';
import { registry } from '../../host/codec/registry.js';
import { controller } from '../../host/schema/generic/controller.js';
import {
  tcpMetricAttributes,
  tcpMetrics,
  tcpMetricsAttributes,
} from '../../host/schema/generic/tcp-metrics.js';
import { checkHeaders, operations } from './support/headers.js';
import { datagrams, hex, namespaceShell } from './support/kernel.js';

const root = new URL('../../../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), 'utf8');
const GENERIC = 16;

t.test('docs/schemas.md shows the schema as it is', async (t) => {
  const [, block] = /```ts\n(.*?)```/s.exec(read('docs/schemas.md')) ?? [];
  t.equal(block, read('host/schema/generic/tcp-metrics.ts'));
});

t.test('its numbers are those of the header', async (t) => {
  const oneLess = Object.fromEntries(
    Object.entries(tcpMetricAttributes.attributes).map(([name, [number]]) => [name, number - 1]),
  );
  checkHeaders(t, {
    includes: ['linux/tcp_metrics.h'],
    numbers: [
      { prefix: 'TCP_METRICS_ATTR_', numbers: tcpMetricsAttributes },
      { prefix: 'TCP_METRICS_CMD_', numbers: operations(tcpMetrics) },
      { prefix: 'TCP_METRIC_', numbers: oneLess },
    ],
    layouts: [],
  });
});

t.test('what it reads, ip reads too', async (t) => {
  const shell = namespaceShell(t);
  registry().register(controller);
  const lookup = encode(controller.messages.getfamily, {
    flags: 1 | 4,
    seq: 1,
    attributes: { familyName: 'tcp_metrics' },
  });
  const [family] = datagrams(shell(`"$REQUEST" ${GENERIC} ${hex(lookup)}\n`)).flatMap((bytes) =>
    decodeMessages('generic', bytes),
  );
  if (family === undefined) throw new Error('the controller did not answer');
  const { familyId } = family.attributes as unknown as { familyId: number };
  registry().register(tcpMetrics, familyId);

  const talk = `
    const net = require('node:net');
    const server = net.createServer((end) => end.on('data', (data) => end.end(data))).listen(0, '127.0.0.1', () => {
      const end = net.connect(server.address().port, '127.0.0.1', () => end.write('x'.repeat(1000)));
      end.on('data', () => {}).on('close', () => server.close());
    });`.replaceAll('\n', ' ');
  const dump = hex(encode(tcpMetrics.messages.get, { type: familyId, flags: 0x301, seq: 1 }));
  const [bytes = '', json = ''] = shell(
    `ip link set lo up\nnode -e "${talk}"\n"$REQUEST" ${GENERIC} ${dump}\necho =====\nip -j tcp_metrics show\n`,
  ).split('=====\n');
  const found = datagrams(bytes)
    .flatMap((block) => decodeMessages('generic', block))
    .filter(({ name }) => name === 'get')
    .map(
      ({ attributes }) =>
        attributes as unknown as { addrIpv4: string; saddrIpv4: string; vals: Record<string, number> },
    );
  const listed = JSON.parse(json) as { dst: string; source: string; cwnd?: number; rtt?: number }[];
  t.ok(listed.length > 0);
  t.same(
    found.map(({ addrIpv4, saddrIpv4, vals }) => ({
      dst: addrIpv4,
      source: saddrIpv4,
      cwnd: vals.cwnd,
      rtt: vals.rttUs && (vals.rttUs >> 3) / 1e6,
    })),
    listed.map(({ dst, source, cwnd, rtt }) => ({ dst, source, cwnd, rtt })),
  );
});
