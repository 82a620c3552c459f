/** The rival that needs no library: JavaScript that knows RTM_NEWROUTE and nothing else. */

const NEWROUTE = 24;
const HEADERS = 28;
const MOST_ATTRIBUTES = 16;

/** Word at the start of an attribute of four bytes: rta_len in the low half, rta_type in the high one. */
const DST = 0x0001_0008;
const OIF = 0x0004_0008;
const GATEWAY = 0x0005_0008;
const PRIORITY = 0x0006_0008;
const TABLE = 0x000f_0008;

/** Addresses are IPv4, as they stand in the message. */
export interface RouteColumns {
  readonly table: Uint32Array;
  readonly dst: Uint32Array;
  readonly gateway: Uint32Array;
  readonly oif: Uint32Array;
  readonly priority: Uint32Array;
  readonly dstLen: Uint8Array;
  readonly protocol: Uint8Array;
  readonly scope: Uint8Array;
  readonly type: Uint8Array;
  rows: number;
}

export function newRouteColumns(rows: number): RouteColumns {
  return {
    table: new Uint32Array(rows),
    dst: new Uint32Array(rows),
    gateway: new Uint32Array(rows),
    oif: new Uint32Array(rows),
    priority: new Uint32Array(rows),
    dstLen: new Uint8Array(rows),
    protocol: new Uint8Array(rows),
    scope: new Uint8Array(rows),
    type: new Uint8Array(rows),
    rows: 0,
  };
}

function wordsOf(bytes: Uint8Array): Uint32Array {
  return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
}

/** Attribute by attribute. `bytes` is aligned to 4. */
export function decodeColumnsByAttribute(bytes: Uint8Array, out: RouteColumns): void {
  const words = wordsOf(bytes);
  const { table, dst, gateway, oif, priority, dstLen, protocol, scope, type } = out;
  const end = words.length << 2;
  let row = 0;
  for (let at = 0; at + 16 <= end; ) {
    const size = words[at >> 2] as number;
    if (size < 16 || at + size > end) break;
    if (((words[(at >> 2) + 1] as number) & 0xffff) === NEWROUTE && size >= HEADERS) {
      const first = words[(at >> 2) + 4] as number;
      const second = words[(at >> 2) + 5] as number;
      let routeTable = second & 0xff;
      let destination = 0;
      let through = 0;
      let link = 0;
      let metric = 0;
      const stop = at + size;
      for (let attribute = at + HEADERS; attribute + 4 <= stop; ) {
        const head = words[attribute >> 2] as number;
        const length = head & 0xffff;
        if (length < 4 || attribute + length > stop) break;
        switch (head) {
          case DST:
            destination = words[(attribute >> 2) + 1] as number;
            break;
          case GATEWAY:
            through = words[(attribute >> 2) + 1] as number;
            break;
          case OIF:
            link = words[(attribute >> 2) + 1] as number;
            break;
          case PRIORITY:
            metric = words[(attribute >> 2) + 1] as number;
            break;
          case TABLE:
            routeTable = words[(attribute >> 2) + 1] as number;
            break;
        }
        attribute += (length + 3) & ~3;
      }
      table[row] = routeTable;
      dst[row] = destination;
      gateway[row] = through;
      oif[row] = link;
      priority[row] = metric;
      dstLen[row] = (first >>> 8) & 0xff;
      protocol[row] = (second >>> 8) & 0xff;
      scope[row] = (second >>> 16) & 0xff;
      type[row] = second >>> 24;
      row++;
    }
    at += (size + 3) & ~3;
  }
  out.rows = row;
}

/** Where the attributes of the message before stood, in words from its start; 0 where it lacked one. */
const layout = { size: 0, count: 0, table: 0, dst: 0, gateway: 0, oif: 0, priority: 0 };
const places = new Int32Array(MOST_ATTRIBUTES);
const heads = new Uint32Array(MOST_ATTRIBUTES);

function learn(words: Uint32Array, start: number, size: number): void {
  layout.size = size;
  layout.count = layout.table = layout.dst = layout.gateway = layout.oif = layout.priority = 0;
  for (let at = HEADERS; at + 4 <= size; ) {
    const head = words[start + (at >> 2)] as number;
    const length = head & 0xffff;
    if (length < 4 || at + length > size) break;
    if (layout.count === MOST_ATTRIBUTES) throw new RangeError('a route with that many attributes');
    places[layout.count] = at >> 2;
    heads[layout.count++] = head;
    const value = (at >> 2) + 1;
    if (head === DST) layout.dst = value;
    else if (head === GATEWAY) layout.gateway = value;
    else if (head === OIF) layout.oif = value;
    else if (head === PRIORITY) layout.priority = value;
    else if (head === TABLE) layout.table = value;
    at += (length + 3) & ~3;
  }
}

/** A message that is laid out as the one before is read without a look at its attributes' types. */
export function decodeColumnsByLayout(bytes: Uint8Array, out: RouteColumns): void {
  const words = wordsOf(bytes);
  const { table, dst, gateway, oif, priority, dstLen, protocol, scope, type } = out;
  const end = words.length << 2;
  let row = 0;
  layout.size = 0;
  for (let at = 0; at + 16 <= end; ) {
    const start = at >> 2;
    const size = words[start] as number;
    if (size < 16 || at + size > end) break;
    if (((words[start + 1] as number) & 0xffff) === NEWROUTE && size >= HEADERS) {
      let same = size === layout.size;
      for (let i = 0; same && i < layout.count; i++) {
        same = words[start + (places[i] as number)] === heads[i];
      }
      if (!same) learn(words, start, size);
      const first = words[start + 4] as number;
      const second = words[start + 5] as number;
      table[row] = layout.table === 0 ? second & 0xff : (words[start + layout.table] as number);
      dst[row] = layout.dst === 0 ? 0 : (words[start + layout.dst] as number);
      gateway[row] = layout.gateway === 0 ? 0 : (words[start + layout.gateway] as number);
      oif[row] = layout.oif === 0 ? 0 : (words[start + layout.oif] as number);
      priority[row] = layout.priority === 0 ? 0 : (words[start + layout.priority] as number);
      dstLen[row] = (first >>> 8) & 0xff;
      protocol[row] = (second >>> 8) & 0xff;
      scope[row] = (second >>> 16) & 0xff;
      type[row] = second >>> 24;
      row++;
    }
    at += (size + 3) & ~3;
  }
  out.rows = row;
}

export interface PlainRoute {
  family: number;
  dstLen: number;
  srcLen: number;
  tos: number;
  protocol: number;
  scope: number;
  type: number;
  flags: number;
  table: number;
  dst: string | undefined;
  gateway: string | undefined;
  prefsrc: string | undefined;
  oif: number | undefined;
  priority: number | undefined;
}

function address(bytes: Uint8Array, at: number): string {
  return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`;
}

/** Objects with addresses as text; only IPv4, and only the attributes that such a dump has most of the time. */
export function decodeObjectsByHand(bytes: Uint8Array): PlainRoute[] {
  const words = wordsOf(bytes);
  const out: PlainRoute[] = [];
  const end = words.length << 2;
  for (let at = 0; at + 16 <= end; ) {
    const size = words[at >> 2] as number;
    if (size < 16 || at + size > end) break;
    if (((words[(at >> 2) + 1] as number) & 0xffff) === NEWROUTE && size >= HEADERS) {
      const route: PlainRoute = {
        family: bytes[at + 16] as number,
        dstLen: bytes[at + 17] as number,
        srcLen: bytes[at + 18] as number,
        tos: bytes[at + 19] as number,
        protocol: bytes[at + 21] as number,
        scope: bytes[at + 22] as number,
        type: bytes[at + 23] as number,
        flags: words[(at >> 2) + 6] as number,
        table: bytes[at + 20] as number,
        dst: undefined,
        gateway: undefined,
        prefsrc: undefined,
        oif: undefined,
        priority: undefined,
      };
      const stop = at + size;
      for (let attribute = at + HEADERS; attribute + 4 <= stop; ) {
        const head = words[attribute >> 2] as number;
        const length = head & 0xffff;
        if (length < 4 || attribute + length > stop) break;
        if (head === DST) route.dst = address(bytes, attribute + 4);
        else if (head === GATEWAY) route.gateway = address(bytes, attribute + 4);
        else if (head === 0x0007_0008) route.prefsrc = address(bytes, attribute + 4);
        else if (head === OIF) route.oif = words[(attribute >> 2) + 1] as number;
        else if (head === PRIORITY) route.priority = words[(attribute >> 2) + 1] as number;
        else if (head === TABLE) route.table = words[(attribute >> 2) + 1] as number;
        attribute += (length + 3) & ~3;
      }
      out.push(route);
    }
    at += (size + 3) & ~3;
  }
  return out;
}
