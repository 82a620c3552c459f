import { spawn } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { type Test, test } from 'tap';
import { Lab } from '../support/lab.js';
import { Driver } from './support/driver.js';
import { outside, recording, replay } from './support/replay.js';

const NFT = ['list', 'table', 'inet', 'netloom_docker'];

/** Answers `echo` and the text on a TCP port, and on a UDP port. */
const server = `
const { createServer } = require('net');
const { createSocket } = require('dgram');
createServer((s) => { s.on('error', () => {}); s.end('echo tcp'); }).listen(80);
const u = createSocket('udp4');
u.on('message', (m, { port, address }) => u.send('echo ' + m, port, address));
u.bind(53);
`;

const datagram = `
const u = require('dgram').createSocket('udp4');
u.on('message', (m) => { process.stdout.write(String(m)); process.exit(); });
u.send('udp', Number(process.argv[2]), process.argv[1]);
setTimeout(() => process.exit(), 1000);
`;

const tcp = (lab: Lab, host: string, port: number): string =>
  lab.namespace.execSync('timeout', ['2', 'bash', '-c', `exec 3<>/dev/tcp/${host}/${port} && cat <&3`])
    .stdout;
const udp = (lab: Lab, host: string, port: number): string =>
  lab.namespace.execSync(process.execPath, ['-e', datagram, host, String(port)]).stdout;

function host(t: Test): Lab {
  const lab = new Lab(t, 'docker');
  lab.run('ip', 'link', 'set', 'lo', 'up');
  return lab;
}

for (const twice of [false, true]) {
  test(`a bridge network of Docker 20.10${twice ? ', every call twice' : ''}`, {
    timeout: 90_000,
  }, async (t) => {
    const lab = host(t);
    const away = outside(t, lab);
    const before = lab.ip('link').length;
    const driver = new Driver(t, lab);
    await driver.start();
    await replay(t, driver, lab, recording('bridge'), {
      twice,
      connected: async ([web, other]) => {
        if (web === undefined || other === undefined) throw new Error('two containers were recorded');
        const child = web.namespace.run(() => spawn(process.execPath, ['-e', server], { stdio: 'ignore' }));
        t.teardown(() => child.kill('SIGKILL'));
        for (let i = 0; i < 40 && tcp(web, '127.0.0.1', 80) === ''; i++) await pause(100);
        t.match(other.ip('address', 'show', 'eth0')[0], { address: '02:00:00:00:00:09', mtu: 1400 });
        other.run('ping', '-n', '-c1', '-W2', '10.44.0.64');
        other.run('ping', '-n', '-c1', '-W2', 'fd00:44::2');
        other.run('ping', '-n', '-c1', '-W2', '192.0.2.2');
        other.run('ping', '-n', '-c1', '-W2', '2001:db8::2');
        t.equal(tcp(away, '192.0.2.1', 8080), 'echo tcp', 'from another machine');
        t.equal(tcp(away, '2001:db8::1', 8080), 'echo tcp', 'by IPv6');
        t.equal(tcp(lab, '127.0.0.1', 8080), 'echo tcp', 'from the host');
        t.equal(udp(lab, '127.0.0.1', 5300), 'echo udp', 'UDP, on an address of the host');
        t.equal(udp(away, '192.0.2.1', 5300), '', 'and on no other');
        t.equal(tcp(away, '10.44.0.66', 80), '', 'what is not published is closed');
        t.match(lab.run('nft', ...NFT), /sctp dport \d+ dnat ip to 10\.44\.0\.66:80/, 'SCTP');
      },
    });
    t.equal(lab.ip('link').length, before);
    t.not(lab.namespace.execSync('nft', NFT).status, 0, 'the table is gone');
  });
}

test('a macvlan network of Docker 20.10', { timeout: 90_000 }, async (t) => {
  for (const twice of [false, true]) {
    const lab = host(t);
    lab.run('ip', 'link', 'add', 'up0', 'type', 'veth', 'peer', 'name', 'up1');
    for (const name of ['up0', 'up1']) lab.run('ip', 'link', 'set', name, 'up');
    const driver = new Driver(t, lab);
    await driver.start();
    await replay(t, driver, lab, recording('macvlan'), {
      twice,
      connected: async ([one, two]) => {
        one?.run('ping', '-n', '-c1', '-W2', '10.45.0.3');
        t.match(two?.ip('link', 'show', 'eth0')[0], {
          linkinfo: { info_kind: 'macvlan', info_data: { mode: 'bridge' } },
        });
      },
    });
    t.equal(lab.ip('link').length, 3);
    await driver.stop();
  }
});
