import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

/** Answers on ports, TCP and UDP, of IPv4 and IPv6, with a name and the address that the question came from. */
const [, , name = '', ...ports] = process.argv;

function plain(address: string | undefined): string {
  return (address ?? '').replace(/^::ffff:/, '');
}

const ready = ports.flatMap((port) => [
  new Promise<void>((resolve) => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.end(`${name} ${plain(socket.remoteAddress)} ${socket.localPort}`);
    });
    server.listen({ port: Number(port), host: '::' }, resolve);
  }),
  new Promise<void>((resolve) => {
    const socket = createSocket('udp6');
    socket.on('message', (_, { address, port: from }) => {
      socket.send(`${name} ${plain(address)} ${port}`, from, address);
    });
    socket.bind(Number(port), '::', resolve);
  }),
]);
await Promise.all(ready);
process.stdout.write('ready\n');
