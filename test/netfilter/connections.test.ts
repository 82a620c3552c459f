import { test } from 'tap';
import { Netfilter } from '../../host/netfilter/netfilter.js';
import { Lab } from '../support/lab.js';

test('connections are listed and forgotten', async (t) => {
  const lab = new Lab(t, 'ct');
  const nft = await Netfilter.open({ namespace: lab.namespace });
  t.teardown(() => nft.close());
  t.same(await nft.connections.list(), []);
  const create = (protocol: string, from: string, to: string, port: number): void => {
    const state = protocol === 'tcp' ? ['--state', 'ESTABLISHED'] : [];
    const ports = ['--sport', '1000', '--dport', String(port)];
    lab.run('conntrack', '-I', '-p', protocol, '-s', from, '-d', to, ...ports, '-t', '100', ...state);
  };
  for (let i = 0; i < 40; i++) create('udp', '10.0.0.1', '10.0.0.2', 5000 + i);
  create('udp', 'fd00::1', 'fd00::2', 53);
  create('tcp', '10.0.0.1', '10.0.0.2', 80);
  const { connections } = nft;
  t.equal((await connections.list()).length, 42);
  t.equal((await connections.list({ family: 'ip' })).length, 41);
  t.match(await connections.list({ protocol: 6 }), [
    {
      family: 'ip',
      tupleOrig: {
        tupleIp: { ipV4Src: '10.0.0.1', ipV4Dst: '10.0.0.2' },
        tupleProto: { protoNum: 6, protoSrcPort: 1000, protoDstPort: 80 },
      },
    },
  ]);
  const six = await connections.list({ family: 'ip6', protocol: 17 });
  t.match(six, [
    { family: 'ip6', tupleOrig: { tupleIp: { ipV6Dst: 'fd00::2' }, tupleProto: { protoDstPort: 53 } } },
  ]);
  t.equal(await connections.delete(six), 1);
  t.equal(await connections.delete(six), 0, 'gone already');
  t.equal(await connections.delete([]), 0);
  const four = await connections.list({ family: 'ip', protocol: 17 });
  lab.run('conntrack', '-D', '-p', 'udp', '--dport', '5007');
  t.equal(await connections.delete(four), 39, 'but for the one that somebody else deleted');
  t.equal(lab.run('conntrack', '-L').trim().split('\n').length, 1);
  t.match(lab.run('conntrack', '-L'), /^tcp .*dport=80/);
});
