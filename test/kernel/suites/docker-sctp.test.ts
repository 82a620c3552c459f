import { spawn } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { test } from 'tap';
import { Driver } from '../../docker/support/driver.js';
import { outside, recording, replay } from '../../docker/support/replay.js';
import { Lab } from '../../support/lab.js';

const server = `
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132)
s.bind(("0.0.0.0", 80))
s.listen(4)
while True:
    c, _ = s.accept()
    c.sendall(b"echo sctp")
    c.close()
`;
const client = `
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132)
s.settimeout(3)
s.connect((sys.argv[1], int(sys.argv[2])))
print(s.recv(100).decode(), end="")
`;
const sctp = (lab: Lab, host: string, port: number): string =>
  lab.namespace.execSync('python3', ['-c', client, host, String(port)]).stdout;

test('a published port of SCTP', { timeout: 200_000 }, async (t) => {
  const lab = new Lab(t, 'docker');
  lab.run('ip', 'link', 'set', 'lo', 'up');
  const away = outside(t, lab);
  const driver = new Driver(t, lab);
  await driver.start();
  await replay(t, driver, lab, recording('bridge'), {
    connected: async ([web]) => {
      if (web === undefined) throw new Error('a container was recorded');
      const child = web.namespace.run(() => spawn('python3', ['-c', server], { stdio: 'inherit' }));
      t.teardown(() => child.kill('SIGKILL'));
      for (let i = 0; i < 40 && sctp(web, '127.0.0.1', 80) === ''; i++) await pause(250);
      const rules = lab.run('nft', 'list', 'table', 'inet', 'netloom_docker');
      const port = Number(/ipv4 sctp dport (\d+) dnat/.exec(rules)?.[1]);
      t.equal(sctp(away, '192.0.2.1', port), 'echo sctp', 'from another machine');
      t.equal(sctp(lab, '127.0.0.1', port), 'echo sctp', 'from the host');
      t.equal(sctp(away, '192.0.2.1', port === 65_535 ? 1024 : port + 1), '', 'no other port');
    },
  });
});
