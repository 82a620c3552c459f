import t, { test } from 'tap';
import { comparesWithIp } from '../../inspect/support/compare.js';
import { Lab } from '../../support/lab.js';

// each program takes its time on this kernel
t.setTimeout(300_000);

test('bonds, tunnels by UDP, sources of a macvlan, as iproute2 prints them', async (t) => {
  const lab = new Lab(t, 'bonds');
  const commands = `
    link add d0 type dummy
    link add d1 type dummy
    link add a0 type veth peer name a1
    link set a1 up
    link add b0 type bond mode 802.3ad miimon 100 lacp_rate fast xmit_hash_policy layer3+4 ad_select bandwidth
    link add b1 type bond mode active-backup arp_interval 200 arp_ip_target 10.0.0.9,10.0.0.8 arp_validate active primary_reselect better fail_over_mac active
    link add b2 type bond mode balance-rr packets_per_slave 3
    link add b3 type bond mode balance-tlb tlb_dynamic_lb 0
    link add b4 type bond mode active-backup miimon 100
    link set a0 master b0
    link set d0 master b1
    link set d1 master b4
    link set b1 type bond primary d0
    link set b4 up
    link add d2 type dummy
    link add g0 type geneve id 7 remote 10.0.0.2
    link add g1 type geneve id 8 remote fd00::2 ttl 5 tos 4 dstport 7777 udp6zerocsumtx flowlabel 5
    link add g3 type geneve id 9 remote 10.0.0.3 ttl inherit tos inherit df set noudpcsum innerprotoinherit
    link add g4 type geneve external dstport 6099
    link add m0 link d2 type macvlan mode source
    link set m0 type macvlan macaddr add 02:00:00:00:00:05
    link add m1 link d2 type macvlan mode source
    link add v0 type vxlan external dstport 4790
    link add v1 type vxlan id 5 dev d2 group ff05::1 dstport 4789 ttl 5 tos inherit ageing 100 maxaddress 5 proxy rsc l2miss l3miss srcport 1000 2000 udp6zerocsumtx udp6zerocsumrx gbp flowlabel 7
    link add n0 type nlmon
    tuntap add t0 mode tun multi_queue user 0 group 0
  `;
  const script = commands
    .trim()
    .split('\n')
    .map((line) => `ip ${line.trim()} || exit 1`)
    .join('\n');
  lab.run('sh', '-c', script);
  await comparesWithIp(t, lab, 'link', { details: true }, ['-d', 'link']);
});

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
