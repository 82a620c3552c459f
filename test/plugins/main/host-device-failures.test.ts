import t, { test } from 'tap';
import { CniHost, type Json } from '../support/host.js';
import { leases, linkNames, succeeds } from './support/child-link.js';
import { add, configOf, connected, hostLink, isBack, records } from './support/host-device.js';

t.setTimeout(180_000);

test('what is wrong with a config', async (t) => {
  const host = new CniHost(t);
  connected(host);
  const container = host.container();
  const none = { device: undefined };
  const wrong: [Json, number, RegExp][] = [
    [{ device: 7 }, 6, /failed to load netconf: device: expected a string, got 7/],
    [{ hwaddr: [] }, 6, /hwaddr: expected a string/],
    [{ kernelpath: true }, 6, /kernelpath: expected a string/],
    [{ pciBusID: 5 }, 6, /pciBusID: expected a string/],
    [{ dataDir: 5 }, 6, /dataDir: expected a string/],
    [{ runtimeConfig: { deviceID: 5 } }, 6, /runtimeConfig.deviceID: expected a string/],
    [{ runtimeConfig: 'x' }, 6, /runtimeConfig: expected an object/],
    [{ ipam: 'host-local' }, 6, /ipam: expected an object/],
    [{ dns: { search: 'x' } }, 6, /dns.search: expected an array/],
    [none, 7, /^specify either "device", "hwaddr", "kernelpath" or "pciBusID"$/],
    [{ device: 'nope' }, 999, /^failed to find host device: Link not found$/],
    [{ device: 'lo' }, 999, /^failed to move link failed to move "eth0" \(host: "lo"\) to container NS: /],
    [{ ...none, hwaddr: 'zz' }, 999, /failed to parse MAC address "zz": address zz: invalid MAC address/],
    [{ ...none, hwaddr: '02:00' }, 999, /failed to parse MAC address "02:00"/],
    [{ ...none, hwaddr: '02:00:00:00:99:99' }, 999, /failed to find physical interface/],
    [
      { ...none, kernelpath: '/dev/x' },
      999,
      /kernel device path "\/dev\/x" must be absolute and begin with \/sys\/devices\//,
    ],
    [{ ...none, kernelpath: '/sys/devices/../class' }, 999, /must be absolute and begin with/],
    [
      { ...none, kernelpath: '/sys/devices/nope' },
      999,
      /failed to find host device: failed to find network devices at "\/sys\/devices\/nope\/net"/,
    ],
    [
      { ...none, pciBusID: 'ffff:ff:1f.7' },
      999,
      /error with host device: lstat \/sys\/bus\/pci\/devices\/ffff:ff:1f.7: no such file or directory/,
    ],
    [{ ...none, pciBusID: '../../../class' }, 999, /error with host device: lstat /],
    [
      { ...none, runtimeConfig: { deviceID: 'card.sf.1' } },
      999,
      /runtime config DeviceID card.sf.1 not found or unsupported/,
    ],
    [{ dataDir: '/proc/none' }, 5, /failed to record the device: /],
    [{ ipam: { type: 'no-such-plugin' } }, 999, /failed to find plugin "no-such-plugin" in path/],
    [{ ipam: { type: 'static' } }, 999, /IPAM plugin returned missing IP config/],
    [
      {
        ipam: {
          type: 'static',
          addresses: [{ address: '10.66.0.5/24' }],
          routes: [{ dst: '10.9.0.0/16', gw: '10.8.0.1' }],
        },
      },
      999,
      /failed to add route '10.9.0.0\/16 via 10.8.0.1 dev eth0'/,
    ],
    [{ cniVersion: '9.9.9' }, 1, /incompatible CNI versions/],
  ];
  for (const [extra, code, msg] of wrong) {
    const { status, json } = host.run('ours', 'host-device', 'ADD', configOf(host, extra), container);
    t.equal(status, 1);
    t.match(json, { code, msg }, JSON.stringify(extra));
    isBack(t, host, container, JSON.stringify(extra));
  }
  const call = (command: string, env: NodeJS.ProcessEnv) =>
    host.run('ours', 'host-device', command, configOf(host, { ipam: undefined }), container, env);
  t.match(call('ADD', { CNI_NETNS: '/run/netns/nl-gone' }).json, { msg: /failed to open netns/ });
  t.match(call('ADD', { CNI_NETNS: host.lab.path }).json, { code: 8 });
  succeeds(t, call('ADD', { CNI_ARGS: 'garbage' }), 'CNI_ARGS are not read');
  succeeds(t, call('DEL', { CNI_ARGS: 'garbage' }), 'DEL');
  isBack(t, host, container, 'namespaces');
});

test('CHECK finds what is wrong', async (t) => {
  const host = new CniHost(t);
  connected(host);
  const container = host.container();
  const { lab } = container;
  const ipam = {
    type: 'host-local',
    subnet: '10.66.0.0/24',
    dataDir: host.dataDir,
    routes: [{ dst: '192.168.0.0/16' }],
  };
  const config = configOf(host, { ipam });
  const prevResult = add(t, host, config, container);
  const [entry] = prevResult.interfaces as { mac: string }[];
  const check = (extra: Json = {}) =>
    host.run('ours', 'host-device', 'CHECK', { ...config, prevResult, ...extra }, container);
  succeeds(t, check(), 'as it was');
  t.match(check({ prevResult: undefined }).json, { code: 999, msg: 'Required prevResult missing' });
  t.match(check({ device: undefined }).json, { code: 7 });
  const interfaces = [{ ...entry, sandbox: '/x' }];
  t.match(check({ prevResult: { ...prevResult, interfaces } }).json, {
    msg: `Sandbox in prevResult /x doesn't match configured netns: ${lab.path}`,
  });
  t.match(check({ prevResult: { ...prevResult, interfaces: [] } }).json, {
    msg: 'Container Interface name in prevResult: eth0 not found',
  });
  const breakage: [string[], string[], RegExp][] = [
    [
      ['route', 'del', '192.168.0.0/16'],
      ['route', 'add', '192.168.0.0/16', 'via', '10.66.0.1'],
      /Expected Route \{Dst:192.168.0.0\/16 GW:\} not found/,
    ],
    [
      ['link', 'set', 'eth0', 'address', '02:00:00:00:00:99'],
      ['link', 'set', 'eth0', 'address', String(entry?.mac)],
      /Interface eth0 Mac .* doesn't match container Mac: 02:00:00:00:00:99/,
    ],
    [['addr', 'add', '10.66.7.7/32', 'dev', 'eth0'], ['addr', 'del', '10.66.7.7/32', 'dev', 'eth0'], /^$/],
    [['link', 'set', 'eth0', 'down'], ['link', 'set', 'eth0', 'up'], /Interface eth0 is down/],
    [
      ['addr', 'del', '10.66.0.2/24', 'dev', 'eth0'],
      ['addr', 'add', '10.66.0.2/24', 'dev', 'eth0'],
      /Failed to match addr 10.66.0.2\/24 on interface eth0/,
    ],
  ];
  for (const [harm, repair, msg] of breakage) {
    lab.run('ip', ...harm);
    if (msg.source === '^$') succeeds(t, check(), 'more is not wrong');
    else t.match(check().json, { code: 999, msg });
    lab.run('ip', ...repair);
    if (harm.includes('down') || harm.includes('10.66.0.2/24'))
      lab.run('ip', 'route', 'add', '192.168.0.0/16', 'via', '10.66.0.1');
    succeeds(t, check(), String(msg));
  }
  succeeds(t, host.run('ours', 'host-device', 'DEL', config, container), 'DEL');
  t.not(check().status, 0);
  t.match(check({ ipam: undefined }).json, { msg: 'Interface eth0 not found' });
  t.same([...leases(host), ...records(host)], []);
  t.same(linkNames(container), ['lo']);
  t.equal(hostLink(host).ifalias, undefined);
});
