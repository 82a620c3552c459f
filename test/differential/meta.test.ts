import { compareTables } from './suite.js';
import { chains } from './tables/chains.js';
import { firewall, loopback, sbr } from './tables/meta.js';
import { protocol } from './tables/protocol.js';

compareTables(protocol, loopback, firewall, sbr, chains);
