import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { test } from 'tap';
import { type Exec, type ExecCall, parseNetworkList, Runtime } from '../../host/runtime/index.js';
import { temporaryDirectory } from '../plugins/ipam/support/leases.js';
import { Lab } from '../support/lab.js';

const directory = '/usr/lib/cni';

/** Runs a program with what a plugin would get. */
async function start(namespace: string, file: string, { environment, stdin }: ExecCall) {
  const child = spawn('nsenter', [`--net=${namespace}`, file], {
    env: environment,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const out: Record<'stdout' | 'stderr', string> = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (text: string) => {
      out[name] += text;
    });
  child.stdin.end(stdin);
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { ...out, status: code === 0 ? undefined : `exit status ${code}` };
}

test('an embedder finds and executes plugins in its own way', { timeout: 60_000 }, async (t) => {
  t.ok(existsSync(`${directory}/host-local`), 'Debian’s plugins are needed: containernetworking-plugins');
  const host = new Lab(t, 'exechost');
  const pod = new Lab(t, 'execpod');
  const calls: string[] = [];
  let busy = 1;
  const exec: Exec = {
    find: async (type, path) => {
      t.same(path, ['/not/a/place']);
      if (type === 'nowhere') throw new Error('it is not in the registry');
      return `remote:${type}`;
    },
    execute: async (file, call) => {
      calls.push(`${file} ${call.environment.CNI_COMMAND}`);
      if (busy-- > 0) throw Object.assign(new Error('text file busy'), { code: 'ETXTBSY' });
      return await start(host.path, `${directory}/${file.slice('remote:'.length)}`, call);
    },
  };
  const cacheDirectory = temporaryDirectory(t);
  const runtime = new Runtime({ path: ['/not/a/place'], inProcess: false, cacheDirectory, exec });
  const list = parseNetworkList(
    JSON.stringify({
      cniVersion: '1.0.0',
      name: 'far',
      plugins: [
        { type: 'bridge', bridge: 'br0', ipam: { type: 'static', addresses: [{ address: '10.9.0.2/24' }] } },
      ],
    }),
  );
  const attachment = { containerId: 'c1', netns: pod.path, ifname: 'eth0' };
  t.same((await runtime.versionInfo('bridge', { inProcess: false })).file, 'remote:bridge');
  t.same(calls.splice(0), ['remote:bridge VERSION', 'remote:bridge VERSION'], 'a busy file is tried again');
  // the reference's bridge looks for its IPAM plugin itself, where CNI_PATH says
  await t.rejects(runtime.addNetworkList(list, attachment), { code: 'ERR_CNI_999' });
  t.same(calls.splice(0), ['remote:bridge ADD']);

  // ours delegates through the hook
  const mixed = new Runtime({
    path: ['/not/a/place'],
    inProcess: true,
    bundled: async (type) =>
      type === 'macvlan' ? (await import('../../host/plugins/index.js')).bundled(type) : undefined,
    cacheDirectory,
    exec,
  });
  const delegating = parseNetworkList(
    JSON.stringify({
      cniVersion: '1.0.0',
      name: 'near',
      plugins: [
        {
          type: 'macvlan',
          master: 'm0',
          linkInContainer: true,
          ipam: { type: 'static', addresses: [{ address: '10.9.1.2/24' }] },
        },
      ],
    }),
  );
  pod.run('ip', 'link', 'add', 'm0', 'type', 'veth', 'peer', 'name', 'm1');
  // the reference's bridge left its eth0 behind
  const second = { ...attachment, ifname: 'eth1' };
  const { result } = await mixed.addNetworkList(delegating, second);
  t.equal(result.ips?.[0]?.address, '10.9.1.2/24');
  t.match(pod.run('ip', '-j', 'addr', 'show', 'eth1'), '10.9.1.2');
  await mixed.delNetworkList(delegating, second);
  t.same(calls, ['remote:static ADD', 'remote:static DEL']);
  const missing = parseNetworkList('{"cniVersion":"1.0.0","name":"n","plugins":[{"type":"nowhere"}]}');
  await t.rejects(runtime.addNetworkList(missing, attachment), /it is not in the registry/);
});

test('keys that nobody reads are warned of', async (t) => {
  const text = `{
  "cniVersion": "1.0.0",
  "name": "typos",
  "plugins": [
    { "type": "bridge", "isGatway": true, "MTU": 1500, "cni.dev/own": 1,
      "args": { "anything": 1 }, "runtimeConfig": { "x": 1 },
      "ipam": { "type": "host-local", "subnet": "10.1.0.0/16", "rangs": [], "ranges": [[{ "subnet": "10.2.0.0/16", "form": "x" }]] } },
    { "type": "tuning", "sysctl": { "net.ipv4.ip_forward": "1" } }
  ]
}`;
  const { problems, warnings } = await new Runtime().validateNetworkList(parseNetworkList(text));
  t.same(problems, []);
  t.same(
    warnings.map(({ message, place }) => [message, place?.position.line]),
    [
      ['isGatway: bridge does not know this key', 5],
      ['ipam.rangs: host-local does not know this key', 7],
      ['ipam.ranges[0][0].form: host-local does not know this key', 7],
    ],
  );
});
