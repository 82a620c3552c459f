import { createSocket } from 'node:dgram';
import { connect } from 'node:net';

/**
 * Asks `tcp/127.0.0.1/8080 udp/::1/8081 …` all at once; prints the answers as a list: `null` where nobody answers. With
 * `--from=5000` datagrams are sent from that port. What is expected not to answer is written `!tcp/…` and waited for less.
 */
const WAIT = 8000;
const WAIT_FOR_NOTHING = 400;
const from = Number(process.argv.find((text) => text.startsWith('--from='))?.slice(7) ?? 0);
const targets = process.argv.slice(2).filter((text) => !text.startsWith('--'));

function ask(target: string): Promise<string | null> {
  const [protocol = '', host = '', port = ''] = target.replace('!', '').split('/');
  return new Promise((resolve) => {
    setTimeout(() => resolve(null), target.startsWith('!') ? WAIT_FOR_NOTHING : WAIT);
    if (protocol === 'tcp') {
      const socket = connect(Number(port), host);
      socket.on('data', (data) => resolve(data.toString()));
      socket.on('error', () => resolve(null));
      return;
    }
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
    socket.on('message', (data) => resolve(data.toString()));
    socket.on('error', () => resolve(null));
    socket.bind(from, () => {
      // a connected socket hears that nobody listens
      socket.connect(Number(port), host, () => socket.send('?'));
    });
  });
}

process.stdout.write(JSON.stringify(await Promise.all(targets.map(ask))));
process.exit();
