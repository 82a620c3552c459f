import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { conflict } from '../errors.js';

const TCP = 6;
const UDP = 17;

/** A port of the host that nobody else can take while we have it. */
export interface Listener {
  readonly port: number;
  close(): void;
}

/** What is to be held, and where connections go that the rules do not catch. */
export interface Place {
  readonly protocol: number;
  readonly hostIp: string;
  readonly hostPort: number;
  readonly target: { readonly address: string; readonly port: number };
}

function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'EAFNOSUPPORT';
}

/** Joins both ends; what goes wrong with one ends the other. */
function relay(client: Socket, { address, port }: Place['target']): void {
  const upstream = connect({ host: address, port, allowHalfOpen: true });
  for (const [from, to] of [
    [client, upstream],
    [upstream, client],
  ] as const) {
    from.on('error', () => to.destroy());
    from.on('close', () => to.destroy());
    from.pipe(to);
  }
}

function holdTcp({ hostIp, hostPort, target }: Place): Promise<Listener> {
  const clients = new Set<Socket>();
  const server: Server = createServer({ allowHalfOpen: true }, (client) => {
    clients.add(client);
    client.once('close', () => clients.delete(client));
    relay(client, target);
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: hostIp, port: hostPort, ipv6Only: hostIp.includes(':'), exclusive: true }, () => {
      server.on('error', () => undefined);
      resolve({
        port: (server.address() as { port: number }).port,
        close: () => {
          server.close();
          for (const client of clients) client.destroy();
        },
      });
    });
  });
}

function holdUdp({ hostIp, hostPort }: Place): Promise<Listener> {
  const socket: DatagramSocket = createSocket({
    type: hostIp.includes(':') ? 'udp6' : 'udp4',
    ipv6Only: hostIp.includes(':'),
  });
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind({ address: hostIp, port: hostPort, exclusive: true }, () => {
      socket.on('error', () => undefined);
      resolve({ port: socket.address().port, close: () => socket.close() });
    });
  });
}

/**
 * Takes a port of the host, so that no other program does, and says who has it already. TCP connections that reach the
 * socket and no rule (from ::1, or over IPv6 to a container that has only IPv4) are handed on. Undefined when the host
 * has no such address family, or no sockets of the protocol. Throws DockerError `ERR_DOCKER_CONFLICT`.
 */
export async function hold(place: Place): Promise<Listener | undefined> {
  if (place.protocol !== TCP && place.protocol !== UDP) return undefined;
  try {
    return await (place.protocol === TCP ? holdTcp(place) : holdUdp(place));
  } catch (error) {
    if (isMissing(error)) return undefined;
    const { code } = error as NodeJS.ErrnoException;
    const where = `${place.hostIp.includes(':') ? `[${place.hostIp}]` : place.hostIp}:${place.hostPort}`;
    if (code === 'EADDRINUSE') throw conflict(`Bind for ${where} failed: port is already allocated`);
    throw conflict(`Bind for ${where} failed: ${(error as Error).message}`);
  }
}
