/** Before anything is measured: do the rivals and we come to the same? */
import { deepEqual, equal } from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { decodeColumns } from '../host/codec.js';
import { route } from '../host/schema/route.js';
import {
  decodeColumnsByAttribute,
  decodeColumnsByLayout,
  newRouteColumns,
  type RouteColumns,
} from './hand-written.js';
import { type Inputs, ROUTES, readDump } from './inputs.js';
import { type Peer, type PeerName, root } from './peers.js';
import * as subject from './subject.js';

function plain(columns: RouteColumns): Record<string, number[]> {
  return Object.fromEntries(
    subject.columnNames.map((name) => [name, Array.from(columns[name].subarray(0, columns.rows))]),
  );
}

/** Our columns of addresses are bytes. */
function ours(bytes: Uint8Array): Record<string, number[]> {
  const columns = decodeColumns(route.messages.newroute, bytes, subject.columnNames);
  return Object.fromEntries(
    subject.columnNames.map((name) => {
      const { values, width } = columns[name];
      const bytesOfFour = values instanceof Uint8Array && width === 4;
      const numbers = bytesOfFour
        ? new Uint32Array(values.buffer, values.byteOffset, columns.rowCount)
        : values;
      return [name, Array.from(numbers, Number)];
    }),
  );
}

function shownBy(peer: Peer): string {
  const [file, ...args] = peer.command as [string, ...string[]];
  return execFileSync(file, [...args, 'show'], { cwd: root, encoding: 'utf8' }).trim();
}

/** The attributes of a message as hex, in the order of their numbers: which comes first is the sender's choice. */
function attributesOf(message: string): string[] {
  const attributes = message.slice(56).match(/.{16}/g) ?? [];
  return attributes.toSorted();
}

/** Throws when columns or encoded messages differ. */
export function verify({ dumps }: Inputs, peers: Readonly<Record<PeerName, Peer>>): void {
  const bytes = readDump(dumps.routes);
  const out = newRouteColumns(ROUTES * 2);
  decodeColumnsByAttribute(bytes, out);
  const expected = plain(out);
  out.rows = 0;
  decodeColumnsByLayout(bytes, out);
  deepEqual(plain(out), expected, 'hand-written decoders differ');
  deepEqual(ours(bytes), expected, 'our columns differ from the hand-written decoder’s');

  const messages = [subject.encodeMessage(3), subject.encodeMessageOfText(3)].map((message) =>
    Buffer.from(message).toString('hex'),
  );
  for (const name of ['native', 'mdlayher'] as const) {
    if (peers[name].command === undefined) continue;
    const theirs = shownBy(peers[name]);
    for (const message of messages) {
      equal(message.slice(0, 56), theirs.slice(0, 56), `the headers that ${name} encodes`);
      deepEqual(attributesOf(message), attributesOf(theirs), `the attributes that ${name} encodes`);
    }
  }
}
