import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { delimiter } from 'node:path';
import type { Namespace } from '../namespace/namespace.js';
import { NetloomError } from '../netlink/errors.js';

/** `ERR_IPTABLES_MISSING`: a program is not installed; `ERR_IPTABLES`: it refused, with its own words. */
export class IptablesError extends NetloomError {
  override readonly name = 'IptablesError';
}

export type IptablesFamily = 'ip' | 'ip6';

const programs = {
  ip: {
    save: 'iptables-save',
    restore: 'iptables-restore',
    name: 'iptables',
    names: '/proc/net/ip_tables_names',
  },
  ip6: {
    save: 'ip6tables-save',
    restore: 'ip6tables-restore',
    name: 'ip6tables',
    names: '/proc/net/ip6_tables_names',
  },
} as const;

const systemPath = '/usr/sbin:/usr/bin:/sbin:/bin';

function searchPath(): string {
  const own = process.env.PATH;
  return own === undefined || own === '' ? systemPath : `${own}:${systemPath}`;
}

function isExecutable(file: string): boolean {
  // an exception for each directory would take longer than all the rest
  if (!existsSync(file)) return false;
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Where programs were found: the first place to look. */
const places = new Map<string, string>();

function installed(program: string): boolean {
  const path = searchPath();
  const key = `${program}:${path}`;
  const known = places.get(key);
  if (known !== undefined && existsSync(known)) return true;
  const found = path
    .split(delimiter)
    .map((directory) => `${directory}/${program}`)
    .find(isExecutable);
  if (found === undefined) places.delete(key);
  else places.set(key, found);
  return found !== undefined;
}

/** Are iptables' programs there? */
export function iptablesInstalled(family: IptablesFamily): boolean {
  return installed(programs[family].restore) && installed(programs[family].save);
}

/** Tables of the older iptables, which live beside nftables where `nft` cannot see them. */
export function legacyTables(family: IptablesFamily): string[] {
  try {
    return readFileSync(programs[family].names, 'utf8')
      .split('\n')
      .filter((name) => name !== '');
  } catch {
    return []; // the kernel has no such thing
  }
}

async function run(
  namespace: Namespace,
  program: string,
  args: readonly string[],
  input: string,
): Promise<string> {
  let child: ChildProcess;
  let out = '';
  let complaint = '';
  try {
    child = namespace.run(() => spawn(program, args, { env: { PATH: searchPath() }, stdio: 'pipe' }));
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      out += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      complaint += text;
    });
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
    const status = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    if (status === 0) return out;
    throw new IptablesError(
      'ERR_IPTABLES',
      `${program} ${args.join(' ')}: exit status ${status}: ${complaint.trim()}`,
    );
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'EACCES') throw cause;
    throw new IptablesError(
      'ERR_IPTABLES_MISSING',
      `failed to locate iptables: "${program}" is not in ${searchPath()}`,
      { cause },
    );
  }
}

/** A comment as a rule has it, quoted as iptables-save quotes. */
export function commentMatch(comment: string): string {
  return `-m comment --comment "${comment.replace(/["\\]/g, '\\$&')}"`;
}

/** A word as iptables-restore reads it: quoted where it must be. */
export function quoted(word: string): string {
  return /^[\w:./,+=@%!*-]+$/.test(word) ? word : `"${word.replace(/["\\]/g, '\\$&')}"`;
}

const UPDATE_ATTEMPTS = 10;

/**
 * One table of one family, read once, changed here, and written with one call of iptables-restore. Rules are texts as
 * iptables-save prints them, without `-A` and the chain.
 */
export class IptablesTable {
  readonly family: IptablesFamily;
  readonly table: string;
  readonly #namespace: Namespace;
  readonly #chains: Map<string, string[]>;
  readonly #script: string[] = [];
  /** Chains to be deleted when all else is done: iptables takes rules away late, and until then refuses. */
  readonly #leaving = new Set<string>();

  private constructor(
    namespace: Namespace,
    family: IptablesFamily,
    table: string,
    chains: Map<string, string[]>,
  ) {
    this.#namespace = namespace;
    this.family = family;
    this.table = table;
    this.#chains = chains;
  }

  /** Reads a table. Throws IptablesError. */
  static async load(namespace: Namespace, family: IptablesFamily, table: string): Promise<IptablesTable> {
    const text = await run(namespace, programs[family].save, ['-t', table], '');
    const chains = new Map<string, string[]>();
    for (const line of text.split('\n')) {
      if (line.startsWith(':')) chains.set(line.slice(1, line.indexOf(' ')), []);
      else if (line.startsWith('-A ')) {
        const end = line.indexOf(' ', 3);
        const chain = end < 0 ? line.slice(3) : line.slice(3, end);
        chains.get(chain)?.push(end < 0 ? '' : line.slice(end + 1));
      }
    }
    return new IptablesTable(namespace, family, table, chains);
  }

  /**
   * Reads, decides and writes: when the write is refused and somebody else has changed the table meanwhile, it is read
   * and decided again. Throws IptablesError.
   */
  static async update(
    namespace: Namespace,
    family: IptablesFamily,
    table: string,
    decide: (table: IptablesTable) => Promise<void> | void,
  ): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const read = await IptablesTable.load(namespace, family, table);
      const state = JSON.stringify([...read.#chains]);
      await decide(read);
      try {
        await read.commit();
        return;
      } catch (error) {
        if (!(error instanceof IptablesError) || attempt >= UPDATE_ATTEMPTS) throw error;
        const now = await IptablesTable.load(namespace, family, table);
        if (JSON.stringify([...now.#chains]) === state) throw error;
      }
    }
  }

  /** Names of all chains, the built-in ones among them. */
  get chains(): string[] {
    return [...this.#chains.keys()];
  }

  hasChain(chain: string): boolean {
    return this.#chains.has(chain);
  }

  /** The rules of a chain; none when there is no such chain. */
  rules(chain: string): readonly string[] {
    return this.#chains.get(chain) ?? [];
  }

  has(chain: string, rule: string): boolean {
    return this.rules(chain).includes(rule);
  }

  ensureChain(chain: string): void {
    if (this.#chains.has(chain)) return;
    this.#chains.set(chain, []);
    // one that was to be deleted is empty already
    if (!this.#leaving.delete(chain)) this.#script.push(`-N ${chain}`);
  }

  append(chain: string, rule: string): void {
    this.#list(chain).push(rule);
    this.#script.push(`-A ${chain} ${rule}`);
  }
  /** Puts a rule at the beginning of its chain. */
  insert(chain: string, rule: string): void {
    this.#list(chain).unshift(rule);
    this.#script.push(`-I ${chain} 1 ${rule}`);
  }
  ensure(chain: string, rule: string, where: 'append' | 'insert' = 'append'): void {
    if (this.has(chain, rule)) return;
    if (where === 'append') this.append(chain, rule);
    else this.insert(chain, rule);
  }

  /** Deletes every copy of a rule. */
  delete(chain: string, rule: string): void {
    const rules = this.#chains.get(chain);
    for (let at = rules?.indexOf(rule) ?? -1; rules !== undefined && at >= 0; at = rules.indexOf(rule)) {
      rules.splice(at, 1);
      this.#script.push(`-D ${chain} ${rule}`);
    }
  }

  /** Deletes the rules of a chain that `is` picks. */
  deleteWhere(chain: string, is: (rule: string) => boolean): void {
    for (const rule of new Set(this.rules(chain).filter(is))) this.delete(chain, rule);
  }

  /** Deletes all rules of a chain. */
  flushChain(chain: string): void {
    const rules = this.#chains.get(chain);
    if (rules === undefined || rules.length === 0) return;
    rules.length = 0;
    this.#script.push(`-F ${chain}`);
  }

  /** Empties a chain and deletes it, if it is there. */
  deleteChain(chain: string): void {
    if (!this.#chains.delete(chain)) return;
    this.#script.push(`-F ${chain}`);
    this.#leaving.add(chain);
  }

  /** Is there something to write? */
  get changed(): boolean {
    return this.#script.length > 0;
  }

  /** Writes the changes, all or none. Throws IptablesError. */
  async commit(): Promise<void> {
    if (!this.changed) return;
    const lines = [...this.#script, ...[...this.#leaving].map((chain) => `-X ${chain}`)];
    const script = `*${this.table}\n${lines.join('\n')}\nCOMMIT\n`;
    await run(this.#namespace, programs[this.family].restore, ['--noflush', '--wait'], script);
    this.#script.length = 0;
    this.#leaving.clear();
  }

  #list(chain: string): string[] {
    let rules = this.#chains.get(chain);
    if (rules === undefined) {
      rules = []; // a built-in chain of a table that was never used
      this.#chains.set(chain, rules);
    }
    return rules;
  }
}
