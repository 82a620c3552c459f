import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { type Test, test } from 'tap';
import { DhcpLab } from './support/dhcp.js';

/**
 * What systemd does, sd_listen_fds(3): opens a socket, and starts a program with it at each line that comes. Tells the
 * process and then its status.
 */
const manager = `
use POSIX;
use Socket;
my ($path, $count, $pid, @command) = @ARGV;
$| = 1;
my $socket;
socket($socket, PF_UNIX, SOCK_STREAM, 0) && bind($socket, pack_sockaddr_un($path)) && listen($socket, 8)
  or die "socket: $!";
print "ready\\n";
while (<STDIN>) {
  my $child = fork;
  if (!$child) {
    open(STDERR, '>&', \\*STDOUT);
    POSIX::dup2(fileno($socket), 20);
    POSIX::dup2(20, 3 + $_) for 0 .. $count - 1;
    POSIX::close(20);
    $ENV{LISTEN_PID} = $pid || $$;
    $ENV{LISTEN_FDS} = $count;
    exec(@command);
  }
  print "started $child\\n";
  waitpid($child, 0);
  print "ended ", $? >> 8, "\\n";
}
`;

class Systemd {
  readonly #child: ChildProcess;
  #said = '';
  #pid = 0;

  constructor(t: Test, { host, socketPath }: DhcpLab, sockets: number, listenPid = 0) {
    const daemon = [host.file('ours', 'dhcp'), 'daemon', '-socketpath', `${host.directory}/own.sock`];
    const args = ['-e', manager, socketPath, String(sockets), String(listenPid), ...daemon];
    this.#child = host.lab.namespace.run(() =>
      spawn('perl', args, { env: { PATH: process.env.PATH }, stdio: ['pipe', 'pipe', 'inherit'] }),
    );
    if (this.#child.stdout === null) throw new Error('perl has no output');
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      this.#said += `${line}\n`;
    });
    t.teardown(() => {
      this.#child.stdin?.end();
      this.end('SIGKILL');
    });
  }

  /** Waits until it, or the daemon, has said something. */
  async said(what: RegExp): Promise<RegExpExecArray> {
    for (let tries = 0; tries < 800; tries++) {
      const found = what.exec(this.#said);
      if (found !== null) return found;
      await pause(25);
    }
    throw new Error(`not said: ${what}, but ${this.#said}`);
  }

  async start(): Promise<void> {
    await this.said(/^(ready|ended \d+)$/m);
    this.#said = '';
    this.#child.stdin?.write('\n');
    this.#pid = Number((await this.said(/^started (\d+)$/m))[1]);
  }

  end(signal: NodeJS.Signals): void {
    if (this.#pid !== 0 && !/^ended /m.test(this.#said)) process.kill(this.#pid, signal);
  }
}

test('a socket of systemd', { timeout: 60_000 }, async (t) => {
  const lab = new DhcpLab(t);
  const systemd = new Systemd(t, lab, 1);
  const container = lab.container();
  await systemd.start();
  // whoever connects before the daemon is ready waits in the socket's queue
  await lab.must('ADD', container);
  t.notOk(existsSync(`${lab.host.directory}/own.sock`), 'it makes none of its own');
  systemd.end('SIGTERM');
  await systemd.said(/^ended 0$/m);
  t.ok(existsSync(lab.socketPath), 'the socket is systemd’s, and stays');
  await systemd.start();
  await lab.must('CHECK', container);
  await lab.must('DEL', container);
});

test('sockets that are none of its own', { timeout: 60_000 }, async (t) => {
  const two = new Systemd(t, new DhcpLab(t), 2);
  await two.start();
  await two.said(/Error getting listener: Too many \(2\) FDs passed through socket activation/);
  await two.said(/^ended 1$/m);
  // for another process: the variables were inherited
  const lab = new DhcpLab(t);
  const other = new Systemd(t, lab, 1, 1);
  const own = `${lab.host.directory}/own.sock`;
  await other.start();
  for (let tries = 0; tries < 400 && !existsSync(own); tries++) await pause(25);
  t.ok(existsSync(own), 'it makes its own');
  other.end('SIGTERM');
  await other.said(/^ended 0$/m);
  t.notOk(existsSync(own));
});
