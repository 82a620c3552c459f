import { readlinkSync } from 'node:fs';
import { connect, type Socket } from 'node:net';

/** What a client sends. */
export function callBytes(
  plugin: string,
  variables: Readonly<Record<string, string>>,
  config: string,
  version = 1,
): Buffer {
  const place = [plugin, readlinkSync('/proc/self/ns/net'), '/'];
  const texts = [...place, ...Object.entries(variables).map(([name, value]) => `${name}=${value}`), ''];
  const rest = Buffer.concat([...texts.map((text) => Buffer.from(`${text}\0`)), Buffer.from(config)]);
  const head = Buffer.from([0x4e, 0x4c, 0x4d, version, 0, 0, 0, 0]);
  head.writeUInt32LE(rest.length, 4);
  return Buffer.concat([head, rest]);
}

export interface Answer {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export function connected(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('connect', () => resolve(socket));
    socket.once('error', reject);
  });
}

/** All that the other side says until it closes. */
export function heard(socket: Socket): Promise<Buffer> {
  return new Promise((resolve) => {
    const parts: Buffer[] = [];
    socket.on('data', (part) => parts.push(part as Buffer));
    socket.on('error', () => undefined);
    socket.once('close', () => resolve(Buffer.concat(parts)));
  });
}

export function answerOf(bytes: Buffer): Answer | undefined {
  if (bytes.length < 16) return undefined;
  const out = bytes.readUInt32LE(8);
  return {
    status: bytes.readUInt32LE(4),
    stdout: bytes.toString('utf8', 16, 16 + out),
    stderr: bytes.toString('utf8', 16 + out),
  };
}

/** Calls as the native client does, without a namespace. */
export async function call(path: string, bytes: Buffer): Promise<Answer | undefined> {
  const socket = await connected(path);
  const all = heard(socket);
  socket.write(bytes);
  return answerOf(await all);
}
