import type { Argument, Command, Option } from 'commander';

/** Something that can stand where the cursor is. */
export interface Candidate {
  readonly value: string;
  readonly description?: string | undefined;
}

/** What the shell is to offer: these, or names of files that it finds itself. */
export interface Completion {
  readonly candidates: readonly Candidate[];
  readonly paths: 'none' | 'files' | 'directories';
}

/** Values by the name that an argument, or an option's value, has in the help. */
export type Values = (
  name: string,
  options: ReadonlyMap<string, string>,
  word: string,
) => Promise<readonly Candidate[]>;

const nothing: Completion = { candidates: [], paths: 'none' };

/** Where in a command line the cursor is. */
interface Place {
  readonly command: Command;
  /** Arguments before it. */
  readonly position: number;
  /** The option whose value is asked for. */
  readonly option: Option | undefined;
  /** Was there a `--`? */
  readonly isPlain: boolean;
  /** Options before it, by their long names, and their values. */
  readonly options: ReadonlyMap<string, string>;
}

const optionsOf = (command: Command): readonly Option[] => [...command.createHelp().visibleOptions(command)];

const nameOf = (option: Option): string => option.long ?? option.short ?? '';

function findOption(command: Command, word: string): Option | undefined {
  const [flag] = word.split('=');
  return optionsOf(command).find((option) => option.long === flag || option.short === flag);
}

const takesValue = (option: Option): boolean => option.required || option.optional;

/** Follows the words before the cursor. */
function follow(program: Command, words: readonly string[]): Place {
  let command = program;
  let position = 0;
  let option: Option | undefined;
  let isPlain = false;
  const options = new Map<string, string>();
  for (const word of words) {
    if (option !== undefined && !word.startsWith('-')) {
      options.set(nameOf(option), word);
      // of such an option there may be more values
      if (!option.variadic) option = undefined;
      continue;
    }
    option = undefined;
    if (!isPlain && word === '--') isPlain = true;
    else if (!isPlain && word.startsWith('-')) {
      const found = findOption(command, word);
      if (found === undefined) continue;
      options.set(nameOf(found), word.includes('=') ? word.slice(word.indexOf('=') + 1) : '');
      if (takesValue(found) && !word.includes('=')) option = found;
    } else {
      const next = position === 0 ? subcommand(command, word) : undefined;
      if (next === undefined) position++;
      else command = next;
    }
  }
  return { command, position, option, isPlain, options };
}

function subcommand(command: Command, word: string): Command | undefined {
  return command.commands.find((one) => one.name() === word || one.aliases().includes(word));
}

/** The name of an option's value: of `--dir <directory>`, directory. */
const valueName = ({ flags }: Option): string => /[<[]([^>\].]+)/.exec(flags)?.[1] ?? '';

async function valuesOf(
  name: string,
  choices: readonly string[] | undefined,
  { options }: Place,
  word: string,
  values: Values,
): Promise<Completion> {
  if (choices !== undefined) return { candidates: choices.map((value) => ({ value })), paths: 'none' };
  if (/^(director(y|ies)|dir)$/.test(name)) return { candidates: [], paths: 'directories' };
  if (/^(files?|path)$/.test(name)) return { candidates: [], paths: 'files' };
  return { candidates: await values(name, options, word), paths: 'none' };
}

function argumentAt({ registeredArguments }: Command, position: number): Argument | undefined {
  const last = registeredArguments.at(-1);
  return registeredArguments[position] ?? (last?.variadic ? last : undefined);
}

async function offered(place: Place, word: string, values: Values): Promise<Completion> {
  const { command, position, option, isPlain, options } = place;
  if (option !== undefined && !word.startsWith('-')) {
    return await valuesOf(valueName(option), option.argChoices, place, word, values);
  }
  if (!isPlain && word.startsWith('-')) {
    const assigned = word.includes('=') ? findOption(command, word) : undefined;
    if (assigned !== undefined) {
      const flag = word.slice(0, word.indexOf('=') + 1);
      const begun = word.slice(flag.length);
      const { candidates } = await valuesOf(valueName(assigned), assigned.argChoices, place, begun, values);
      return { candidates: candidates.map((one) => ({ ...one, value: flag + one.value })), paths: 'none' };
    }
    const left = optionsOf(command).filter((one) => one.variadic || !options.has(nameOf(one)));
    const candidates = left.map((one) => ({ value: nameOf(one), description: one.description }));
    return { candidates, paths: 'none' };
  }
  if (position === 0 && command.commands.length > 0) {
    const visible = command.createHelp().visibleCommands(command);
    const candidates = visible.map((one) => ({ value: one.name(), description: one.description() }));
    return { candidates, paths: 'none' };
  }
  const argument = argumentAt(command, position);
  return argument === undefined
    ? nothing
    : await valuesOf(argument.name(), argument.argChoices, place, word, values);
}

/** What can stand in place of the last word; `words` are those after the program's name. */
export async function complete(
  program: Command,
  words: readonly string[],
  values: Values,
): Promise<Completion> {
  const word = words.at(-1) ?? '';
  const { candidates, paths } = await offered(follow(program, words.slice(0, -1)), word, values);
  return { candidates: candidates.filter(({ value }) => value.startsWith(word)), paths };
}
