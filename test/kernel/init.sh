#!/bin/bash
# The guest's first process: lays an overlay over the host's files, runs the command in it, and powers off.
job=$1
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
off() { sync; echo o > /proc/sysrq-trigger; sleep 5; }

mount -t proc proc /proc
mount -t sysfs sysfs /sys
[ ! -e "$job/started" ] || off # never twice, whatever rebooted the guest
: > "$job/started"

mount -t tmpfs -o mode=755 tmpfs /run
new=/run/root
mkdir -p $new /run/upper /run/work
mount -t overlay -o lowerdir=/,upperdir=/run/upper,workdir=/run/work overlay $new || { echo 'kernel: no overlay'; off; }
mount -t proc proc $new/proc
mount -t sysfs sysfs $new/sys
mount -t devtmpfs -o mode=755 dev $new/dev
mkdir -p $new/dev/pts $new/dev/shm
mount -t devpts -o ptmxmode=666 devpts $new/dev/pts
mount -t tmpfs -o mode=1777 tmpfs $new/dev/shm
mount -t tmpfs -o mode=1777 tmpfs $new/tmp
mount -t tmpfs -o mode=755 tmpfs $new/run
mkdir -p $new/run/netns $new/run/lock
ln -sfn /proc/self/fd $new/dev/fd
ln -sf pts/ptmx $new/dev/ptmx
for n in 0:stdin 1:stdout 2:stderr; do ln -sf "/proc/self/fd/${n%:*}" "$new/dev/${n#*:}"; done
mount -t cgroup2 cgroup2 $new/sys/fs/cgroup 2>/dev/null
mount -t bpf bpf $new/sys/fs/bpf 2>/dev/null
while read -r directory; do
  mkdir -p "$new$directory" && mount --bind "$directory" "$new$directory" || echo "kernel: cannot share $directory"
done < "$job/shared"

mkdir -p $new/run/old
cd $new && pivot_root . run/old && exec chroot . /bin/bash -c '
  umount -l /run/old
  ip link set lo up
  ( . "$1/environment"; unset TMPDIR; . "$1/command" ) < /dev/null > "$1/stdout" 2> "$1/stderr"
  echo $? > "$1/status.new"
  mv "$1/status.new" "$1/status"
  sync
  echo o > /proc/sysrq-trigger
  sleep 20' init "$job"
echo 'kernel: cannot change root'
off
