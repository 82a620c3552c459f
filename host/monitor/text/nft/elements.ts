import { printable } from '../../../inspect/printable.js';
import { setFlags } from '../../../schema/netfilter/nftables-names.js';
import { bits } from '../names.js';
import { type Element, type Entry, endless, type KnownSet, type SetAttributes } from './sets.js';
import { commentText, rangeText, timeText, typesOf, valueText } from './types.js';

/** What says that there is something here that cannot be written as nft does. */
export class Unknown extends Error {}

/** What nft puts into its own bytes: NFTNL_UDATA_SET_*, NFTNL_UDATA_SET_ELEM_*. */
const SET_MERGE = 2;
const SET_COMMENT = 7;
const ELEMENT_COMMENT = 0;

/** A verdict as rules end with: `accept`, `jump other`. */
export function verdictText(verdict: {
  code?: string | number | undefined;
  chain?: string | undefined;
}): string {
  const { code, chain } = verdict;
  return chain === undefined ? String(code) : `${code} ${printable(chain)}`;
}

/** `counter packets 0 bytes 0`; throws Unknown for what else an element can have. */
export function statefulText(name: string | undefined, data: unknown): string {
  if (name !== 'counter') throw new Unknown();
  const { packets, bytes } = data as { packets?: bigint; bytes?: bigint };
  return `counter packets ${packets ?? 0} bytes ${bytes ?? 0}`;
}

function mappedText({ data, objref }: Element, set: KnownSet): string {
  if (objref !== undefined) return ` : "${printable(objref)}"`;
  if (data?.verdict !== undefined) return ` : ${verdictText(data.verdict)}`;
  if (data?.value === undefined) return '';
  if (set.data === undefined || set.data === 'verdict') throw new Unknown();
  return ` : ${valueText(set.data, data.value)}`;
}

/** An element of a set: `10.0.0.0/8`, `80 : accept`. Throws Unknown. */
export function entryText({ element, first, last }: Entry, set: KnownSet): string {
  if (set.key === undefined) throw new Unknown();
  let text = element.flags?.includes('catchall') ? '*' : rangeText(set.key, first, last);
  const expressions = [
    ...(element.expr === undefined ? [] : [element.expr]),
    ...(element.expressions?.elem ?? []),
  ];
  for (const { name, data } of expressions) text += ` ${statefulText(name, data)}`;
  if (element.timeout !== undefined) text += ` timeout ${timeText(element.timeout)}`;
  if (element.expiration !== undefined) text += ` expires ${timeText(element.expiration)}`;
  return text + commentText(element.userdata, ELEMENT_COMMENT) + mappedText(element, set);
}

/** What is in a set without a name: `{ 80, 443 }`. Throws Unknown. */
export function contentText(set: KnownSet): string {
  // an interval to the highest value has no end
  const entries = set.interval
    ? [...set.entries, ...(set.open === undefined ? [] : endless(set.open))].sort((a, b) =>
        Buffer.compare(a.first, b.first),
      )
    : set.entries;
  if (entries.length === 0) throw new Unknown();
  return `{ ${entries.map((entry) => entryText(entry, set)).join(', ')} }`;
}

const flagOrder = ['constant', 'interval', 'timeout', 'eval'] as const;
const flagNames = { constant: 'constant', interval: 'interval', timeout: 'timeout', eval: 'dynamic' };

const typeNames = (number: number): string => {
  const types = typesOf(number);
  if (types === undefined) throw new Unknown();
  return types.map(({ name }) => name).join(' . ');
};

function mapTypes(a: SetAttributes): string {
  if (a.objType !== undefined) return ` : ${a.objType}`;
  const { dataType } = a;
  if (dataType === undefined) return '';
  return ` : ${typeof dataType === 'number' && dataType < 0xffff_ff00 ? typeNames(dataType) : 'verdict'}`;
}

/** What a set is declared as: `{ type ipv4_addr; flags interval; }`. Throws Unknown. */
export function declarationText(a: SetAttributes): string {
  if (a.keyType === undefined) throw new Unknown();
  const parts = [`type ${typeNames(a.keyType)}${mapTypes(a)}`];
  if (a.policy === 'memory') parts.push('policy memory');
  if (a.desc?.size !== undefined && a.desc.size > 0) parts.push(`size ${a.desc.size}`);
  const expressions = [...(a.expr === undefined ? [] : [a.expr]), ...(a.expressions?.elem ?? [])];
  for (const { name } of expressions) {
    if (name !== 'counter') throw new Unknown();
    parts.push('counter');
  }
  const timeout = a.timeout ?? 0n;
  const flags = bits(setFlags, a.flags ?? []);
  const shown = flagOrder.filter(
    (name) => (flags & setFlags[name]) !== 0 && !(name === 'timeout' && BigInt(timeout) > 0n),
  );
  if (shown.length > 0) parts.push(`flags ${shown.map((name) => flagNames[name]).join(',')}`);
  if (merges(a.userdata)) parts.push('auto-merge');
  if (BigInt(timeout) > 0n) parts.push(`timeout ${timeText(timeout)}`);
  if (a.gcInterval !== undefined && a.gcInterval > 0) parts.push(`gc-interval ${timeText(a.gcInterval)}`);
  const comment = commentText(a.userdata, SET_COMMENT);
  return `{ ${[...parts, ...(comment === '' ? [] : [comment.trimStart()])].join('; ')}; }`;
}

function merges(bytes: Uint8Array | undefined): boolean {
  for (let at = 0; bytes !== undefined && at + 2 <= bytes.length; at += 2 + (bytes[at + 1] as number)) {
    if (bytes[at] === SET_MERGE) return bytes[at + 2] === 1;
  }
  return false;
}
