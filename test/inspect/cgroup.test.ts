import { test } from 'tap';
import { parseCgroup } from '../../host/inspect/index.js';

const id = 'a'.repeat(64);
const other = 'b'.repeat(64);

const paths: readonly (readonly [path: string, expected: object])[] = [
  [`/system.slice/docker-${id}.scope`, { container: { engine: 'docker', id } }],
  [`/docker/${id}`, { container: { engine: 'docker', id } }],
  [`/docker/${id}/docker/${other}`, { container: { engine: 'docker', id: other } }],
  [
    `/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod1.slice/cri-containerd-${id}.scope`,
    { container: { engine: 'containerd', id } },
  ],
  [`/kubepods-burstable-pod1.slice:cri-containerd:${id}`, { container: { engine: 'containerd', id } }],
  [`/kubepods/burstable/pod8f3c/${id}`, { container: { engine: undefined, id } }],
  [`/kubepods.slice/kubepods-pod1.slice/crio-${id}.scope`, { container: { engine: 'cri-o', id } }],
  [`/machine.slice/libpod-${id}.scope/container`, { container: { engine: 'podman', id } }],
  [`/libpod_parent/libpod-${id}`, { container: { engine: 'podman', id } }],
  [
    `/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-${id}.scope`,
    { container: { engine: 'podman', id } },
  ],
  [`/system.slice/nerdctl-${id}.scope`, { container: { engine: 'containerd', id } }],
  ['/lxc.payload.blue/init.scope', { machine: 'blue' }],
  ['/lxc/blue', { machine: 'blue' }],
  ['/machine.slice/machine-debian\\x2dtest.scope', { machine: 'debian-test' }],
  ['/machine.slice/systemd-nspawn@deb.service/payload', { machine: 'deb' }],
  ['/system.slice/ssh.service', { unit: 'ssh.service' }],
  ['/user.slice/user-1000.slice/user@1000.service/app.slice/foo.service', { unit: 'foo.service' }],
];

test('cgroups of engines', (t) => {
  for (const [path, expected] of paths) t.match(parseCgroup(`0::${path}\n`), expected, path);
  t.end();
});

test('monitors of containers are not in them', (t) => {
  t.equal(parseCgroup(`0::/machine.slice/libpod-conmon-${id}.scope\n`)?.container, undefined);
  t.equal(parseCgroup(`0::/kubepods.slice/crio-conmon-${id}.scope\n`)?.container, undefined);
  t.end();
});

test('of several hierarchies the telling one counts', (t) => {
  const text = `9:name=systemd:/system.slice/docker.service\n4:memory:/docker/${id}\n1:cpu:/\n0::/\n`;
  t.same(parseCgroup(text)?.container, { engine: 'docker', id });
  t.equal(parseCgroup('0::/\n'), undefined);
  t.equal(parseCgroup(''), undefined);
  t.equal(parseCgroup('garbage'), undefined);
  t.same(parseCgroup('0::/init.scope'), { path: '/init.scope' });
  t.end();
});
