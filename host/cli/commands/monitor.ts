import { type Command, InvalidArgumentError } from 'commander';
import { guarded } from '../guarded.js';
import type { MonitorCommandOptions } from '../monitor.js';

function gather(text: string, before: string[] = []): string[] {
  return [...before, text];
}

function bytes(text: string): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number < 1 || number > 0x7fff_ffff)
    throw new InvalidArgumentError('a number of bytes is needed');
  return number;
}

/** `netloom monitor`. */
export function addMonitor(program: Command): void {
  program
    .command('monitor')
    .description('print what happens in network namespaces, as ip monitor does, and more')
    .argument(
      '[selectors...]',
      'docker:web, podman:web, pod:default/nginx, netns:blue, pid:123, a path, net:[4026531840], or the beginning of one; your own namespace by default',
    )
    .option('--all', 'every namespace, also those that appear later')
    .option(
      '--objects <list>',
      'link, address, route, mroute, prefix, neighbour, netconf, rule, nsid, nexthop, fdb, mdb, vlan, nftables, conntrack; ip for what ip monitor has (the default), all',
      gather,
    )
    .option('--dev <name>', 'only what belongs to the link of this name')
    .option('-4, --inet', 'of address families, IPv4')
    .option('-6, --inet6', 'of address families, IPv6')
    .option('--json', 'a line of JSON for each event')
    .option('-t, --timestamp', 'the time on a line before each event, as ip -t')
    .option('--tshort', 'the time at the beginning of each event; -ts is short for it, as with ip')
    .option('-d, --details', 'what is usual too, and the settings of links, as ip -d')
    .option('-s, --statistics', 'how long ago neighbours were used, as ip -s')
    .option('-o, --oneline', 'one line for each event, as ip -o')
    .option('--no-label', 'without the kind of the object before each event')
    .option('--initial', 'begin with all that there is')
    .option('--no-follow', 'leave namespaces alone that appear later')
    .option('--record <file>', 'write it down too, for --replay and ip monitor file')
    .option('--replay <file>', 'print what was recorded, here or by rtmon')
    .option('--quiet', 'print nothing: for --record')
    .option(
      '--receive-buffer <bytes>',
      'bytes that the kernel keeps for a reader that is late (default: 32 MiB)',
      bytes,
    )
    .action((selectors: string[], options: MonitorCommandOptions) =>
      guarded(async () => {
        const { monitorCommand } = await import('../monitor.js');
        await monitorCommand(selectors, options);
      }),
    );
}
