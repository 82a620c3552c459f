#!/bin/bash
# build.sh DIRECTORY: builds the User-mode Linux kernel of linux.config from Debian's source package into DIRECTORY:
# `linux-cni` and `xstate-shim.so`. Takes three to five minutes on two cores, and 2 GB below /tmp meanwhile.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd)
source=linux-source-6.12
needed=''
for package in $source flex bison bc make gcc xz-utils libc6-dev libelf-dev; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || needed="$needed $package"
done
if [ -n "$needed" ]; then
  command -v apt-get > /dev/null || { echo "building the kernel needs Debian's packages$needed" >&2; exit 1; }
  sudo=''
  [ "$(id -u)" -eq 0 ] || sudo='sudo -n'
  export DEBIAN_FRONTEND=noninteractive
  # shellcheck disable=SC2086
  $sudo apt-get install -y -qq --no-install-recommends $needed > /dev/null ||
    { $sudo apt-get update -qq > /dev/null && $sudo apt-get install -y -qq --no-install-recommends $needed > /dev/null; }
fi
work=$(mktemp -d /tmp/netloom-kernel-build.XXXXXX)
trap 'rm -rf "$work"' EXIT
tar xf "/usr/src/$source.tar.xz" -C "$work" --strip-components=1
cd "$work"
make -s ARCH=um defconfig
scripts/kconfig/merge_config.sh -m .config "$here/linux.config" > /dev/null
make -s ARCH=um olddefconfig
# an option that another one forbids is dropped without a word
lost=$(grep -o '^CONFIG_[A-Z0-9_]*=y' "$here/linux.config" | while read -r option; do
  grep -q "^$option" .config || echo "${option%=y}"
done)
[ -z "$lost" ] || { echo "not in the resulting configuration: $lost" >&2; exit 1; }
make -s ARCH=um -j"$(nproc)" linux
strip linux
cc -O2 -Wall -shared -fPIC -o "$out/xstate-shim.so" "$here/xstate-shim.c"
# last: a kernel that is there is complete
install -m 755 linux "$out/.linux-cni.new"
mv "$out/.linux-cni.new" "$out/linux-cni"
