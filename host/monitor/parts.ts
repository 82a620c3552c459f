import type { DecodedMessage } from '../codec/block.js';
import { decodeMessages } from '../codec/decode.js';
import { encode, type MessageInput } from '../codec/encode.js';
import { bridgeVlan } from '../schema/bridge-vlan.js';
import type { AttributesOf } from '../schema/definition.js';
import { mdb } from '../schema/mdb.js';
import { nftables } from '../schema/netfilter/nftables.js';
import type { Told } from './mirror.js';

const { newsetelem, delsetelem } = nftables.messages;
const { newmdb, delmdb } = mdb.messages;
const { newvlan, delvlan } = bridgeVlan.messages;

const AF_BRIDGE = 7;

type Elements = AttributesOf<typeof newsetelem>;
type Groups = AttributesOf<typeof newmdb>;

function again(
  { object, message }: Told,
  kind:
    | typeof newsetelem
    | typeof delsetelem
    | typeof newmdb
    | typeof delmdb
    | typeof newvlan
    | typeof delvlan,
  attributes: object,
): Told {
  // what was decoded is what encoding takes
  const input = { flags: message.flags, header: message.header, attributes } as unknown as MessageInput<
    typeof newmdb
  >;
  const bytes = encode(kind as typeof newmdb, input);
  const protocol = object === 'nftables' ? 'netfilter' : 'route';
  return { object, message: decodeMessages(protocol, bytes)[0] as DecodedMessage, bytes };
}

/** The messages that one would be, were there one for each thing that it tells of: elements of sets, multicast groups,
 * VLANs. */
export function partsOf(told: Told): readonly Told[] {
  const { object, message } = told;
  if (object === 'nftables' && (message.name === 'newsetelem' || message.name === 'delsetelem')) {
    const { elements, ...rest } = message.attributes as Elements;
    const all = elements?.elem ?? [];
    const kind = message.name === 'newsetelem' ? newsetelem : delsetelem;
    return all.length === 1
      ? [told]
      : all.map((one) => again(told, kind, { ...rest, elements: { elem: [one] } }));
  }
  if (object === 'mdb') {
    const entries = ((message.attributes as Groups).mdb?.entry ?? []).flatMap(({ info = [] }) => info);
    const asked = message.name === 'getmdb';
    if (entries.length === 1 && !asked) return [told];
    // an answer to a dump is neither called nor headed as what comes unasked
    const unasked = asked
      ? { ...told, message: { ...message, header: { ...message.header, family: AF_BRIDGE } } }
      : told;
    const kind = message.name === 'delmdb' ? delmdb : newmdb;
    return entries.map((one) => again(unasked, kind, { mdb: { entry: [{ info: [one] }] } }));
  }
  if (object === 'vlan') return vlansOf(told);
  return [told];
}

/** One message for each VLAN, of which messages tell whole ranges. What is set for all of a bridge is left out. */
function vlansOf(told: Told): readonly Told[] {
  const { message } = told;
  const { entry = [] } = message.attributes as AttributesOf<typeof newvlan>;
  const kind = message.name === 'delvlan' ? delvlan : newvlan;
  return entry.flatMap(({ range, ...one }) => {
    const { info } = one;
    if (info === undefined) return [];
    const last = Math.max(info.vid, range ?? 0);
    return Array.from({ length: last - info.vid + 1 }, (_, i) =>
      again(told, kind, { entry: [{ ...one, info: { ...info, vid: info.vid + i } }] }),
    );
  });
}
