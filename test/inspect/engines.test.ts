import { spawn } from 'node:child_process';
import { readFileSync, utimesSync } from 'node:fs';
import { createServer } from 'node:net';
import { test } from 'tap';
import { type FoundNamespace, type Inventory, inventory } from '../../host/inspect/index.js';
import { Lab } from '../support/lab.js';
import { EmptyHost, fixture } from './support/places.js';

interface Inspected {
  NetworkSettings: { SandboxKey: string };
  State: { Pid: number };
}
interface Recorded {
  list: { Id: string; Names: string[] }[];
  inspect: Record<string, Inspected>;
}

const at = (all: Inventory, lab: Lab): FoundNamespace | undefined =>
  all.namespaces.find(({ id }) => id.inode === lab.namespace.id.ino);

const ownProblems = ({ problems }: Inventory): readonly string[] =>
  problems
    .filter(({ source }) => source !== 'processes')
    .map(({ source, message }) => `${source}: ${message}`);

/** What Docker 20.10 answered, with the containers' namespaces as those of the test. */
function recordedDocker(places: Readonly<Record<string, string>>): Recorded {
  const recorded = JSON.parse(readFileSync(fixture('docker-20.10.json'), 'utf8')) as Recorded;
  for (const { Id, Names } of recorded.list) {
    const inspected = recorded.inspect[Id] as Inspected;
    inspected.NetworkSettings.SandboxKey = places[Names[0] as string] ?? '';
    // numbers of the machine on which it was recorded
    inspected.State.Pid = 0;
  }
  return recorded;
}

test('Docker, as it answers', async (t) => {
  const host = new EmptyHost(t);
  const [web, none] = [new Lab(t, 'web'), new Lab(t, 'none')];
  const { list, inspect } = recordedDocker({ '/web': web.path, '/none': none.path, '/side': web.path });
  await host.serve(host.places.docker, (request, response) => {
    const id = /^\/containers\/([0-9a-f]{64})\/json$/.exec(request.url ?? '')?.[1];
    response.end(JSON.stringify(request.url === '/containers/json' ? list : inspect[id ?? '']));
  });
  const all = await inventory({ places: host.places });
  t.same(ownProblems(all), []);
  const found = at(all, web);
  t.same(found?.names, ['docker:web', 'docker:side', 'compose:shop/web', `netns:${web.name}`]);
  t.match(found?.owner, {
    kind: 'container',
    engine: 'docker',
    name: 'web',
    compose: { project: 'shop', service: 'web' },
  });
  t.match(found?.owner.container, /^[0-9a-f]{64}$/);
  t.match(at(all, none)?.names, ['docker:none']);
});

test('Docker, when only its files can be read', async (t) => {
  const host = new EmptyHost(t);
  const lab = new Lab(t, 'disk');
  const id = 'd'.repeat(64);
  const config = {
    ID: id,
    Name: '/db',
    State: { Running: true, Pid: 4194303 },
    Config: { Labels: {} },
    NetworkSettings: { SandboxKey: lab.path },
  };
  host.write(`docker/${id}/config.v2.json`, config);
  host.write(`docker/${id}/hostconfig.json`, { NetworkMode: 'default' });
  host.write('docker/broken/config.v2.json', '{');
  host.write(`docker/e/config.v2.json`, {
    ...config,
    ID: 'e'.repeat(64),
    Name: '/old',
    State: { Running: false },
  });
  const all = await inventory({ places: host.places });
  t.same(at(all, lab)?.names, ['docker:db', `netns:${lab.name}`]);
  t.same(ownProblems(all), []);
});

test('podman, as it answers', async (t) => {
  const host = new EmptyHost(t);
  const lab = new Lab(t, 'podman');
  const list = JSON.parse(readFileSync(fixture('podman-4.3.json'), 'utf8')) as {
    Pid: number;
    Namespaces: { Net: string };
  }[];
  for (const one of list) {
    one.Pid = 0;
    one.Namespaces.Net = String(lab.namespace.id.ino);
  }
  const asked: string[] = [];
  await host.serve(host.places.podman[0] as string, (request, response) => {
    asked.push(request.url ?? '');
    // as a podman of version 3 does
    if (request.url?.startsWith('/v4'))
      response.writeHead(400).end('{"message":"given version is too high"}');
    else response.end(JSON.stringify(list));
  });
  const all = await inventory({ places: host.places });
  t.same(at(all, lab)?.names, ['podman:web', 'podman:side', 'compose:shop/web', `netns:${lab.name}`]);
  t.same(
    asked,
    ['/v4.0.0', '/v3.0.0'].map((version) => `${version}/libpod/containers/json?namespace=true`),
  );
  t.same(ownProblems(all), []);
});

test('engines that hang, are down, refuse, or talk nonsense cost a second at most, and nothing else', async (t) => {
  const lab = new Lab(t, 'alone');
  const troubles: readonly (readonly [
    what: string,
    message: RegExp,
    prepare: (host: EmptyHost) => Promise<unknown>,
  ])[] = [
    [
      'hangs',
      /docker\.sock: no answer within 300 ms/,
      (host) => host.serve(host.places.docker, () => undefined),
    ],
    [
      'says half',
      /docker\.sock: no answer within 300 ms/,
      (host) => host.serve(host.places.docker, (_, response) => response.write('[{"Id":')),
    ],
    [
      'fails',
      /answered with 500: no such thing/,
      (host) => host.serve(host.places.docker, (_, response) => response.writeHead(500).end('no such thing')),
    ],
    [
      'babbles',
      /is no JSON/,
      (host) => host.serve(host.places.docker, (_, response) => response.end('<html>')),
    ],
    [
      'is down',
      /ECONNREFUSED/,
      async (host) => {
        // a socket that nobody listens on any more
        const child = spawn(process.execPath, [
          '-e',
          `require('net').createServer().listen(${JSON.stringify(host.places.docker)}, () => process.kill(process.pid, 'SIGKILL'))`,
        ]);
        await new Promise((resolve) => child.once('exit', resolve));
      },
    ],
    [
      'speaks something else',
      /docker\.sock: /,
      async (host) => {
        const server = createServer((socket) => socket.end('SSH-2.0\r\n'));
        t.teardown(() => server.close());
        await new Promise<void>((resolve) => server.listen(host.places.docker, resolve));
      },
    ],
  ];
  for (const [what, message, prepare] of troubles) {
    const host = new EmptyHost(t);
    await prepare(host);
    const all = await inventory({ places: host.places, timeout: 300 });
    t.match(ownProblems(all).join('\n'), message, what);
    t.ok(at(all, lab), `${what}: the rest is there`);
  }
  const odd = new EmptyHost(t);
  await odd.serve(odd.places.docker, (_, response) =>
    response.end('[null, 1, {"Id": 7}, {"Names": "x"}, {"Id": "ab"}]'),
  );
  t.same(ownProblems(await inventory({ places: odd.places })), [], 'odd entries are passed over');
});

test('what cannot be inspected in time is found by its cgroup, if at all', async (t) => {
  const host = new EmptyHost(t);
  const lab = new Lab(t, 'late');
  const { list } = recordedDocker({});
  await host.serve(host.places.docker, (request, response) => {
    if (request.url === '/containers/json') response.end(JSON.stringify(list));
    else response.writeHead(404).end('{}');
  });
  const all = await inventory({ places: host.places });
  t.same(at(all, lab)?.names, [`netns:${lab.name}`]);
  t.same(ownProblems(all), []);
});

const cri = 'io.kubernetes.cri';

test('containerd, by what it leaves on disk', async (t) => {
  const host = new EmptyHost(t);
  const [pod, plain] = [new Lab(t, 'pod'), new Lab(t, 'plain')];
  const sandbox = 'a'.repeat(64);
  const network = (lab: Lab): object => ({
    namespaces: [{ type: 'pid' }, { type: 'network', path: lab.path }],
  });
  host.write(`containerd/k8s.io/${sandbox}/config.json`, {
    annotations: {
      [`${cri}.container-type`]: 'sandbox',
      [`${cri}.sandbox-id`]: sandbox,
      [`${cri}.sandbox-name`]: 'nginx',
      [`${cri}.sandbox-namespace`]: 'default',
    },
    linux: network(pod),
  });
  host.write(`containerd/k8s.io/${'b'.repeat(64)}/config.json`, {
    annotations: {
      [`${cri}.container-type`]: 'container',
      [`${cri}.container-name`]: 'server',
      [`${cri}.sandbox-name`]: 'nginx',
      [`${cri}.sandbox-namespace`]: 'default',
    },
    linux: network(pod),
  });
  host.write('containerd/default/app/config.json', { linux: network(plain) });
  host.write('containerd/default/broken/config.json', 'no JSON');
  const all = await inventory({ places: host.places });
  t.same(at(all, pod)?.names, [
    'pod:default/nginx',
    `containerd:${'a'.repeat(12)}`,
    'containerd:server',
    `netns:${pod.name}`,
  ]);
  t.match(at(all, pod)?.owner, {
    kind: 'pod',
    name: 'default/nginx',
    engine: 'containerd',
    container: sandbox,
    pod: { namespace: 'default', name: 'nginx' },
  });
  t.same(at(all, plain)?.names, ['containerd:app', `netns:${plain.name}`]);
});

test('podman and CRI-O, by containers/storage', async (t) => {
  const host = new EmptyHost(t);
  const [own, crio] = [new Lab(t, 'own'), new Lab(t, 'crio')];
  const child = own.namespace.run(() => spawn('sleep', ['100'], { stdio: 'ignore' }));
  const other = crio.namespace.run(() => spawn('sleep', ['100'], { stdio: 'ignore' }));
  t.teardown(() => [child, other].map((one) => one.kill('SIGKILL')));
  const [web, pod, stale] = ['1', '2', '3'].map((digit) => digit.repeat(64)) as [string, string, string];
  host.write('graph/overlay-containers/containers.json', [
    { id: web, names: ['web'] },
    { id: stale, names: ['stale'] },
    { id: 7 },
  ]);
  host.write(`run/overlay-containers/${web}/userdata/pidfile`, String(child.pid));
  host.write(`run/overlay-containers/${pod}/userdata/pidfile`, `${other.pid}\n`);
  host.write(`run/overlay-containers/${pod}/userdata/config.json`, {
    annotations: {
      'io.kubernetes.cri-o.ContainerType': 'sandbox',
      'io.kubernetes.pod.name': 'api',
      'io.kubernetes.pod.namespace': 'prod',
    },
  });
  // its process ended long ago, and another has its number
  const file = host.write(`run/overlay-containers/${stale}/userdata/pidfile`, String(child.pid));
  utimesSync(file, 1000, 1000);
  const all = await inventory({ places: host.places });
  t.same(at(all, own)?.names, ['podman:web', `netns:${own.name}`]);
  t.same(at(all, crio)?.names, ['pod:prod/api', `cri-o:${pod.slice(0, 12)}`, `netns:${crio.name}`]);
});

test('CNI’s cache names what no engine does', async (t) => {
  const host = new EmptyHost(t);
  const [pod, plain] = [new Lab(t, 'cnipod'), new Lab(t, 'cni')];
  const cached = (containerId: string, netns: string, cniArgs: string[][]): object => ({
    kind: 'cniCacheV1',
    containerId,
    config: '',
    ifName: 'eth0',
    networkName: 'net',
    netns,
    cniArgs,
  });
  const args = [
    ['IgnoreUnknown', '1'],
    ['K8S_POD_NAMESPACE', 'kube-system'],
    ['K8S_POD_NAME', 'dns-1'],
  ];
  host.write('cni/results/net-a-eth0', cached('a'.repeat(64), pod.path, args));
  host.write('cni/results/net-b-eth0', cached('job-7', plain.path, []));
  host.write('cni/results/net-c-eth0', cached('gone', '/run/netns/nl-gone', []));
  host.write('cni/results/net-d-eth0', 'rubbish');
  host.write('cni/results/net-e-eth0', cached('reused', `/proc/${process.pid}/ns/net`, []));
  const all = await inventory({ places: host.places });
  t.same(at(all, pod)?.names, ['pod:kube-system/dns-1', `cni:${'a'.repeat(12)}`, `netns:${pod.name}`]);
  t.same(at(all, plain)?.names, ['cni:job-7', `netns:${plain.name}`]);
  t.notMatch(JSON.stringify(all.namespaces.map(({ names }) => names)), /cni:(reused|gone)/);
});
