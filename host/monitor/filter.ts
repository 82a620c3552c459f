import type { MonitorEvent } from './events.js';
import { linkOfMessage } from './identity.js';

export interface EventFilter {
  /** Only what belongs to the link of this name. */
  readonly device?: string | undefined;
  /** Only addresses, routes, rules, neighbours and settings of these address families: 2 IPv4, 10 IPv6. */
  readonly families?: readonly number[] | undefined;
}

const familied: readonly string[] = ['address', 'route', 'rule', 'neighbour', 'netconf', 'prefix'];

/** Does an event pass? What tells of losses and namespaces always does. */
export function passes(event: MonitorEvent, { device, families = [] }: EventFilter): boolean {
  if (event.event === 'resync' || event.object === 'namespace') return true;
  if (families.length > 0 && familied.includes(event.object)) {
    if (!families.includes(Number(event.message.header.family))) return false;
  }
  if (device === undefined) return true;
  const index = linkOfMessage(event.object, event.message);
  if (index === 0) return false;
  // a link's own message knows its name best: it is gone from elsewhere when it is deleted
  const own = event.object === 'link' ? (event.message.attributes as { ifname?: string }).ifname : undefined;
  return (own ?? event.space.device(index)) === device;
}
