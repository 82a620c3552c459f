import { printable } from '../../../inspect/printable.js';
import type { Naming } from '../names.js';
import { contentText, statefulText, Unknown, verdictText } from './elements.js';
import { connectionKeys, fieldsAt, headers, metaKeys, transportFields } from './fields.js';
import { changedBy, comparisonText, type Layer, type Loaded, operandText, sign } from './loaded.js';
import type { KnownSet, Sets } from './sets.js';
import { statementText, translationFlags } from './statements.js';
import { type DataType, dataTypes, numberIn, paddedSize, quoted, timeText } from './types.js';

interface Expression {
  readonly name?: string | undefined;
  readonly data?: unknown;
}

type Data = Readonly<Record<string, unknown>>;

const FIRST_OF_WORDS = 8;
const WORDS_OF_REGISTER = 4;
/** Registers are of four words, or of one; both lie in the same place. */
const wordOf = (register: unknown): number => {
  const number = Number(register);
  return number < FIRST_OF_WORDS ? (number - 1) * WORDS_OF_REGISTER : number - FIRST_OF_WORDS;
};

const valueIn = (data: unknown): Uint8Array => {
  const { value } = (data ?? {}) as { value?: Uint8Array };
  if (value === undefined) throw new Unknown();
  return value;
};

const networks: Readonly<Record<string, string>> = { ipv4: 'ip', ipv6: 'ip6' };

/** What nft would write for the kernel's expressions of a rule. */
class Reading {
  readonly #family: string;
  readonly #table: string | undefined;
  readonly #sets: Sets;
  readonly #names: Naming;
  readonly #statements: (string | undefined)[] = [];
  readonly #registers = new Map<number, Loaded>();
  /** Statements that only say which protocol is meant, by the layer whose protocol it is. */
  readonly #implied = new Map<Layer, number>();
  #network: string | undefined;
  #transport: string | undefined;
  #atLeast: { readonly word: number; readonly loaded: Loaded; readonly value: Uint8Array } | undefined;

  constructor(family: string, table: string | undefined, sets: Sets, names: Naming) {
    this.#family = family;
    this.#table = table;
    this.#sets = sets;
    this.#names = names;
    if (family === 'ip' || family === 'ip6' || family === 'arp') this.#network = family;
  }

  text(expressions: readonly Expression[]): string {
    for (const { name = '', data = {} } of expressions) this.#read(name, data as Data);
    this.#flush();
    return this.#statements.filter((one) => one !== undefined).join(' ');
  }

  #say(text: string): void {
    this.#statements.push(text);
  }

  /** What looks into a packet says by that which protocol it is: nobody need say it before. */
  #imply(loaded: Loaded): void {
    for (const layer of loaded.layers ?? []) {
      const at = this.#implied.get(layer);
      if (at !== undefined) this.#statements[at] = undefined;
      this.#implied.delete(layer);
    }
  }

  #register(register: unknown): Loaded {
    const loaded = this.#registers.get(wordOf(register));
    if (loaded === undefined) throw new Unknown();
    return loaded;
  }

  #load(register: unknown, loaded: Loaded): void {
    this.#registers.set(wordOf(register), loaded);
  }

  #read(name: string, data: Data): void {
    if (this.#atLeast !== undefined && !(name === 'cmp' && data.op === 'lte')) this.#flush();
    const statement = statementText(name, data, this.#family);
    if (statement !== undefined) {
      this.#say(statement);
      return;
    }
    switch (name) {
      case 'meta':
        this.#meta(data);
        break;
      case 'payload':
        this.#payload(data);
        break;
      case 'ct':
        this.#connection(data);
        break;
      case 'fib':
        this.#fib(data);
        break;
      case 'immediate':
        this.#immediate(data);
        break;
      case 'bitwise':
        this.#bitwise(data);
        break;
      case 'cmp':
        this.#compare(data);
        break;
      case 'range':
        this.#range(data);
        break;
      case 'lookup':
        this.#lookup(data);
        break;
      case 'dynset':
        this.#dynamic(data);
        break;
      case 'nat':
        this.#translate(data);
        break;
      case 'masq':
      case 'redir':
        this.#say(
          `${name === 'masq' ? 'masquerade' : 'redirect'}${this.#ports(data, ' to :')}${translationFlags(data.flags)}`,
        );
        break;
      default:
        throw new Unknown();
    }
  }

  #meta({ key, dreg, sreg }: Data): void {
    if (key === 'iif' || key === 'oif') {
      if (dreg === undefined) throw new Unknown();
      const type: DataType = {
        name: 'iface_index',
        size: 4,
        host: true,
        text: (bytes) => quoted(this.#names.device(Number(numberIn(bytes, true)))),
      };
      this.#load(dreg, { text: key, size: 4, type });
      return;
    }
    const [text, type] = metaKeys[String(key)] ?? [];
    if (text === undefined || type === undefined) throw new Unknown();
    if (sreg !== undefined) {
      this.#say(`${text} set ${operandText(this.#register(sreg), type)}`);
      return;
    }
    const tells: Layer | undefined =
      key === 'nfproto' || key === 'protocol' ? 'network' : key === 'l4-proto' ? 'transport' : undefined;
    this.#load(dreg, { text, type, size: type.size || 4, tells });
  }

  #payload({ base, offset, len, dreg }: Data): void {
    if (dreg === undefined) throw new Unknown();
    const size = Number(len);
    const transport = base === 'transport-header';
    const all =
      base === 'll-header'
        ? headers.ether
        : transport
          ? transportFields(this.#transport ?? 'th')
          : headers[base === 'network-header' ? (this.#network ?? '') : ''];
    const fields = fieldsAt(all ?? [], Number(offset), size);
    const [first] = fields ?? [];
    if (fields === undefined || first === undefined) throw new Unknown();
    const layers: Layer[] = base === 'network-header' ? ['network'] : transport ? ['transport'] : [];
    if (transport && first.text.startsWith('icmp')) layers.push('network');
    const tells: Layer | undefined =
      first.text === 'ether type'
        ? 'network'
        : first.text === 'ip protocol' || first.text === 'ip6 nexthdr'
          ? 'transport'
          : undefined;
    this.#load(dreg, {
      text: first.text,
      type: first.type,
      size,
      layers,
      ...(fields.length > 1 ? { fields } : {}),
      tells,
    });
  }

  #connection({ key, direction, dreg, sreg }: Data): void {
    const [word, type] = connectionKeys[String(key)] ?? [];
    if (word === undefined || type === undefined) throw new Unknown();
    const text = `ct ${direction === undefined ? '' : `${direction} `}${word}`;
    if (sreg === undefined) this.#load(dreg, { text, type, size: type.size || 2 });
    else this.#say(`${text} set ${operandText(this.#register(sreg), type)}`);
  }

  #fib({ dreg, result, flags = [] }: Data): void {
    const set = flags as string[];
    const words = ['saddr', 'daddr', 'mark', 'iif', 'oif'].filter((word) => set.includes(word));
    const what = result === 'addrtype' ? 'type' : String(result);
    this.#load(dreg, {
      text: `fib ${words.join(' . ')} ${what}`,
      type:
        result === 'addrtype' ? dataTypes.fib_addrtype : result === 'oifname' ? dataTypes.ifname : undefined,
      size: 4,
      presence: set.includes('present'),
    });
  }

  #immediate({ dreg, data }: Data): void {
    const { verdict, value } = (data ?? {}) as {
      verdict?: Parameters<typeof verdictText>[0];
      value?: Uint8Array;
    };
    if (verdict !== undefined) this.#say(verdictText(verdict));
    else if (value !== undefined) this.#load(dreg, { text: '', size: value.length, value });
    else throw new Unknown();
  }

  #bitwise({ sreg, dreg, op = 'bool', mask, xor }: Data): void {
    if (op !== 'bool') throw new Unknown();
    this.#load(dreg, changedBy(this.#register(sreg), valueIn(mask), valueIn(xor)));
  }

  #compare({ sreg, op, data }: Data): void {
    const loaded = this.#register(sreg);
    const value = valueIn(data);
    const word = wordOf(sreg);
    if (op === 'lte' && this.#atLeast?.word === word && this.#atLeast.loaded === loaded) {
      const { value: first } = this.#atLeast;
      this.#atLeast = undefined;
      this.#between(loaded, 'eq', first, value);
      return;
    }
    this.#flush();
    if (op === 'gte' && loaded.mask === undefined) {
      this.#atLeast = { word, loaded, value };
      return;
    }
    if (loaded.fields !== undefined) this.#compareFields(loaded, op, value);
    else this.#compareOne(loaded, op, value);
  }

  #compareOne(loaded: Loaded, op: unknown, value: Uint8Array): void {
    const text = comparisonText(loaded, op as string, value);
    this.#imply(loaded);
    this.#say(text);
    const { tells, type } = loaded;
    if (tells === undefined || op !== 'eq' || loaded.mask !== undefined || type === undefined) return;
    const name = type.text(value);
    if (tells === 'network') this.#network = networks[name] ?? name;
    else this.#transport = name;
    // in tables of several protocols, that it is TCP over IPv4 is more than that it is TCP
    const only = loaded.layers === undefined || tells === 'network' || this.#family.startsWith('ip');
    if (only) this.#implied.set(tells, this.#statements.length - 1);
  }

  /** What was loaded at once is compared at once. */
  #compareFields(loaded: Loaded, op: unknown, value: Uint8Array): void {
    if (op !== 'eq' || loaded.mask !== undefined) throw new Unknown();
    let at = 0;
    for (const { text, type, size } of loaded.fields ?? []) {
      this.#compareOne(
        { text, type, size, layers: loaded.layers ?? [] },
        op,
        value.subarray(at, Math.min(at + size, value.length)),
      );
      at += size;
    }
  }

  #flush(): void {
    const held = this.#atLeast;
    this.#atLeast = undefined;
    if (held !== undefined) this.#compareOne(held.loaded, 'gte', held.value);
  }

  #between(loaded: Loaded, op: unknown, first: Uint8Array, last: Uint8Array): void {
    const { text, type, fields, mask } = loaded;
    if (type === undefined || fields !== undefined || mask !== undefined) throw new Unknown();
    this.#imply(loaded);
    this.#say(`${text} ${sign(op as string)}${type.text(first)}-${type.text(last)}`);
  }

  #range({ sreg, op, fromData, toData }: Data): void {
    this.#between(this.#register(sreg), op, valueIn(fromData), valueIn(toData));
  }

  #set(name: unknown): KnownSet {
    const set = this.#sets.get(this.#family, this.#table, String(name));
    if (set === undefined) throw new Unknown();
    return set;
  }

  /** What is looked for in a set: as much as its keys are long. */
  #key(register: unknown, set: KnownSet): string {
    const parts: string[] = [];
    let word = wordOf(register);
    for (let left = set.keyLength; left > 0; ) {
      const loaded = this.#registers.get(word);
      if (loaded === undefined || loaded.fields !== undefined || loaded.changed) throw new Unknown();
      this.#imply(loaded);
      parts.push(operandText(loaded));
      word += paddedSize(loaded.size) / 4;
      left -= parts.length === 1 && loaded.size >= left ? left : paddedSize(loaded.size);
    }
    return parts.join(' . ');
  }

  #lookup({ set: name, sreg, dreg, flags }: Data): void {
    const set = this.#set(name);
    const key = this.#key(sreg, set);
    const content = set.anonymous ? contentText(set) : `@${printable(set.name)}`;
    if (dreg === undefined) {
      const inverted = (flags as string[] | undefined)?.includes('invert') ? '!= ' : '';
      this.#say(`${key} ${inverted}${content}`);
    } else if (set.data === 'verdict') this.#say(`${key} vmap ${content}`);
    else {
      const types = set.data;
      if (types === undefined) throw new Unknown();
      const size = types.reduce((all, type) => all + paddedSize(type.size), 0);
      this.#load(dreg, { text: `${key} map ${content}`, size, type: types[0], words: size / 4 });
    }
  }

  #dynamic({ setName, op, sregKey, sregData, timeout, expr, expressions }: Data): void {
    const set = this.#set(setName);
    let text = this.#key(sregKey, set);
    if (timeout !== undefined && BigInt(timeout as bigint) > 0n)
      text += ` timeout ${timeText(timeout as bigint)}`;
    const all = [
      ...(expr === undefined ? [] : [expr as Expression]),
      ...((expressions as { elem?: readonly Expression[] } | undefined)?.elem ?? []),
    ];
    for (const { name, data } of all) text += ` ${statefulText(name, data).replace(/ packets .*/, '')}`;
    if (sregData !== undefined) {
      const [type] = set.data === 'verdict' ? [] : (set.data ?? []);
      text += ` : ${operandText(this.#register(sregData), type)}`;
    }
    this.#say(`${op} @${printable(set.name)} { ${text} }`);
  }

  /** Ports that are translated to. */
  #ports({ regProtoMin, regProtoMax }: Data, before: string): string {
    if (regProtoMin === undefined) return '';
    const first = operandText(this.#register(regProtoMin), dataTypes.inet_service);
    if (regProtoMax === undefined || regProtoMax === regProtoMin) return before + first;
    return `${before}${first}-${operandText(this.#register(regProtoMax), dataTypes.inet_service)}`;
  }

  #translate(data: Data): void {
    const { type, family, regAddrMin, regAddrMax, regProtoMin, flags } = data;
    const v6 = family === 'ipv6';
    const word = v6 ? ' ip6' : ' ip';
    const here = this.#family === 'ip' || this.#family === 'ip6' ? '' : word;
    const address = v6 ? dataTypes.ipv6_addr : dataTypes.ipv4_addr;
    if (regAddrMin === undefined) {
      this.#say(`${type}${here}${this.#ports(data, ' to :')}${translationFlags(flags)}`);
      return;
    }
    const target = this.#register(regAddrMin);
    let text = operandText(target, address);
    const bracketed = v6 && regProtoMin !== undefined && target.value !== undefined;
    if (bracketed) text = `[${text}]`;
    if (regAddrMax !== undefined && regAddrMax !== regAddrMin) {
      const last = operandText(this.#register(regAddrMax), address);
      text += `-${bracketed ? `[${last}]` : last}`;
    }
    // the port comes out of the same map
    const whole = target.words !== undefined && wordOf(regProtoMin) < wordOf(regAddrMin) + target.words;
    const ports = regProtoMin === undefined || whole ? '' : this.#ports(data, ':');
    this.#say(`${type}${whole ? word : here} to ${text}${ports}${translationFlags(flags)}`);
  }
}

/** A rule's expressions as nft writes them; undefined where there is one that is not known here. */
export function ruleText(
  expressions: readonly Expression[],
  family: string,
  table: string | undefined,
  { sets, names }: { sets: Sets; names: Naming },
): string | undefined {
  try {
    return new Reading(family, table, sets, names).text(expressions);
  } catch (error) {
    if (error instanceof Unknown) return undefined;
    throw error;
  }
}
