import type { Table } from '../row.js';
import { bridge } from './bridge.js';
import { chains } from './chains.js';
import { dhcp } from './dhcp.js';
import { flannel } from './flannel.js';
import { fixedAddresses, hostLocal } from './ipam.js';
import { bridgeVlans, dummy, ipvlan, vlan, vrf } from './kernel.js';
import { macvlan } from './macvlan.js';
import { firewall, loopback, sbr } from './meta.js';
import { portmap } from './portmap.js';
import { protocol } from './protocol.js';
import { ptp } from './ptp.js';
import { bandwidth, hostDevice, tuning } from './shaping.js';
import { tap } from './tap.js';

/** Every table: the files of tests take some each, so that two can run at once. */
export const tables: readonly Table[] = [
  ipvlan,
  vlan,
  vrf,
  dummy,
  bridgeVlans,
  protocol,
  hostLocal,
  fixedAddresses,
  dhcp,
  bridge,
  ptp,
  macvlan,
  loopback,
  firewall,
  sbr,
  chains,
  bandwidth,
  tuning,
  hostDevice,
  portmap,
  flannel,
  tap,
];
