#!/bin/bash
# Runs a command on a User-mode Linux kernel that has every device type of CNI plugins.
#
#   run.sh [-C DIR] [-t SECONDS] [-m MEMORY] KERNEL -- COMMAND [ARGUMENT...]
#
#   -C DIR      directory to run in; what is written below it is kept      (default: the current one)
#   -t SECONDS  time for all of it                                         (default: 900)
#   -m MEMORY   memory of the guest                                        (default: 1G)
#   KERNEL      a kernel that build.sh made; xstate-shim.so lies beside it
#
# The guest sees the host's files at the same paths. What it writes elsewhere than below DIR is gone at the end; /tmp,
# /run and /dev/shm are its own. Its network is empty but for lo, so no packet leaves this machine. The command has the
# caller's environment and is root; its output and exit status are passed on. Further statuses: 124 when the time is
# up, 125 when the kernel did not boot or died.
set -uo pipefail

main() { # one function, so that an edit of this file does not disturb a run
  fail() { echo "kernel: $*" >&2; exit 125; }
  local directory=$PWD limit=900 memory=1G option
  while getopts 'C:t:m:' option; do
    case $option in
      C) directory=$OPTARG ;;
      t) limit=$OPTARG ;;
      m) memory=$OPTARG ;;
      *) exit 125 ;;
    esac
  done
  shift $((OPTIND - 1))
  [ $# -ge 3 ] && [ "$2" = -- ] || fail 'usage: run.sh [-C DIR] [-t SECONDS] [-m MEMORY] KERNEL -- COMMAND'
  local kernel=$1
  shift 2
  [ -x "$kernel" ] || fail "no kernel $kernel"
  directory=$(cd "$directory" && pwd -P) || fail "no directory $directory"

  job=$(mktemp -d "${TMPDIR:-/tmp}/netloom-kernel.XXXXXX") || exit 125
  guest=''
  cleanup() {
    if [ -n "$guest" ]; then
      [ "$(ps -o pgid= -p "$guest" 2>/dev/null | tr -d ' ')" != "$guest" ] || kill -9 -- "-$guest" 2>/dev/null
      kill -9 "$guest" 2>/dev/null
      wait "$guest" 2>/dev/null
    fi
    rm -rf "$job"
  }
  trap cleanup EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM

  : > "$job/stdout"
  : > "$job/stderr"
  : > "$job/console"
  export -p | grep -vE '^declare -x (PWD|OLDPWD|SHLVL|_|LD_PRELOAD|TMPDIR)(=|$)' > "$job/environment"
  { printf 'cd %q || exit 125\n' "$directory"; printf '%q ' "$@"; echo; } > "$job/command"
  printf '%s\n' "$directory" "$job" > "$job/shared"
  install -m 755 "$(dirname "$(readlink -f "$0")")/init.sh" "$job/init"

  ulimit -c 0
  # the guest's memory is a deleted file with executable mappings: /dev/shm is often too small for it
  local ram=/dev/shm
  [ "$(df -Pm $ram | awk 'NR==2 {print $4}')" -gt 2048 ] || ram=${TMPDIR:-/tmp}
  # all that the guest's process forks ends with it: by a PID namespace, without root by the process group
  local namespaces='unshare -p -f --kill-child'
  [ "$(id -u)" = 0 ] || namespaces=setsid
  local shim
  shim=$(dirname "$kernel")/xstate-shim.so
  [ -r "$shim" ] || shim=''
  # shellcheck disable=SC2086
  TMPDIR=$ram LD_PRELOAD=$shim $namespaces "$kernel" mem="$memory" rootfstype=hostfs root=/dev/root rw \
    init="$job/init" uml_dir="$job" umid=guest con=null con0=null,fd:1 ssl=null quiet \
    dummy.numdummies=0 ifb.numifbs=0 bonding.max_bonds=0 -- "$job" > "$job/console" 2>&1 < /dev/null &
  guest=$!
  # output is passed on while it is written; each reader ends, with everything read, after the guest
  tail -n +1 -s 0.1 -f --pid="$guest" "$job/stdout" 2>/dev/null & local out=$!
  tail -n +1 -s 0.1 -f --pid="$guest" "$job/stderr" 1>&2 2>/dev/null & local err=$!

  local end=$((SECONDS + limit)) late=''
  while kill -0 "$guest" 2>/dev/null && [ ! -e "$job/status" ]; do
    [ $SECONDS -lt $end ] || { late="no end after $limit s; "; break; }
    # a kernel that panicked would spin
    ! grep -qa '^\(\[ *[0-9.]*\] \)\?Kernel panic' "$job/console" || break
    sleep 0.05
  done
  if [ -e "$job/status" ]; then
    for _ in $(seq 20); do kill -0 "$guest" 2>/dev/null || break; sleep 0.05; done
  fi
  [ "$namespaces" != setsid ] || kill -9 -- "-$guest" 2>/dev/null
  kill -9 "$guest" 2>/dev/null
  wait "$guest" 2>/dev/null
  wait "$out" "$err" 2>/dev/null
  [ ! -e "$job/status" ] || exit "$(cat "$job/status")"
  echo "kernel: ${late}no exit status from the guest; the end of its console:" >&2
  tail -n 25 "$job/console" | tr -d '\r' | sed 's/^/  | /' >&2
  [ -n "$late" ] && exit 124 || exit 125
}
main "$@"
exit
