// The rival npm netlink 0.3.0: BENCH INPUT [ROUNDS [ITEMS]], one line of JSON out. Its addon comes prebuilt.
'use strict';
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const { createRequire } = require('node:module');

const netlink = createRequire(join(__dirname, '../build/node/package.json'))('netlink');
const NEWLINK = 16;
const NEWROUTE = 24;

const benches = {
  'decode-objects': (input) => {
    const bytes = readFileSync(input);
    return () => {
      const items = [];
      for (const message of netlink.parseMessages(bytes)) {
        if (message.type !== NEWROUTE && message.type !== NEWLINK) continue;
        items.push(netlink.rt.parseMessage(message.type, message.data));
      }
      return items.length;
    };
  },
  list: () => async () => {
    const socket = netlink.createRtNetlink({ ref: true });
    const routes = await socket.getRoutes({ family: 2 });
    socket.socket.socket.close();
    return routes.filter((route) => route.kind === 'route').length;
  },
};

async function main() {
  const [, program, bench, input, rounds = '5'] = process.argv;
  if (input === undefined || !Object.hasOwn(benches, bench)) {
    process.stderr.write(`usage: ${program} ${Object.keys(benches).join('|')} INPUT [ROUNDS]\n`);
    process.exit(2);
  }
  const work = benches[bench](input);
  const samples = [];
  let items = 0;
  for (let round = -2; round < Number(rounds); round++) {
    const start = process.hrtime.bigint();
    items = await work();
    if (round >= 0) samples.push(Number(process.hrtime.bigint() - start));
  }
  const nsPerItem = samples.toSorted((a, b) => a - b)[samples.length >> 1] / items;
  process.stdout.write(`${JSON.stringify({ bench, rival: 'npm netlink', items, samples, nsPerItem })}\n`);
}

main();
