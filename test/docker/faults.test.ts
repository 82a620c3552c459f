import { everyFault } from './support/fault-loop.js';

everyFault({
  name: 'bridge, where FORWARD drops',
  generic: {},
  prepare: (lab) => {
    for (const file of ['iptables', 'ip6tables']) lab.run(file, '-P', 'FORWARD', 'DROP');
  },
});
