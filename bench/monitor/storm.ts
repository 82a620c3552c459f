/**
 * Makes things happen in namespaces, at a rate: half are routes that come and go, half are links that change.
 * storm.js RATE SECONDS NAMESPACE…: one line of JSON with how many.
 */
import { argv } from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageFlags } from '../../host/codec/constants.js';
import { Namespace } from '../../host/namespace/namespace.js';
import { NetlinkSocket } from '../../host/netlink/socket.js';
import { link } from '../../host/schema/link/link.js';
import { route } from '../../host/schema/route.js';

/** ms between two pushes. */
const TICK = 10;
/** Messages in one. */
const TOGETHER = 20;
const TABLE = 99;

const [, , rate = '10000', seconds = '10', ...names] = argv;
const sockets = names.map((name) => {
  using namespace = Namespace.open(name);
  return { socket: NetlinkSocket.open({ protocol: 'route', namespace: namespace.fd }), turn: 0 };
});
const { newroute, delroute } = route.messages;
const { setlink } = link.messages;

/** Twenty events in one namespace: ten routes that appear, or disappear again, and ten changes of a link. */
function push(one: (typeof sockets)[number]): void {
  const { socket } = one;
  const flags = messageFlags.request | messageFlags.create;
  const adding = one.turn % 2 === 0;
  one.turn++;
  const batch = socket.batch(TOGETHER);
  for (let i = 0; i < TOGETHER / 2; i++) {
    batch.add(adding ? newroute : delroute, {
      flags: adding ? flags : messageFlags.request,
      header: {
        family: 2,
        dstLen: 32,
        table: TABLE,
        protocol: 'static',
        type: adding ? 'blackhole' : 'unspec',
        scope: adding ? 'universe' : 'nowhere',
      },
      attributes: { dst: `10.1.1.${i}` },
    });
  }
  for (let i = 0; i < TOGETHER / 2; i++) {
    batch.add(setlink, {
      flags: i === TOGETHER / 2 - 1 ? messageFlags.request | messageFlags.ack : messageFlags.request,
      header: { index: 1 },
      attributes: { ifalias: `storm ${one.turn} ${i}` },
    });
  }
  const { failures } = socket.sendSync(batch, () => setlink);
  if (failures.length > 0) throw failures[0]?.error;
}

let made = 0;
let at = 0;
const started = performance.now();
const until = Number(seconds) * 1000;
for (let elapsed = 0; elapsed < until; elapsed = performance.now() - started) {
  const due = (Math.min(elapsed + TICK, until) / 1000) * Number(rate);
  while (made < due) {
    push(sockets[at++ % sockets.length] as (typeof sockets)[number]);
    made += TOGETHER;
  }
  await sleep(TICK);
}
const took = (performance.now() - started) / 1000;
for (const one of sockets) {
  // leaves no routes behind
  if (one.turn % 2 === 1) {
    push(one);
    made += TOGETHER;
  }
  one.socket.close();
}
process.stdout.write(`${JSON.stringify({ made, rate: Math.round(made / took) })}\n`);
