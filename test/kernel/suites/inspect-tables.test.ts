import t, { test } from 'tap';
import { comparesWithIp } from '../../inspect/support/compare.js';
import { Lab } from '../../support/lab.js';

// each program takes its time on this kernel
t.setTimeout(300_000);

test('links that only the fuller kernel has, as iproute2 prints them', async (t) => {
  const lab = new Lab(t, 'kinds');
  const commands = `
    link add d0 type dummy
    link add d1 type dummy
    link add vl0 link d0 type vlan id 7 reorder_hdr on gvrp on ingress-qos-map 1:2 egress-qos-map 3:4 5:6
    link add vl1 link d0 type vlan proto 802.1ad id 8
    link add iv0 link d1 type ipvlan mode l3s
    link add iv1 link d1 type ipvlan mode l3s
    link add br0 type bridge vlan_filtering 1
    link add red type vrf table 10
    link add d2 type dummy
    link set d2 master red
    link set red up
    link set d2 up
    addr add 10.0.0.1/24 dev d2
    rule add l3mdev priority 1000
  `;
  const script = commands
    .trim()
    .split('\n')
    .map((line) => `ip ${line.trim()} || exit 1`)
    .join('\n');
  lab.run('sh', '-c', script);
  await comparesWithIp(t, lab, 'link', { details: true }, ['-d', 'link']);
  await comparesWithIp(t, lab, 'address', { details: false }, ['address']);
  await comparesWithIp(t, lab, 'rule', { details: true }, ['-d', 'rule']);
  await comparesWithIp(t, lab, 'route', { details: true, table: 'all' }, [
    '-d',
    'route',
    'show',
    'table',
    'all',
  ]);
});
