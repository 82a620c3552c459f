import { test } from 'tap';
import { run } from './support/cli.js';
import { matches } from './support/snapshot.js';

/** The commands in a help's list. */
function commandsIn(help: string): string[] {
  const [, list = ''] = help.split('\nCommands:\n');
  return [...list.matchAll(/^ {2}([a-z-]+)/gm)]
    .map(([, name = '']) => name)
    .filter((name) => name !== 'help');
}

test('the help of every command', { timeout: 120_000 }, async (t) => {
  const visit = (path: readonly string[]): void => {
    const { status, stdout, stderr } = run([...path, '--help']);
    const name = ['netloom', ...path].join(' ');
    t.equal(status, 0, name);
    t.equal(stderr, '', name);
    matches(t, stdout, `help/${['netloom', ...path].join('-')}.txt`);
    for (const command of commandsIn(stdout)) visit([...path, command]);
  };
  visit([]);
});

test('wrong usage is told on stderr, with status 2', async (t) => {
  for (const [args, says] of [
    [['nonsense'], "error: unknown command 'nonsense'\n"],
    [['cni', 'ad'], "error: unknown command 'ad'\n(Did you mean add?)\n"],
    [['cni', 'add'], "error: missing required argument 'network'\n"],
    [['cni', 'add', 'blue'], 'error: either a namespace or --new <name> is needed\n'],
    [['cni', 'add', 'blue', 'a', '--new', 'b'], 'error: either a namespace or --new <name> is needed\n'],
    [['cni', 'add', 'blue', 'a', '--wrong'], "error: unknown option '--wrong'\n"],
    [
      ['completion', 'csh'],
      "error: command-argument value 'csh' is invalid for argument 'shell'. Allowed choices are bash, zsh, fish.\n",
    ],
  ] as const) {
    const { status, stdout, stderr } = run(args);
    t.same([status, stdout, stderr], [2, '', says], args.join(' '));
  }
  t.equal(run(['cni']).status, 2, 'nothing said');
  t.match(run(['--version']), { status: 0, stdout: /^\d+\.\d+\.\d+\n$/ });
});
