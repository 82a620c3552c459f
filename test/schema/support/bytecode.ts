/*
 * Prints decoded nftables expressions in the words of `nft --debug=netlink`, whose own decoder is the oracle.
 */

type Values = Record<string, unknown>;

/** Registers and immediates hold words in host order. */
function words(data: unknown): string {
  const bytes = (data as { value: Uint8Array }).value;
  const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  padded.set(bytes);
  const view = new DataView(padded.buffer);
  return Array.from({ length: padded.length / 4 }, (_, i) => {
    return `0x${view
      .getUint32(i * 4, true)
      .toString(16)
      .padStart(8, '0')}`;
  }).join(' ');
}

function mask(set: unknown, names: Readonly<Record<string, number>>): number {
  return (set as string[]).reduce((sum, name) => sum + (names[name] ?? Number.NaN), 0);
}

const inverted = { inv: 1, invert: 1 };
const natRange = { 'map-ips': 1, 'proto-specified': 2, 'proto-random': 4, persistent: 8 };
const objects: Values = { counter: 1, quota: 2, 'ct-helper': 3, limit: 4, synproxy: 10 };
const levels: Values = { info: 6 };
const spoken: Values = { 'l4-proto': 'l4proto', 'time-ns': 'time', 'src-ip': 'src_ip' };
const word = (name: unknown) => (spoken[name as string] ?? name) as string;
const base = (name: unknown) => (name as string).replace('-', ' ');

const printers: Record<string, (e: Values) => string> = {
  bitwise: (e) => {
    const source = `reg ${e.sreg}`;
    if (e.op === 'lshift') return `reg ${e.dreg} = ( ${source} << ${words(e.data)} )`;
    return `reg ${e.dreg} = ( ${source} & ${words(e.mask)} ) ^ ${words(e.xor)}`;
  },
  byteorder: (e) => `reg ${e.dreg} = ${e.op}(reg ${e.sreg}, ${e.size}, ${e.len})`,
  cmp: (e) => `${e.op} reg ${e.sreg} ${words(e.data)}`,
  connlimit: (e) => `count ${e.count} flags ${mask(e.flags, inverted)}`,
  counter: (e) => `pkts ${e.packets} bytes ${e.bytes}`,
  ct: (e) => {
    const direction = e.direction === undefined ? '' : ` , dir ${e.direction}`;
    return e.sreg === undefined
      ? `load ${word(e.key)} => reg ${e.dreg}${direction}`
      : `set ${word(e.key)} with reg ${e.sreg}${direction}`;
  },
  dynset: (e) => `${e.op} reg_key ${e.sregKey} set ${e.setName} timeout ${e.timeout}ms`,
  exthdr: (e) => {
    const place = `${e.len}b @ ${e.type} + ${e.offset}`;
    if (e.sreg !== undefined) return `write ${e.op} reg ${e.sreg} => ${place}`;
    return `load ${e.op} ${place}${(e.flags as string[]).map((flag) => ` ${flag}`).join('')} => reg ${e.dreg}`;
  },
  fib: (e) => {
    const present = (e.flags as string[]).includes('present') ? ' present' : '';
    const from = (e.flags as string[]).filter((flag) => flag !== 'present').join(' . ');
    return `${from} ${e.result === 'addrtype' ? 'type' : e.result}${present} => reg ${e.dreg}`;
  },
  hash: (e) => {
    const offset = (e.offset ?? 0) === 0 ? '' : ` offset ${e.offset}`;
    if (e.type === 'sym') return `reg ${e.dreg} = symhash() % mod ${e.modulus}${offset}`;
    return `reg ${e.dreg} = jhash(reg ${e.sreg}, ${e.len}, 0x${(e.seed as number).toString(16)}) % mod ${e.modulus}${offset}`;
  },
  immediate: (e) => {
    const verdict = (e.data as { verdict?: { code: string; chain?: string } }).verdict;
    if (verdict === undefined) return `reg ${e.dreg} ${words(e.data)}`;
    return `reg ${e.dreg} ${verdict.code}${verdict.chain === undefined ? '' : ` -> ${verdict.chain}`}`;
  },
  limit: (e) => {
    const type = e.type === 'pkts' ? 'packets' : 'bytes';
    return `rate ${e.rate}/second burst ${e.burst} type ${type} flags 0x${mask(e.flags, inverted)}`;
  },
  log: (e) => {
    if (e.group !== undefined) return `group ${e.group} snaplen ${e.snaplen} qthreshold ${e.qthreshold}`;
    return `prefix ${e.prefix} level ${levels[e.level as string]} ${(e.flags as string[]).join(' ')}`;
  },
  lookup: (e) =>
    `reg ${e.sreg} set ${e.set}${e.dreg === undefined ? '' : ` dreg ${e.dreg}`} 0x${mask(e.flags, inverted)}`,
  masq: (e) => `flags 0x${mask(e.flags, natRange).toString(16)}`,
  meta: (e) =>
    e.sreg === undefined ? `load ${word(e.key)} => reg ${e.dreg}` : `set ${word(e.key)} with reg ${e.sreg}`,
  nat: (e) => {
    const addresses = `addr_min reg ${e.regAddrMin} addr_max reg ${e.regAddrMax}`;
    const ports =
      e.regProtoMin === undefined ? '' : ` proto_min reg ${e.regProtoMin} proto_max reg ${e.regProtoMax}`;
    return `${e.type} ${e.family === 'ipv4' ? 'ip' : e.family} ${addresses}${ports} flags 0x${mask(e.flags, natRange)}`;
  },
  numgen: (e) => `reg ${e.dreg} = ${e.type} mod ${e.modulus}`,
  objref: (e) =>
    e.setName === undefined
      ? `type ${objects[e.immType as string]} name ${e.immName}`
      : `sreg ${e.setSreg} set ${e.setName}`,
  payload: (e) => {
    const place = `${e.len}b @ ${base(e.base)} + ${e.offset}`;
    if (e.sreg === undefined) return `load ${place} => reg ${e.dreg}`;
    return `write reg ${e.sreg} => ${place} csum_type ${e.csumType === 'inet' ? 1 : 0} csum_off ${e.csumOffset} csum_flags 0x0`;
  },
  quota: (e) => `bytes ${e.bytes} consumed ${e.consumed} flags ${mask(e.flags, inverted)}`,
  range: (e) => `${e.op} reg ${e.sreg} ${words(e.fromData)} ${words(e.toData)}`,
  redir: (e) =>
    `proto_min reg ${e.regProtoMin} proto_max reg ${e.regProtoMax} flags 0x${mask(e.flags, natRange)}`,
  reject: (e) => `type ${e.type === 'tcp-rst' ? 1 : 2} code ${e.icmpCode ?? 0}`,
  rt: (e) => `load ${e.key} => reg ${e.dreg}`,
  socket: (e) => `load ${e.key} => reg ${e.dreg}`,
  synproxy: (e) => `mss ${e.mss} wscale ${e.wscale}`,
};

/** One line, as `  [ cmp eq reg 1 0x00000006 ]`. */
export function printExpression({ name, data }: { name?: string; data?: unknown }): string {
  if (name === 'notrack') return '  [ notrack ]';
  const print = printers[name as string];
  return `  [ ${name} ${print === undefined ? '(the test cannot print it)' : print(data as Values)} ]`;
}
