/** What is tested on the kernel that runs the tests, on this one too: it looks names of new links up elsewhere. */
import t from 'tap';
import '../../plugins/main/macvlan.test.js';
import '../../plugins/main/macvlan-reference.test.js';

// each program takes its time on this kernel
t.setTimeout(600_000);
