import type { DecodedMessage } from '../../codec/block.js';
import { printable } from '../../inspect/printable.js';
import type { AttributesOf, HeaderOf } from '../../schema/definition.js';
import type { link as family } from '../../schema/link/link.js';
import { ifinfoFlags } from '../../schema/link/message.js';
import { linkEvents } from '../../schema/link/settings.js';
import { detailsText } from './details.js';
import { bits, groupName, hardwareAddress, type Naming, numberOf, type Place } from './names.js';

type Message = (typeof family.messages)['newlink'];
type Attributes = AttributesOf<Message>;

const IFF_UP = 0x1;
const IFF_POINTOPOINT = 0x10;
const IFF_RUNNING = 0x40;

/** In the order of iproute2. */
const flagNames: readonly (readonly [number, string])[] = [
  [0x8, 'LOOPBACK'],
  [0x2, 'BROADCAST'],
  [IFF_POINTOPOINT, 'POINTOPOINT'],
  [0x1000, 'MULTICAST'],
  [0x80, 'NOARP'],
  [0x200, 'ALLMULTI'],
  [0x100, 'PROMISC'],
  [0x400, 'MASTER'],
  [0x800, 'SLAVE'],
  [0x4, 'DEBUG'],
  [0x8000, 'DYNAMIC'],
  [0x4000, 'AUTOMEDIA'],
  [0x2000, 'PORTSEL'],
  [0x20, 'NOTRAILERS'],
  [IFF_UP, 'UP'],
  [0x10000, 'LOWER_UP'],
  [0x20000, 'DORMANT'],
  [0x40000, 'ECHO'],
];

/** ARPHRD_*, linux/if_arp.h */
const types: Readonly<Record<number, string>> = {
  0: 'netrom',
  1: 'ether',
  2: 'eether',
  3: 'ax25',
  4: 'pronet',
  5: 'chaos',
  6: 'ieee802',
  7: 'arcnet',
  8: 'atalk',
  15: 'dlci',
  19: 'atm',
  23: 'metricom',
  24: 'ieee1394',
  32: 'infiniband',
  256: 'slip',
  257: 'cslip',
  258: 'slip6',
  259: 'cslip6',
  260: 'rsrvd',
  264: 'adapt',
  270: 'rose',
  271: 'x25',
  280: 'can',
  512: 'ppp',
  513: 'hdlc',
  516: 'lapb',
  517: 'ddcmp',
  518: 'rawhdlc',
  768: 'ipip',
  769: 'tunnel6',
  770: 'frad',
  771: 'skip',
  772: 'loopback',
  773: 'ltalk',
  774: 'fddi',
  775: 'bif',
  776: 'sit',
  777: 'ip/ddp',
  778: 'gre',
  779: 'pimreg',
  780: 'hippi',
  781: 'ash',
  782: 'econet',
  783: 'irda',
  784: 'fcpp',
  785: 'fcal',
  786: 'fcpl',
  787: 'fcfb0',
  801: 'ieee802.11',
  802: 'ieee802.11/prism',
  803: 'ieee802.11/radiotap',
  804: 'ieee802.15.4',
  805: 'ieee802.15.4/monitor',
  820: 'phonet',
  821: 'phonet_pipe',
  822: 'caif',
  823: 'gre6',
  824: 'netlink',
  825: '6lowpan',
  65534: 'none',
  65535: 'void',
};

/** `<BROADCAST,MULTICAST,UP,LOWER_UP> `; the flag that the interface runs is told by its absence. */
function flagsText(flags: number, peerDown: boolean): string {
  const names: string[] = [];
  if (flags & IFF_UP && !(flags & IFF_RUNNING)) names.push('NO-CARRIER');
  let rest = flags & ~IFF_RUNNING;
  for (const [bit, name] of flagNames) {
    if (rest & bit) names.push(name);
    rest &= ~bit;
  }
  if (rest !== 0) names.push((rest >>> 0).toString(16));
  if (peerDown) names.push('M-DOWN');
  return `<${names.join(',')}> `;
}

const eventNames = [
  'NONE',
  'REBOOT',
  'FEATURE CHANGE',
  'BONDING FAILOVER',
  'NOTIFY PEERS',
  'RESEND IGMP',
  'BONDING OPTION',
];

const programModes: Readonly<Record<number, string>> = {
  1: 'xdp',
  2: 'xdpgeneric',
  3: 'xdpoffload',
  4: 'xdpmulti',
};

function program({ xdp }: Attributes): string {
  const name = programModes[xdp?.attached ?? 0];
  if (name === undefined) return '';
  return xdp?.progId === undefined ? `${name} ` : `${name}/id:${xdp.progId} `;
}

/** The link below or at the other end, as part of the name. */
function below(attributes: Attributes, names: Naming): { text: string; down: boolean } {
  const { link, linkNetnsid } = attributes;
  if (link === undefined) return { text: '', down: false };
  if (link === 0) return { text: '@NONE', down: false };
  if (linkNetnsid !== undefined) return { text: `@if${link}`, down: false };
  const text = `@${names.device(link)}`;
  const flags = names.deviceFlags(link);
  return { text, down: flags !== undefined && (flags & IFF_UP) === 0 };
}

function elsewhere(key: 'link' | 'new', nsid: number | undefined, names: Naming): string {
  if (nsid === undefined) return '';
  if (nsid < 0) return ` ${key}-netnsid unknown`;
  const name = names.namespace(nsid);
  return name === undefined ? ` ${key}-netnsid ${nsid}` : ` ${key}-netns ${name}`;
}

/** A link's lines, as `ip monitor` has them. */
export function linkText(message: DecodedMessage, names: Place, details = false): string {
  const { header, attributes } = message;
  const { index, type, flags: flagList } = header as unknown as HeaderOf<Message>;
  const a = attributes as Attributes;
  const flags = bits(ifinfoFlags, flagList);
  const other = below(a, names);
  let text = `${index}: ${a.ifname ?? '<nil>'}${other.text}: ${flagsText(flags, other.down)}`;
  if (a.mtu !== undefined) text += `mtu ${a.mtu} `;
  text += program(a);
  if (a.qdisc !== undefined) text += `qdisc ${a.qdisc} `;
  if (a.master !== undefined) text += `master ${names.device(a.master)} `;
  if (a.operstate !== undefined) {
    text +=
      typeof a.operstate === 'number'
        ? `state 0x${a.operstate.toString(16)} `
        : `state ${a.operstate.toUpperCase()} `;
  }
  if (a.group !== undefined) text += `group ${groupName(a.group)} `;
  if (a.event !== undefined) {
    const event = numberOf(linkEvents, a.event);
    text += `event ${eventNames[event] ?? event} `;
  }
  text += `\n    link/${types[type] ?? `[${type}]`} `;
  if (a.address !== undefined) text += hardwareAddress(a.address, type);
  if (a.broadcast !== undefined) {
    text += `${flags & IFF_POINTOPOINT ? ' peer ' : ' brd '}${hardwareAddress(a.broadcast, type)}`;
  }
  text += elsewhere('link', a.linkNetnsid, names) + elsewhere('new', a.newNetnsid, names);
  if (a.newIfindex !== undefined) text += ` new-ifindex ${a.newIfindex}`;
  if (a.protoDown) text += ' protodown on ';
  if (details) {
    text += detailsText(message, names);
    if (a.ifalias !== undefined) text += `\n    alias ${printable(a.ifalias)}`;
  }
  for (const name of a.propList?.altIfname ?? []) text += `\n    altname ${name}`;
  return `${text}\n`;
}
