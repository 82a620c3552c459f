import { compareTables } from './suite.js';
import { firewall, loopback } from './tables/meta.js';
import { protocol } from './tables/protocol.js';

compareTables(protocol, loopback, firewall);
