import type { CniHost, Container, Json } from '../../support/host.js';

export function configOf(host: CniHost, extra: Json = {}): Json {
  return {
    cniVersion: '1.1.0',
    name: 'net',
    type: 'tap',
    ipam: { type: 'host-local', subnet: '10.67.0.0/24', dataDir: host.dataDir },
    ...extra,
  };
}

export interface TapData {
  readonly type: string;
  readonly pi: boolean;
  readonly vnet_hdr: boolean;
  readonly multi_queue: boolean;
  readonly persist: boolean;
  readonly user?: number | string;
  readonly group?: number | string;
}

export interface TapLink {
  readonly address: string;
  readonly mtu: number;
  readonly flags: string[];
  readonly master?: string;
  readonly linkinfo: { readonly info_kind: string; readonly info_data: TapData };
}

export function tapLink({ lab }: Container, ifname = 'eth0'): TapLink {
  return lab.ip('link', 'show', ifname)[0] as TapLink;
}

/**
 * What a virtual machine does: opens the tap, asks over it who has an address, and prints the answer's sender. With a
 * descriptor for each queue.
 */
const machine = `
use Fcntl;
my ($name, $queues, $header, $asked) = @ARGV;
alarm 20;
my @fds;
for (1 .. $queues) {
  sysopen(my $fd, '/dev/net/tun', O_RDWR) or die "open: $!\\n";
  my $flags = 0x1002 | ($queues > 1 ? 0x0100 : 0) | ($header ? 0x4000 : 0);
  ioctl($fd, 0x400454ca, pack('a16 S x22', $name, $flags)) or die "TUNSETIFF: $!\\n";
  push @fds, $fd;
}
my $padding = "\\0" x ($header ? 10 : 0);
my $own = '020000000009';
my $frame = pack('H*', "ffffffffffff\${own}0806" . '0001080006040001' . "\${own}0a430009" . '000000000000' . $asked);
my $mask = '';
vec($mask, fileno($_), 1) = 1 for @fds;
# the kernel takes up to a second to see that the tap is open, and drops its answers until then
for (1 .. 50) {
  syswrite($fds[0], $padding . $frame) or die "write: $!\\n";
  while (select(my $ready = $mask, undef, undef, 0.1)) {
    for my $fd (grep { vec($ready, fileno($_), 1) } @fds) {
      sysread($fd, my $got, 2048);
      my $hex = unpack('H*', substr($got, length $padding));
      print join(':', $1 =~ /../g) and exit if $hex =~ /^\${own}.{12}08060001080006040002(.{12})$asked/;
    }
  }
}
die "no answer\\n";
`;

export interface Machine {
  readonly uid: number;
  readonly gid: number;
  readonly queues?: number;
  readonly header?: boolean;
}

/** The hardware address that answers for 10.67.0.2 on the tap, or what goes wrong for a process of that user. */
export function askOver({ lab }: Container, { uid, gid, queues = 1, header = false }: Machine): string {
  // everybody may open the device, as udev has it; here it may be root's
  const script = [
    'mount -t tmpfs -o mode=755 tmpfs /dev/net',
    'mknod -m 666 /dev/net/tun c 10 200',
    'exec setpriv --reuid "$0" --regid "$1" --clear-groups perl -e "$2" eth0 "$3" "$4" 0a430002',
  ].join(' && ');
  const args = ['--mount', 'sh', '-c', script, uid, gid, machine, queues, header ? 1 : 0].map(String);
  const { stdout, stderr } = lab.namespace.execSync('unshare', args);
  return stdout === '' ? stderr.trim() : stdout;
}
