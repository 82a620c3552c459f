import { everyFault } from './support/fault-loop.js';

everyFault({
  name: 'macvlan',
  generic: { type: 'macvlan', parent: 'up0' },
  prepare: (lab) => {
    lab.run('ip', 'link', 'add', 'up0', 'type', 'veth', 'peer', 'name', 'up1');
    for (const name of ['up0', 'up1']) lab.run('ip', 'link', 'set', name, 'up');
  },
});
