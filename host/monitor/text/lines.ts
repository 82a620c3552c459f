import { printable, printableLines } from '../../inspect/printable.js';
import type { MonitorEvent, ObjectEvent } from '../events.js';
import { objectKinds } from '../objects.js';
import { addressText } from './address.js';
import { connectionText } from './connection.js';
import { linkText } from './link.js';
import { multicastText } from './multicast.js';
import type { Place } from './names.js';
import { forwardingText, neighbourText } from './neighbour.js';
import { netconfText, nexthopText, nsidText, prefixText } from './others.js';
import { multicastRouteText, routeText } from './route.js';
import { ruleText } from './rule.js';
import { rulesetLines } from './ruleset.js';
import { vlanText } from './vlan.js';

export interface LineOptions {
  /** The kind of the object before each event, as `ip monitor label`; true by default. */
  readonly label?: boolean | undefined;
  /** The name of the namespace before each event. */
  readonly namespace?: boolean | undefined;
  /** `long`: a line of its own, as `ip -t`; `short`: at the beginning, as `ip -ts`. */
  readonly timestamp?: 'long' | 'short' | undefined;
  /** One line for each event: a backslash stands for the ends of the others, as `ip -o`. */
  readonly oneLine?: boolean | undefined;
  /** As `ip -d`: what is usual too, and what kinds of links have set. */
  readonly details?: boolean | undefined;
  /** As `ip -s`: how often neighbours are used. */
  readonly statistics?: boolean | undefined;
}

const two = (number: number): string => String(number).padStart(2, '0');
const days = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `Wed Nov 25 23:19:01 2026`, as C's asctime has it, in local time. */
export function calendarText(milliseconds: number): string {
  const at = new Date(milliseconds);
  const day = String(at.getDate()).padStart(2, ' ');
  const clock = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  return `${days[at.getDay()]} ${months[at.getMonth()]} ${day} ${clock} ${at.getFullYear()}`;
}

function stampText(time: number, style: 'long' | 'short'): string {
  const milliseconds = Math.floor(time / 1000);
  const micros = String(time % 1_000_000);
  if (style === 'long') return `Timestamp: ${calendarText(milliseconds)} ${micros} usec\n`;
  const at = new Date(milliseconds);
  const date = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  const clock = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  return `[${date}T${clock}.${micros.padStart(6, '0')}] `;
}

function objectText(
  { object, message }: ObjectEvent,
  names: Place,
  { details = false, statistics = false }: LineOptions,
): string {
  switch (object) {
    case 'link':
      return linkText(message, names, details);
    case 'address':
      return addressText(message, names);
    case 'route':
      return routeText(message, names, details);
    case 'mroute':
      return multicastRouteText(message, names);
    case 'prefix':
      return prefixText(message, names);
    case 'neighbour':
      return neighbourText(message, names, statistics);
    case 'netconf':
      return netconfText(message, names);
    case 'rule':
      return ruleText(message, details);
    case 'nsid':
      return nsidText(message, names);
    case 'nexthop':
      return nexthopText(message, names);
    case 'fdb':
      return forwardingText(message, names);
    case 'conntrack':
      return connectionText(message);
    case 'vlan':
      return vlanText(message, names);
    case 'nftables':
    case 'mdb':
      return '';
  }
}

function problemText(event: Extract<MonitorEvent, { event: 'resync' }>): string {
  const { differences, problems } = event;
  const changes = differences === 1 ? '1 change follows' : `${differences} changes follow`;
  let text = `events were lost; ${changes}\n`;
  for (const { space, reason } of problems)
    text += `    ${printable(space.name)} cannot be read: ${printable(reason)}\n`;
  return text;
}

/**
 * The lines of an event: as iproute2, `nft monitor` and `conntrack -E` print those that they know. What terminals would
 * obey in names that the kernel tells is replaced.
 */
export function eventText(event: MonitorEvent, options: LineOptions = {}): string {
  return printableLines(linesOf(event, options));
}

function linesOf(event: MonitorEvent, options: LineOptions): string {
  const { label = true, namespace = false, timestamp, oneLine = false } = options;
  let head = timestamp === undefined ? '' : stampText(event.time, timestamp);
  const folded = (text: string): string => {
    if (!oneLine) return text;
    return `${text.slice(0, -1).replaceAll('\n', '\\')}\n`;
  };
  if (event.event === 'resync') return `${head}[RESYNC]${folded(problemText(event))}`;
  const deleted = event.event === 'delete' ? 'Deleted ' : '';
  if (event.object === 'namespace') {
    return `${head}[NETNS]${deleted}${printable(event.space.name)} net:[${event.space.inode}]\n`;
  }
  const names = event.space;
  if (namespace) head += `[${printable(names.name)}]`;
  if (label) head += `[${objectKinds[event.object].label}]`;
  if (event.object === 'mdb') return multicastText(event.message, names, `${head}${deleted}`);
  // those two say themselves what happened
  if (event.object === 'nftables')
    return rulesetLines(event.message, names)
      .map((line) => head + folded(line))
      .join('');
  if (event.object === 'conntrack') return head + folded(objectText(event, names, options));
  return `${head}${deleted}${folded(objectText(event, names, options))}`;
}
