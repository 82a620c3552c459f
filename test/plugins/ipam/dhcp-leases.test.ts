import { setTimeout as pause } from 'node:timers/promises';
import { type Test, test } from 'tap';
import type { Container, Json } from '../support/host.js';
import { type DhcpDaemon, DhcpLab, despairing, impatient, SERVER } from './support/dhcp.js';
import {
  ACK,
  type Answer,
  DISCOVER,
  type Granting,
  granting,
  type Heard,
  ip,
  NAK,
  OFFER,
  RELEASE,
  REQUEST,
  u32,
} from './support/dhcp-server.js';

const OWN = '192.168.77.10';

/** A request for more time, of the server or of all. */
const isRenewal = ({ type, ciaddr }: Heard): boolean => type === REQUEST && ciaddr === OWN;
const isRenewing = (heard: Heard): boolean => isRenewal(heard) && heard.destination === SERVER;
const isRebinding = (heard: Heard): boolean => isRenewal(heard) && heard.destination !== SERVER;

interface Leased {
  readonly lab: DhcpLab;
  readonly daemon: DhcpDaemon;
  readonly container: Container;
  readonly result: Json;
  isUp(): boolean;
}

/** A container that has a lease; what the server answers afterwards is up to the test. */
async function leased(t: Test, terms: Granting, then?: (ordinary: Answer) => Answer): Promise<Leased> {
  const ordinary = granting(SERVER, terms);
  const lab = new DhcpLab(t, ordinary);
  const daemon = await lab.daemon('ours', impatient);
  const container = lab.container();
  const result = await lab.must('ADD', container);
  container.lab.run('ip', 'address', 'add', `${OWN}/24`, 'dev', 'eth0');
  if (then !== undefined) lab.server.answer = then(ordinary);
  const isUp = (): boolean => container.lab.ip('link', 'show', 'eth0')[0].flags.includes('UP');
  return { lab, daemon, container, result, isUp };
}

async function eventually(what: () => boolean, timeout = 20_000): Promise<boolean> {
  for (const end = performance.now() + timeout; !what(); await pause(20)) {
    if (performance.now() > end) return false;
  }
  return true;
}

test('renewed at T1, by its server', { timeout: 60_000 }, async (t) => {
  const { lab, daemon, container, result, isUp } = await leased(t, { leaseTime: 60, t1: 1, t2: 50 });
  // DISCOVER's REQUEST, and two renewals
  const third = await lab.server.until(REQUEST, 3);
  const [asked, first] = lab.server.of(REQUEST);
  t.ok(isRenewing(third) && first !== undefined && isRenewing(first));
  t.equal(third.source, OWN);
  t.notOk(third.options.has(50) || third.options.has(54), 'RFC 2131 table 5');
  t.equal(third.options.get(61), asked?.options.get(61));
  t.not(third.xid, asked?.xid);
  await daemon.logged(/lease renewed: 192\.168\.77\.10 for 60 s.*lease renewed/s);
  await lab.must('CHECK', container, lab.config({}, { prevResult: result }));
  t.ok(isUp());
  await lab.must('DEL', container);
  t.match(await lab.server.until(RELEASE), { ciaddr: OWN });
  const { length } = lab.server.heard;
  await pause(1500);
  t.equal(lab.server.heard.length, length, 'nothing is renewed that was given back');
});

test('a lost acknowledgement; an answer without mask and server', { timeout: 60_000 }, async (t) => {
  const lost: number[] = [];
  const { daemon, lab, container, result } = await leased(
    t,
    { leaseTime: 120, t1: 1, t2: 100 },
    () => (heard) => {
      if (!isRenewing(heard)) return undefined;
      if (lost.push(heard.xid) < 3) return undefined;
      return { type: ACK, yiaddr: OWN, options: [[51, u32(500)]] };
    },
  );
  await daemon.logged(/lease renewed: 192\.168\.77\.10 for 500 s from 192\.168\.77\.1/);
  t.equal(new Set(lost).size, 1, 'the same request, sent again');
  await lab.must('CHECK', container, lab.config({}, { prevResult: result }));
});

test('rebound at T2, by any server', { timeout: 60_000 }, async (t) => {
  const { lab, daemon, isUp } = await leased(
    t,
    { leaseTime: 30, t1: 1, t2: 2 },
    () => (heard) =>
      isRebinding(heard)
        ? {
            type: ACK,
            yiaddr: OWN,
            options: [
              [54, ip('192.168.77.2')],
              [51, u32(300)],
              [1, ip('255.255.255.0')],
            ],
          }
        : undefined,
  );
  await daemon.logged(/lease rebound: 192\.168\.77\.10 for 300 s from 192\.168\.77\.2/);
  const rebinding = lab.server.heard.find(isRebinding);
  t.match(rebinding, { source: OWN, destination: '255.255.255.255', ciaddr: OWN });
  t.notOk(rebinding?.options.has(54) || rebinding?.options.has(50));
  t.ok(isUp());
});

test('nobody answers: the interface goes down when the lease ends', { timeout: 60_000 }, async (t) => {
  const begun = performance.now();
  const { lab, daemon, container, isUp } = await leased(t, { leaseTime: 3 }, () => () => undefined);
  await daemon.logged(/lease expired, bringing interface DOWN/);
  t.ok(await eventually(() => !isUp()));
  t.ok(lab.server.heard.some(isRenewing) && lab.server.heard.some(isRebinding));
  t.ok(performance.now() - begun >= 3000, 'not before');
  t.match((await lab.run('CHECK', container)).json, { code: 999, msg: /has no lease/ });
  await lab.must('DEL', container);
  t.equal(lab.server.of(RELEASE).length, 0);
});

test('refused: the same address is asked for anew', { timeout: 60_000 }, async (t) => {
  let refused = 0;
  const nak: Answer = (heard) => ({
    type: NAK,
    options: [
      [54, ip(SERVER)],
      [56, `no more of it ${heard.ciaddr}`],
    ],
  });
  const { daemon, lab, isUp } = await leased(
    t,
    { leaseTime: 20, t1: 1, t2: 15 },
    (ordinary) => (heard) => (isRenewing(heard) && refused++ === 0 ? nak(heard) : ordinary(heard)),
  );
  await daemon.logged(/has refused: no more of it 192\.168\.77\.10.*lease acquired again: 192\.168\.77\.10/s);
  t.equal(lab.server.of(DISCOVER)[1]?.options.get(50), Buffer.from(ip(OWN)).toString('hex'));
  t.ok(isUp());
});

test('refused, and only another address is to be had', { timeout: 60_000 }, async (t) => {
  const { daemon, lab, container, isUp } = await leased(
    t,
    { leaseTime: 20, t1: 1, t2: 15 },
    () => (heard) => {
      if (isRenewing(heard)) return { type: NAK, options: [[54, ip(SERVER)]] };
      if (heard.type === RELEASE) return undefined;
      return {
        type: heard.type === DISCOVER ? OFFER : ACK,
        yiaddr: '192.168.77.66',
        options: [
          [54, ip(SERVER)],
          [51, u32(60)],
          [1, ip('255.255.255.0')],
        ],
      };
    },
  );
  await daemon.logged(/has only 192\.168\.77\.66 in place of 192\.168\.77\.10.*bringing interface DOWN/s);
  t.match(await lab.server.until(RELEASE), { ciaddr: '192.168.77.66' });
  t.ok(await eventually(() => !isUp()));
  await lab.must('DEL', container);
});

test('a lease that goes on for ever, one of no time, T1 and T2 in no order', {
  timeout: 60_000,
}, async (t) => {
  const lab = new DhcpLab(t, granting(SERVER, { leaseTime: 0xffffffff, t1: 0, t2: 0 }));
  const daemon = await lab.daemon('ours', impatient);
  const forever = lab.container();
  await lab.must('ADD', forever);
  await daemon.logged(/lease acquired: 192\.168\.77\.10 for ever/);
  lab.server.answer = granting(SERVER, { leaseTime: 0 });
  const none = lab.container();
  t.match((await lab.run('ADD', none)).json, { code: 999, msg: /a lease of no time/ });
  t.match(await lab.server.until(RELEASE), { ciaddr: '192.168.77.10' });
  lab.server.answer = granting(SERVER, { leaseTime: 4, t1: 3, t2: 1 });
  const before = lab.server.of(REQUEST).length;
  const begun = performance.now();
  await lab.must('ADD', lab.container());
  const renewal = await lab.server.until(REQUEST, before + 2);
  t.ok(renewal.at - begun >= 2000, 'half of the time');
});

test('a daemon that comes too late asks for the address anew', { timeout: 60_000 }, async (t) => {
  const { lab, daemon, container, result, isUp } = await leased(t, { leaseTime: 2 });
  await daemon.end('SIGKILL');
  const discovers = lab.server.of(DISCOVER).length;
  await pause(2200);
  const next = await lab.daemon('ours', impatient);
  await next.logged(/expired while nobody looked after it.*acquired again: 192\.168\.77\.10/s);
  t.equal(lab.server.of(DISCOVER).length, discovers + 1);
  t.ok(isUp());
  await lab.must('CHECK', container, lab.config({}, { prevResult: result }));
});

test('a daemon that comes in time renews when it is due', { timeout: 60_000 }, async (t) => {
  const begun = performance.now();
  const { lab, daemon } = await leased(t, { leaseTime: 300, t1: 3, t2: 200 });
  await daemon.end('SIGKILL');
  const next = await lab.daemon('ours', impatient);
  await next.logged(/lease renewed/);
  const renewal = lab.server.heard.find(isRenewing);
  t.ok((renewal?.at as number) - begun >= 3000, 'not before');
});

test('what a lease was for is gone', { timeout: 60_000 }, async (t) => {
  const { lab, daemon, container } = await leased(t, { leaseTime: 60, t1: 1, t2: 50 });
  container.lab.run('ip', 'link', 'delete', 'eth0');
  await daemon.logged(/what it was for is gone/);
  t.match((await lab.run('CHECK', container)).json, { msg: /has no lease/ });
  await lab.must('DEL', container);
});

test('answers that are not for us, or no answers', { timeout: 60_000 }, async (t) => {
  const ordinary = granting(SERVER, {});
  const lab = new DhcpLab(t, (heard) => {
    const good = [ordinary(heard) ?? []].flat();
    return good.flatMap((reply) => [
      { payload: Buffer.from('nonsense') },
      { payload: Buffer.alloc(1200) },
      { ...reply, xid: heard.xid ^ 1, yiaddr: '192.168.77.201' },
      { ...reply, op: 1, yiaddr: '192.168.77.202' },
      { ...reply, chaddr: Buffer.alloc(6, 7), yiaddr: '192.168.77.203' },
      { ...reply, damaged: true, yiaddr: '192.168.77.204' },
      { ...reply, type: RELEASE, yiaddr: '192.168.77.205' },
      { yiaddr: '192.168.77.206', options: reply.options ?? [] },
      // the last option says that it is longer than what is left
      { ...reply, yiaddr: '192.168.77.207', cut: 3 },
      reply,
    ]);
  });
  const daemon = await lab.daemon('ours', impatient);
  t.match(await lab.must('ADD', lab.container()), { ips: [{ address: '192.168.77.10/24' }] });

  // a refusal of another server than the chosen one is nothing to us
  lab.server.answer = (heard) => {
    const good = [ordinary(heard) ?? []].flat();
    if (heard.type !== REQUEST) return good;
    return [{ type: NAK, options: [[54, ip('192.168.77.250')]] }, ...good];
  };
  t.match(await lab.must('ADD', lab.container()), { ips: [{ address: '192.168.77.11/24' }] });

  // that of the chosen one is the begin of a new attempt
  let refused = 0;
  lab.server.answer = (heard) =>
    heard.type === REQUEST && refused++ === 0 ? { type: NAK, options: [[54, ip(SERVER)]] } : ordinary(heard);
  const discovers = lab.server.of(DISCOVER).length;
  t.match(await lab.must('ADD', lab.container()), { ips: [{ address: '192.168.77.12/24' }] });
  t.ok(lab.server.of(DISCOVER).length >= discovers + 2);
  lab.server.answer = () => undefined;
  await daemon.end('SIGKILL');
  await lab.daemon('ours', despairing);
  t.match((await lab.run('ADD', lab.container())).json, {
    code: 999,
    msg: /^error calling DHCP\.Allocate: no more tries: no DHCP server has answered the DHCPDISCOVER/,
  });
});
