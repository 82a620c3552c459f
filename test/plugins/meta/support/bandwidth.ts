import type { Test } from 'tap';
import type { CniHost, Container, Json, Outcome, Side } from '../../support/host.js';

/** Bits/s, bits. */
export const LIMITS = {
  ingressRate: 8_000_000,
  ingressBurst: 800_000,
  egressRate: 16_000_000,
  egressBurst: 1_600_000,
};

/** A container with a veth pair whose other end is on the host. */
export function attach(
  host: CniHost,
  container: Container,
  ifname = 'eth0',
  peer = `h-${container.id}`,
): string {
  const [pod, end] = [container.lab, peer.slice(0, 15)];
  host.lab.run('ip', 'link', 'add', end, 'up', 'type', 'veth', 'peer', ifname, 'netns', pod.name);
  pod.run('ip', 'link', 'set', ifname, 'up');
  return end;
}

export function configOf(end: string | undefined, extra: Json = LIMITS, ifname = 'eth0'): Json {
  const interfaces = [{ name: end }, { name: ifname, sandbox: '/run/netns/some' }];
  return {
    cniVersion: '1.0.0',
    name: 'net',
    type: 'bandwidth',
    ...(end === undefined ? {} : { prevResult: { cniVersion: '1.0.0', interfaces } }),
    ...extra,
  };
}

export interface Limited {
  qdiscs: Json[];
  /** Names of devices of kind ifb. */
  devices: string[];
  /** What tc says of filters at ingress, by device. */
  redirections: Record<string, string[]>;
}

/** What tc and ip say of limits; the kernel's own qdiscs left out. */
export function limited({ lab }: Pick<Container, 'lab'>): Limited {
  const qdiscs = (JSON.parse(lab.run('tc', '-j', 'qdisc', 'show')) as Json[]).filter(
    ({ kind }) => kind !== 'noqueue' && kind !== 'pfifo_fast',
  );
  const redirections: Record<string, string[]> = {};
  for (const { dev } of qdiscs.filter(({ kind }) => kind === 'ingress')) {
    const text = lab.run('tc', 'filter', 'show', 'dev', String(dev), 'parent', 'ffff:');
    const lines = text.split('\n').map((line) => line.trim());
    // the reference has a second action that is never reached
    const actions = lines.filter((line) => /redirect to/i.test(line)).slice(0, 1);
    redirections[String(dev)] = [...lines.filter((line) => /fh 800::800|match/.test(line)), ...actions];
  }
  const devices = (lab.ip('link', 'show', 'type', 'ifb') as { ifname: string }[]).map(({ ifname }) => ifname);
  return { qdiscs, devices, redirections };
}

/** A host without limits. */
export const nothing: Limited = { qdiscs: [], devices: [], redirections: {} };

export function mustRun(
  t: Test,
  host: CniHost,
  side: Side,
  command: string,
  config: Json,
  container: Container,
  extra: NodeJS.ProcessEnv = {},
): Json {
  const done: Outcome = host.run(side, 'bandwidth', command, config, container, extra);
  t.equal(done.status, 0, `${side} ${command}: ${done.stdout}${done.stderr}`);
  return done.json;
}
