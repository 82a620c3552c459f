import { compareTables } from '../../differential/suite.js';
import { bridgeVlans, ipvlan } from '../../differential/tables/kernel.js';

compareTables(ipvlan, bridgeVlans);
