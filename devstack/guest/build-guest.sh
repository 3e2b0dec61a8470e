#!/usr/bin/env bash
# Builds the test guest: Debian's cloud kernel, and an initramfs of busybox, memload and the kernel's modules for a balloon.
#
# usage: build-guest.sh [DIRECTORY]
#   writes DIRECTORY/vmlinuz and DIRECTORY/initrd.gz (default: guest/ in the state directory of the cluster) and prints DIRECTORY.
#   Does nothing when both are there and newer than their sources. The kernel package is downloaded with apt-get, not installed.

set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../lib.sh
. "$HERE/../lib.sh"

# In the order in which they can be loaded.
MODULES=(virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_balloon)

fetch_kernel() { # FILE MODULES
  local package deb download module
  download=$(mktemp -d)
  package=$(kernel_package) || { apt_get update >&2 && package=$(kernel_package); } || die "no package linux-image-cloud-amd64"
  (cd "$download" && apt-get -q -o APT::Sandbox::User=root download "$package") >&2 || die "could not download $package"
  deb=$(echo "$download/"*.deb)
  dpkg-deb --fsys-tarfile "$deb" | tar -xO --wildcards './boot/vmlinuz-*' >"$1.new"
  [[ -s $1.new ]] || die "no kernel in $package"
  mkdir -p "$2"
  dpkg-deb --fsys-tarfile "$deb" >"$download/tar"
  for module in "${MODULES[@]}"; do
    tar -xOf "$download/tar" --wildcards "*/drivers/virtio/$module.ko" >"$2/$module.ko" || die "no module $module in $package"
  done
  mv "$1.new" "$1"
  rm -rf "$download"
}

kernel_package() { # linux-image-cloud-amd64 itself is empty and depends on the current one
  apt-cache depends linux-image-cloud-amd64 2>/dev/null | awk '/Depends: linux-image-[0-9]/ { print $2; found = 1; exit } END { exit !found }'
}

build_initrd() { # FILE MODULES
  local root module number=0
  root=$(mktemp -d)
  mkdir "$root"/{bin,dev,proc,sys,modules}
  for module in "${MODULES[@]}"; do cp "$2/$module.ko" "$root/modules/$((number++))-$module.ko"; done
  gcc -std=gnu11 -O2 -Wall -Wextra -Werror -static -pthread -o "$root/bin/memload" "$HERE/memload.c"
  cp /bin/busybox "$root/bin/"
  install -m 0755 "$HERE/init" "$root/init"
  (cd "$root" && find . -print0 | cpio --null --quiet -o -H newc | gzip -6) >"$1.new"
  mv "$1.new" "$1"
  rm -rf "$root"
}

is_newer_than() { # FILE SOURCE...
  local file=$1 source
  shift
  [[ -s $file ]] || return 1
  for source in "$@"; do [[ $file -nt $source ]] || return 1; done
}

main() {
  if [[ ${1:-} == --help || ${1:-} == -h ]]; then
    usage
    return 0
  fi
  local out=${1:-$STATE/guest}
  mkdir -p "$out"
  take_lock "$out/.lock"
  if [[ ! -s $out/vmlinuz || ! -s $out/modules/${MODULES[-1]}.ko ]]; then fetch_kernel "$out/vmlinuz" "$out/modules"; fi
  if ! is_newer_than "$out/initrd.gz" "$HERE/memload.c" "$HERE/init" "$HERE/build-guest.sh" "$out/vmlinuz"; then
    install_packages busybox-static cpio gcc libc6-dev >&2
    build_initrd "$out/initrd.gz" "$out/modules"
  fi
  say "$out"
}

main "$@"
