import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'tap';
import { flagText } from '../../host/cli/decode.js';
import { encode } from '../../host/codec.js';
import { link } from '../../host/schema/link/link.js';
import { Lab } from '../support/lab.js';

const netloom = fileURLToPath(new URL('../../host/cli/main.js', import.meta.url));

function decode(
  args: string[],
  input?: Uint8Array | string,
): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [netloom, 'decode', ...args], { encoding: 'utf8', input });
}

const message = encode(link.messages.newlink, {
  flags: 5,
  seq: 9,
  header: { index: 3, flags: ['up'] },
  attributes: { ifname: 'veth0', mtu: 1400, linkinfo: { kind: 'veth' } },
});

test('hexadecimal in any dress, and raw bytes', async (t) => {
  const plain = Buffer.from(message).toString('hex');
  const dump = (plain.match(/.{1,32}/g) ?? [])
    .map((line, i) => `${(i * 16).toString(16).padStart(8, '0')}: ${line.replaceAll(/../g, '$& ')}`)
    .join('\n');
  const escaped = plain.replaceAll(/../g, '\\x$&');
  for (const input of [plain, plain.replaceAll(/../g, '$& '), dump, escaped, message]) {
    const { status, stdout, stderr } = decode(['--json'], input);
    t.equal(status, 0, stderr);
    t.match(JSON.parse(stdout), {
      name: 'newlink',
      seq: 9,
      header: { index: 3 },
      attributes: { ifname: 'veth0', mtu: 1400 },
    });
  }
  const text = decode([], message).stdout;
  t.match(text, /^newlink type 16 flags request\|ack seq 9 pid 0$/m);
  t.match(text, /^ {4}mtu 1400$/m);
  t.match(text, /^ {6}kind "veth"$/m);
});

test('flags by what they mean for the message, as strace names them', { timeout: 60_000 }, (t) => {
  const lab = new Lab(t, 'flags');
  const commands = [
    'ip link add br8 type bridge',
    'ip link show br8',
    'ip address show dev br8',
    'ip route replace 10.9.0.0/24 dev lo',
    'ip route append 10.9.0.0/24 dev lo',
    'ip link del br8',
    'ip link del nosuch',
  ];
  lab.run('ip', 'link', 'set', 'lo', 'up');
  const script = `${commands.join('; ')}; true`;
  const trace = lab.run('sh', '-c', `strace -f -e trace=sendmsg,sendto,recvmsg sh -c '${script}' 2>&1`);
  const seen = new Map<string, Set<string>>();
  const pattern = /nlmsg_type=(RTM_\w+|NLMSG_\w+), nlmsg_flags=([\w|]+), /g;
  for (const [, type = '', flags = ''] of trace.matchAll(pattern)) {
    const name = type.replace(/^(RTM|NLMSG)_/, '').toLowerCase();
    const names = flags
      .split('|')
      .filter((flag) => flag !== '0')
      .map((flag) => flag.replace('NLM_F_', '').toLowerCase().replaceAll('_', '-'));
    seen.set(`${name} ${flags}`, new Set(names));
  }
  for (const name of ['newlink', 'getlink', 'getaddr', 'newroute', 'dellink', 'error'])
    t.ok(
      [...seen.keys()].some((key) => key.startsWith(`${name} `)),
      name,
    );
  const header = readFileSync('/usr/include/linux/netlink.h', 'utf8');
  for (const [key, names] of seen) {
    const [name = ''] = key.split(' ');
    let flags = 0;
    for (const flag of names) {
      const value = new RegExp(
        `NLM_F_${flag.toUpperCase().replaceAll('-', '_')}\\s+(0x[0-9a-f]+|\\(NLM_F_ROOT)`,
      );
      const found = value.exec(header)?.[1] ?? '';
      flags |= found.startsWith('(') ? 0x300 : Number(found);
    }
    const own = flagText(name, flags);
    t.same(new Set(own === '0' ? [] : own.split('|')), names, key);
  }
  t.end();
});

test('a capture of what ip and nft say', { timeout: 60_000 }, async (t) => {
  const lab = new Lab(t, 'nlmon');
  const directory = mkdtempSync(join(tmpdir(), 'nl-pcap-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const file = join(directory, 'netlink.pcap');
  try {
    lab.run('ip', 'link', 'add', 'nlmon0', 'type', 'nlmon');
  } catch {
    t.comment('this kernel has no nlmon: the capture is made by hand');
    writeFileSync(
      file,
      captureOf([0, message], [16, Buffer.from('14000000030002000500000000000000f0ffffff', 'hex')]),
    );
    const { stdout, status } = decode(['--json', file]);
    t.equal(status, 0);
    const [first, second] = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { name: string });
    t.equal(first?.name, 'newlink');
    t.match(second, { name: 'done', header: { error: -16 } });
    return;
  }
  lab.run('ip', 'link', 'set', 'nlmon0', 'up');
  const capture = lab.namespace.exec('timeout', ['4', 'tcpdump', '-U', '-i', 'nlmon0', '-w', file]);
  await new Promise((resolve) => setTimeout(resolve, 1500));
  lab.run('ip', 'link', 'add', 'br7', 'type', 'bridge');
  lab.run('ip', 'addr', 'add', '10.7.0.1/24', 'dev', 'br7');
  await capture;
  const messages = decode(['--json', file])
    .stdout.trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { name: string; attributes: { ifname?: string; local?: string } });
  t.ok(messages.some(({ name, attributes }) => name === 'newlink' && attributes.ifname === 'br7'));
  t.ok(messages.some(({ name, attributes }) => name === 'newaddr' && attributes.local === '10.7.0.1'));
});

/** A capture file with the cooked headers that an nlmon device puts before its packets. */
function captureOf(...packets: [protocol: number, bytes: Uint8Array][]): Uint8Array {
  const LINKTYPE_NETLINK = 253;
  const head = Buffer.alloc(24);
  head.writeUInt32LE(0xa1b2c3d4, 0);
  head.writeUInt16LE(2, 4);
  head.writeUInt16LE(4, 6);
  head.writeUInt32LE(65535, 16);
  head.writeUInt32LE(LINKTYPE_NETLINK, 20);
  const parts: Uint8Array[] = [head];
  for (const [protocol, bytes] of packets) {
    const packet = Buffer.alloc(32);
    packet.writeUInt32LE(bytes.length + 16, 8);
    packet.writeUInt32LE(bytes.length + 16, 12);
    packet.writeUInt16BE(824, 18); // ARPHRD_NETLINK
    packet.writeUInt16BE(protocol, 30);
    parts.push(packet, bytes);
  }
  return Buffer.concat(parts);
}

test('what cannot be read is said to be so', async (t) => {
  t.match(decode([], 'no digits here'), { status: 1, stderr: /no hexadecimal digits/ });
  t.match(decode(['/no/such/file']), { status: 1, stderr: /ENOENT/ });
  const ethernet = Buffer.from(captureOf([0, message]));
  ethernet.writeUInt32LE(1, 20);
  t.match(decode([], ethernet), { status: 1, stderr: /link type is 1: expected 253/ });
  t.match(decode([], captureOf([0, message]).subarray(0, 50)), {
    status: 1,
    stderr: /ends in the middle of packet 1/,
  });
  t.match(decode(['--protocol', 'pigeon'], message), { status: 2, stderr: /argument 'pigeon' is invalid/ });
  t.match(decode(['--json'], message.subarray(0, 40)).stdout, /"truncated":true/);
  t.ok(readFileSync(netloom).length > 0);
});
