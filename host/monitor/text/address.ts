import type { DecodedMessage } from '../../codec/block.js';
import { addressFlags, type address as family } from '../../schema/address.js';
import type { AttributesOf, HeaderOf } from '../../schema/definition.js';
import { bits, familyText, type Naming, scopeName } from './names.js';

type Message = (typeof family.messages)['newaddr'];

const FOREVER = 0xffff_ffff;
const PERMANENT = 0x80;
const DEPRECATED = 0x20;

/** In the order of iproute2; `permanent` is told by the absence of `dynamic`. */
const flagNames: readonly (readonly [number, string])[] = [
  [0x01, 'secondary'],
  [0x02, 'nodad'],
  [0x04, 'optimistic'],
  [0x08, 'dadfailed'],
  [0x10, 'home'],
  [DEPRECATED, 'deprecated'],
  [0x40, 'tentative'],
  [PERMANENT, 'permanent'],
  [0x100, 'mngtmpaddr'],
  [0x200, 'noprefixroute'],
  [0x400, 'autojoin'],
  [0x800, 'stable-privacy'],
];

function flagsText(flags: number, family: number): string {
  let text = '';
  let rest = flags;
  for (const [bit, name] of flagNames) {
    if (bit === PERMANENT) text += flags & bit ? '' : 'dynamic ';
    else if (flags & bit) text += bit === 1 && family === 10 ? 'temporary ' : `${name} `;
    rest &= ~bit;
  }
  return rest === 0 ? text : `${text}flags ${(rest >>> 0).toString(16).padStart(2, '0')} `;
}

function lifetime(seconds: number): string {
  return seconds === FOREVER ? 'forever' : `${seconds}sec`;
}

/** An address's lines, as `ip monitor` has them. */
export function addressText({ header, attributes }: DecodedMessage, names: Naming): string {
  const { family, prefixlen, flags: short, scope, index } = header as unknown as HeaderOf<Message>;
  const a = attributes as AttributesOf<Message>;
  const flags = bits(addressFlags, a.flags ?? short);
  let text = `${index}: ${names.device(index)}    ${familyText(family)} `;
  const local = a.local ?? a.address;
  if (local !== undefined) {
    text += local;
    if (a.address !== undefined && a.address !== local) text += ` peer ${a.address}`;
    text += `/${prefixlen} `;
  }
  if (a.rtPriority !== undefined) text += `metric ${a.rtPriority} `;
  if (a.broadcast !== undefined) text += `brd ${a.broadcast} `;
  if (a.anycast !== undefined) text += `any ${a.anycast} `;
  text += `scope ${scopeName(scope)} ${flagsText(flags, family)}${a.label ?? ''}`;
  if (a.cacheinfo !== undefined) {
    const { ifaValid, ifaPrefered } = a.cacheinfo;
    text += `\n       valid_lft ${lifetime(ifaValid)} preferred_lft ${lifetime(ifaPrefered)}`;
  }
  return `${text}\n`;
}
