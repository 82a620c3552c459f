import { compareTables } from './suite.js';
import { fixedAddresses, hostLocal } from './tables/ipam.js';

compareTables(hostLocal, fixedAddresses);
