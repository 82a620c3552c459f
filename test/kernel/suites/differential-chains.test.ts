import { compareTables } from '../../differential/suite.js';
import { dummy, vlan, vrf } from '../../differential/tables/kernel.js';

compareTables(vlan, vrf, dummy);
