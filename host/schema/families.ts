/** Every bundled family, by protocol. */
import { address } from './address.js';
import { bridgeVlan } from './bridge-vlan.js';
import type { Family, Protocol } from './definition.js';
import { controller } from './generic/controller.js';
import { devlink } from './generic/devlink.js';
import { ethtool } from './generic/ethtool.js';
import { mptcpPm } from './generic/mptcp-pm.js';
import { netdev } from './generic/netdev.js';
import { tcpMetrics } from './generic/tcp-metrics.js';
import { wireguard } from './generic/wireguard.js';
import { link } from './link/link.js';
import { neighbour } from './neighbour.js';
import { neighbourTable } from './neighbour-table.js';
import { netconf } from './netconf.js';
import { nfnetlinkBatch } from './netfilter/batch.js';
import { conntrack } from './netfilter/conntrack.js';
import { conntrackExpectation } from './netfilter/expectation.js';
import { nftables, nftCompat } from './netfilter/nftables.js';
import { conntrackTimeout } from './netfilter/timeout.js';
import { nexthop } from './nexthop.js';
import { nsid } from './nsid.js';
import { route } from './route.js';
import { rule } from './rule.js';
import { trafficAction } from './traffic/action.js';
import { tc } from './traffic/tc.js';

export const families: Readonly<Record<Protocol, readonly Family[]>> = {
  route: [
    link,
    address,
    route,
    rule,
    neighbour,
    neighbourTable,
    nexthop,
    nsid,
    netconf,
    bridgeVlan,
    tc,
    trafficAction,
  ],
  generic: [controller, ethtool, netdev, devlink, mptcpPm, tcpMetrics, wireguard],
  netfilter: [nfnetlinkBatch, nftables, nftCompat, conntrack, conntrackExpectation, conntrackTimeout],
};
