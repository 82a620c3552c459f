import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { CniHost, type Json, type Outcome } from '../../support/host.js';

export const dual = `FLANNEL_NETWORK=10.72.0.0/16
FLANNEL_SUBNET=10.72.5.1/24
FLANNEL_IPV6_NETWORK=fd00:72::/48
FLANNEL_IPV6_SUBNET=fd00:72:0:5::1/64
FLANNEL_MTU=1420
FLANNEL_IPMASQ=false
`;

export class FlannelHost extends CniHost {
  readonly subnetFile = join(this.directory, 'subnet.env');
  readonly scratch = join(this.directory, 'flannel');

  constructor(t: Test, subnet: string | undefined = dual) {
    super(t);
    if (subnet !== undefined) writeFileSync(this.subnetFile, subnet);
  }

  config(extra: Json = {}): Json {
    return {
      cniVersion: '1.1.0',
      name: 'cbr0',
      type: 'flannel',
      subnetFile: this.subnetFile,
      dataDir: this.scratch,
      ipam: { dataDir: this.dataDir },
      ...extra,
    };
  }

  saved(): string[] {
    return existsSync(this.scratch) ? readdirSync(this.scratch).sort() : [];
  }

  savedConfig(name: string): Json {
    return JSON.parse(readFileSync(join(this.scratch, name), 'utf8')) as Json;
  }

  leases(): string[] {
    const directory = join(this.dataDir, 'cbr0');
    return existsSync(directory)
      ? readdirSync(directory).filter((name) => name !== 'lock' && !name.startsWith('last_reserved'))
      : [];
  }

  /** Is nothing left of any attachment? */
  clean(t: Test, when: string, bridge?: string): void {
    t.same([this.saved(), this.leases()], [[], []], `no files ${when}`);
    const links = this.lab.ip('link', 'show') as { ifname: string }[];
    t.same(
      links.map(({ ifname }) => ifname).filter((name) => name !== 'lo' && name !== bridge),
      [],
      `no links ${when}`,
    );
    t.equal(this.lab.run('nft', 'list', 'ruleset'), '', `no rules ${when}`);
  }
}

export function succeeds(t: Test, outcome: Outcome, what: string): Json {
  t.equal(outcome.status, 0, `${what}: ${outcome.stdout}${outcome.stderr}`);
  return outcome.json;
}

/** A delegate that tells what it was called with, and answers as it is told. */
export function spy(
  host: CniHost,
  name: string,
): { calls(): { command: string; config: Json }[]; fail(on: string): void } {
  const directory = join(host.directory, 'bin');
  const log = join(host.directory, `${name}.log`);
  const failing = join(host.directory, `${name}.failing`);
  mkdirSync(directory, { recursive: true });
  const file = join(directory, name);
  writeFileSync(
    file,
    `#!/bin/sh
printf '%s ' "$CNI_COMMAND" >>${log}; cat >>${log}; echo >>${log}
if [ "$CNI_COMMAND" = "$(cat ${failing} 2>/dev/null)" ]; then echo '{"code":123,"msg":"on purpose"}'; exit 1; fi
[ "$CNI_COMMAND" != ADD ] || echo '{"cniVersion":"1.1.0","ips":[{"address":"10.9.9.9/24"}]}'
`,
  );
  chmodSync(file, 0o755);
  return {
    calls: () => {
      const lines = existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : [];
      rmSync(log, { force: true });
      return lines.map((line) => {
        const space = line.indexOf(' ');
        return { command: line.slice(0, space), config: JSON.parse(line.slice(space + 1)) as Json };
      });
    },
    fail: (on) => writeFileSync(failing, on),
  };
}
