import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import t, { test } from 'tap';
import { Sysfs } from '../../../host/plugins/main/host-device/sysfs.js';
import { CniHost, type Container, type Json } from '../support/host.js';
import { linkNames, succeeds } from './support/child-link.js';
import { add, configOf, connected, fixture, hostLink, isBack } from './support/host-device.js';

t.setTimeout(60_000);

const CARD = '0000:05:00.1';
const VIRTIO = '0000:05:00.2';
const HELD = '0000:05:00.3';
const LINKLESS = '0000:05:00.4';
const DRIVERLESS = '0000:05:00.5';
const FUNCTION = 'mlx5_core.sf.4';

const pci = (id: string, ...entries: string[]): string[] =>
  entries.map((entry) => `bus/pci/devices/${id}/${entry}`);

/** What is there of sysfs: a card, a virtio card, one that a process has, one that is no network card. */
const entries = [
  ...pci(CARD, 'net/up0', 'net/up1', 'driver -> ../../../bus/pci/drivers/mlx5_core'),
  ...pci(VIRTIO, 'virtio3/net/up0', 'virtio3/block', 'driver -> ../../../bus/pci/drivers/virtio-pci'),
  ...pci(HELD, 'driver -> ../../../bus/pci/drivers/vfio-pci'),
  ...pci(LINKLESS, 'usb1', 'driver -> ../../../bus/pci/drivers/xhci_hcd'),
  ...pci(DRIVERLESS, 'net/up0'),
  `bus/auxiliary/devices/${FUNCTION}/net/up0`,
  'bus/auxiliary/devices/empty.0/net',
  'bus/auxiliary/devices/linkless.0',
  'devices/virtual/card0/net/up0',
];

test('links of devices', (t) => {
  const sysfs = new Sysfs(fixture(t.testdir(), ...entries));
  t.equal(sysfs.linkOfPci(CARD), 'up0');
  t.equal(sysfs.linkOfPci(VIRTIO), 'up0');
  t.equal(sysfs.linkOfAuxiliary(FUNCTION), 'up0');
  t.equal(sysfs.linkOfPath('/sys/devices/virtual/card0/'), 'up0');
  t.equal(sysfs.linkOfPath('/sys/devices/x/../virtual/card0'), 'up0');
  for (const [id, isPci, isAuxiliary] of [
    [CARD, true, false],
    [FUNCTION, false, true],
    ['0000:00:00.9', false, false],
    ['..', false, false],
    ['', false, false],
    [`x/../${CARD}`, false, false],
    ['a\0', false, false],
  ] as const) {
    t.equal(sysfs.isPci(id), isPci, JSON.stringify(id));
    t.equal(sysfs.isAuxiliary(id), isAuxiliary, JSON.stringify(id));
  }
  t.equal(sysfs.isUserspacePci(HELD), true);
  t.equal(sysfs.isUserspacePci(CARD), false);
  for (const id of ['0000:00:00.9', DRIVERLESS, '../x'])
    t.throws(() => sysfs.isUserspacePci(id), {
      message: /error with host device: lstat .*: no such file or directory/,
    });
  t.throws(() => sysfs.linkOfPci(LINKLESS), { message: `no net directory under pci device ${LINKLESS}` });
  t.throws(() => sysfs.linkOfAuxiliary('linkless.0'), { message: /no net directory under auxiliary device/ });
  t.throws(() => sysfs.linkOfAuxiliary('empty.0'), {
    message: /failed to find network device in path .*empty.0\/net/,
  });
  t.throws(() => sysfs.linkOfPath('/sys/devices/virtual'), { message: /failed to find network devices at/ });
  for (const path of [
    'sys/devices/virtual/card0',
    '/sys/devices',
    '/sys/devices/../card0',
    '/sys/devices/a\0',
  ])
    t.throws(() => sysfs.linkOfPath(path), { message: /must be absolute and begin with \/sys\/devices\// });
  t.end();
});

/** Runs our plugin where /sys has these devices. */
function runWithDevices(host: CniHost, command: string, config: Json, container?: Container) {
  const root = join(host.directory, 'sys');
  const mounts = ['bus', 'devices/virtual'].map((path) => `mount --bind ${join(root, path)} /sys/${path}`);
  const script = [...mounts, 'exec "$0"'].join(' && ');
  const env = {
    PATH: process.env.PATH,
    CNI_COMMAND: command,
    CNI_PATH: join(host.directory, 'bin'),
    CNI_CONTAINERID: container?.id,
    CNI_NETNS: container?.lab.path,
    CNI_IFNAME: 'eth0',
  };
  const args = ['--mount', 'sh', '-c', script, host.file('ours', 'host-device')];
  const { status, stdout, stderr } = host.lab.namespace.run(() =>
    spawnSync('unshare', args, { env, input: JSON.stringify(config), encoding: 'utf8' }),
  );
  const json = stdout === '' ? {} : (JSON.parse(stdout) as Json);
  return { status, signal: null, stdout, stderr, json };
}

test('every way to tell a device', (t) => {
  const host = new CniHost(t);
  connected(host);
  mkdirSync(join(host.directory, 'sys'));
  fixture(join(host.directory, 'sys'), ...entries);
  const { address } = hostLink(host);
  const ways: [Json, Json?][] = [
    [{ hwaddr: address }],
    [{ hwaddr: address.toUpperCase().replaceAll(':', '-') }],
    [{ kernelpath: '/sys/devices/virtual/card0' }],
    [{ pciBusID: CARD }, { pciID: CARD }],
    [{ pciBusID: VIRTIO }, { pciID: VIRTIO }],
    [{ pciBusID: 'ignored', runtimeConfig: { deviceID: CARD } }, { pciID: CARD }],
    [{ pciBusID: HELD, runtimeConfig: { deviceID: FUNCTION } }],
    // each comes before those after it
    [{ hwaddr: address, kernelpath: '/x', pciBusID: HELD, runtimeConfig: { deviceID: HELD } }],
    [{ kernelpath: '/sys/devices/virtual/card0', pciBusID: HELD }],
    [{ device: 'up0', hwaddr: 'zz', kernelpath: '/x', pciBusID: HELD }],
  ];
  for (const [way, extra = {}] of ways) {
    const container = host.container();
    const config = configOf(host, { device: '', ...way });
    const added = runWithDevices(host, 'ADD', config, container);
    succeeds(t, added, JSON.stringify(way));
    t.same((added.json.interfaces as Json[])[0], {
      name: 'eth0',
      mac: address,
      sandbox: container.lab.path,
      ...extra,
    });
    t.equal(hostLink(container, 'eth0').ifalias, 'up0');
    const withResult = { ...config, prevResult: added.json };
    succeeds(t, runWithDevices(host, 'CHECK', withResult, container), 'CHECK');
    // the device is not on the host any more, perhaps not even the card
    succeeds(t, host.run('ours', 'host-device', 'DEL', config, container), 'DEL');
    isBack(t, host, container, JSON.stringify(way));
  }
  t.end();
});

test('without a record, the alias tells what to do', (t) => {
  const host = new CniHost(t);
  connected(host);
  const { address } = hostLink(host);
  for (const way of [{ hwaddr: address }, { pciBusID: CARD }, {}]) {
    const container = host.container();
    add(t, host, configOf(host), container);
    const config = configOf(host, { device: '', ...way, dataDir: join(host.directory, 'nothing') });
    succeeds(t, host.run('ours', 'host-device', 'DEL', config, container), 'DEL');
    t.same(linkNames(host), ['lo', 'up0']);
    t.equal(hostLink(host).ifalias, undefined);
    host.lab.run('ip', 'link', 'set', 'up0', 'up');
    succeeds(t, host.run('ours', 'host-device', 'DEL', configOf(host), container), 'DEL with the record');
    isBack(t, host, container, JSON.stringify(way));
  }
  t.end();
});

test('a process has the device: addresses are kept for it, nothing is moved', (t) => {
  const host = new CniHost(t);
  connected(host);
  mkdirSync(join(host.directory, 'sys'));
  fixture(join(host.directory, 'sys'), ...entries);
  const container = host.container();
  const config = configOf(host, { device: '', runtimeConfig: { deviceID: HELD } });
  succeeds(t, runWithDevices(host, 'STATUS', config), 'STATUS');
  const added = runWithDevices(host, 'ADD', config, container);
  succeeds(t, added, 'ADD');
  t.match(added.json, {
    interfaces: [{ name: 'eth0', pciID: HELD, sandbox: container.lab.path, mac: undefined }],
    ips: [{ address: '10.66.0.2/24', interface: 0 }],
  });
  t.same(linkNames(container), ['lo']);
  const withResult = { ...config, prevResult: added.json };
  succeeds(t, runWithDevices(host, 'CHECK', withResult, container), 'CHECK');
  t.match(runWithDevices(host, 'CHECK', config, container).json, { msg: 'Required prevResult missing' });
  for (const times of ['once', 'twice'])
    succeeds(t, runWithDevices(host, 'DEL', config, container), `DEL ${times}`);
  isBack(t, host, container, 'DEL');
  for (const [id, msg] of [
    [LINKLESS, `failed to find host device: no net directory under pci device ${LINKLESS}`],
    [
      DRIVERLESS,
      `error with host device: lstat /sys/bus/pci/devices/${DRIVERLESS}/driver: no such file or directory`,
    ],
    ['none.0', 'runtime config DeviceID none.0 not found or unsupported'],
  ]) {
    const other = { ...config, runtimeConfig: { deviceID: id } };
    t.match(runWithDevices(host, 'ADD', other, container).json, { code: 999, msg });
    t.match(runWithDevices(host, 'STATUS', other).json, { code: 50, msg });
    isBack(t, host, container, String(id));
  }
  t.end();
});
