import t from 'tap';
import type { DecodedMessage } from '../../host/codec/block.js';
import { decodeMessages } from '../../host/codec/decode.js';
import { encode } from '../../host/codec/encode.js';
import { registry } from '../../host/codec/registry.js';
import { conntrack } from '../../host/schema/netfilter/conntrack.js';
import { datagrams, hex, namespaceShell } from './support/kernel.js';

registry().register(conntrack);
const NETFILTER = 12;

type Tuple = { tupleIp: Record<string, string>; tupleProto: Record<string, number> };
interface Connection {
  tupleOrig: Tuple;
  tupleReply: Tuple;
  status: string[];
  protoinfo?: { protoinfoTcp: { tcpState: string } };
  timeout: number;
  mark: number;
  use: number;
  id: number;
}

const all = (output: string): DecodedMessage[] =>
  datagrams(output).flatMap((bytes) => decodeMessages('netfilter', bytes));
const list = (family: 'ipv4' | 'ipv6') =>
  `"$REQUEST" ${NETFILTER} ${hex(encode(conntrack.messages.get, { flags: 0x301, seq: 1, header: { nfgenFamily: family } }))}\n`;

/** A connection as `conntrack -L -o extended,id` has it, but for what changes between two listings. */
function line({ tupleOrig, tupleReply, status, protoinfo, mark, use, id }: Connection): string {
  const direction = ({ tupleIp: ip, tupleProto: proto }: Tuple) =>
    `src=${ip.ipV4Src ?? ip.ipV6Src} dst=${ip.ipV4Dst ?? ip.ipV6Dst} sport=${proto.protoSrcPort} dport=${proto.protoDstPort}`;
  const state = protoinfo?.protoinfoTcp.tcpState.replace('-', '_').toUpperCase();
  return [
    tupleOrig.tupleIp.ipV4Src === undefined ? 'ipv6' : 'ipv4',
    tupleOrig.tupleProto.protoNum,
    ...(state === undefined ? [] : [state]),
    direction(tupleOrig),
    ...(status.includes('seen-reply') ? [] : ['[UNREPLIED]']),
    direction(tupleReply),
    ...(status.includes('assured') ? ['[ASSURED]'] : []),
    `mark=${mark} use=${use} id=${id}`,
  ].join(' ');
}

t.test('connections read as conntrack reads them', async (t) => {
  const shell = namespaceShell(t);
  const [ipv4 = '', ipv6 = '', listed = ''] = shell(`
conntrack -I -p tcp -s 10.0.0.1 -d 10.0.0.2 --sport 1234 --dport 80 --state ESTABLISHED -u SEEN_REPLY,ASSURED -t 300 -m 7 2>&1
conntrack -I -p tcp -s 10.0.0.3 -d 10.0.0.4 --sport 9 --dport 8 --state SYN_SENT -t 60 --src-nat 1.2.3.4 2>&1
conntrack -I -p udp -s 2001:db8::1 -d 2001:db8::2 --sport 5 --dport 53 -t 20 2>&1
echo =====
${list('ipv4')}echo =====
${list('ipv6')}echo =====
conntrack -L -o extended,id 2>/dev/null
`)
    .split('=====\n')
    .slice(1);
  const connections = [...all(ipv4), ...all(ipv6)]
    .filter(({ name }) => name === 'new')
    .map(({ attributes }) => attributes as unknown as Connection);
  const wanted = listed
    .trim()
    .split('\n')
    // family, its number, protocol, its number, seconds left, …
    .map((text) => text.split(/\s+/))
    .map(([family, , , number, , ...rest]) => [family, number, ...rest].join(' '));
  t.equal(wanted.length, 3);
  t.same(connections.map(line).sort(), wanted.sort());
  const nat = connections.find(({ tupleOrig }) => tupleOrig.tupleIp.ipV4Src === '10.0.0.3');
  t.match(nat, {
    status: ['confirmed', 'src-nat', 'src-nat-done', 'dst-nat-done'],
    tupleReply: { tupleIp: { ipV4Dst: '1.2.3.4' } },
  });
  t.ok(nat !== undefined && nat.timeout > 50 && nat.timeout <= 60, 'seconds');
});

t.test('a connection that is written', async (t) => {
  const shell = namespaceShell(t);
  const tuple = (source: string, destination: string, from: number, to: number) => ({
    tupleIp: { ipV4Src: source, ipV4Dst: destination },
    tupleProto: { protoNum: 6, protoSrcPort: from, protoDstPort: to },
  });
  const create = encode(conntrack.messages.new, {
    flags: 1 | 4 | 0x400 | 0x200,
    seq: 1,
    header: { nfgenFamily: 'ipv4' },
    attributes: {
      tupleOrig: tuple('10.0.0.1', '10.0.0.2', 4000, 443),
      tupleReply: tuple('10.0.0.2', '10.0.0.1', 443, 4000),
      status: ['seen-reply', 'assured', 'confirmed'],
      timeout: 250,
      mark: 99,
      protoinfo: { protoinfoTcp: { tcpState: 'fin-wait' } },
    },
  });
  const [answer = '', listed = ''] = shell(
    `"$REQUEST" ${NETFILTER} ${hex(create)}\necho =====\nconntrack -L 2>/dev/null\n`,
  ).split('=====\n');
  t.match(all(answer), [{ name: 'error', header: { error: 0 } }]);
  t.match(listed, /tcp +6 2[45]\d FIN_WAIT src=10\.0\.0\.1 dst=10\.0\.0\.2 sport=4000 dport=443 /);
  t.match(listed, /\[ASSURED\] mark=99/);
});
