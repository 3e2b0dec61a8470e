#!/usr/bin/env bash
# Builds the test guest: Debian's cloud kernel, and an initramfs of busybox, memload, diskload and the modules of its devices and a balloon.
#
# usage: build-guest.sh [DIRECTORY]
#   writes DIRECTORY/vmlinuz and DIRECTORY/initrd.gz (default: guest/ in the state directory of the cluster) and prints DIRECTORY.
#   Does nothing when both are there and newer than their sources. The kernel package is downloaded with apt-get, not installed.

set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../lib.sh
. "$HERE/../lib.sh"

MODULES=(virtio_pci virtio_blk virtio_net ata_piix ahci sr_mod isofs button evdev virtio_balloon)

fetch_kernel() { # DIRECTORY: writes vmlinuz and modules there
  local package deb download
  install_packages xz-utils >&2 # Debian 13 has its modules compressed
  download=$(mktemp -d)
  package=$(kernel_package) || { apt_get update >&2 && package=$(kernel_package); } || die "no package linux-image-cloud-amd64"
  (cd "$download" && apt-get -q -o APT::Sandbox::User=root download "$package") >&2 || die "could not download $package"
  deb=$(echo "$download/"*.deb)
  dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$download" --wildcards './boot/vmlinuz-*' '*/modules/*'
  choose_modules "$download" "$1/modules"
  mv "$download"/boot/vmlinuz-* "$1/vmlinuz" # last: without it nothing is there
  rm -rf "$download"
}

# choose_modules TREE DIRECTORY: those of MODULES and what they depend on, in the order in which they can be loaded: 01-virtio.ko, ...
choose_modules() {
  local tree=$1 module
  declare -gA MODULE_TAKEN=()
  rm -rf "$2"
  mkdir -p "$2"
  for module in "${MODULES[@]}"; do take_module "$tree" "$module" "$2"; done
  printf '%s\n' "${MODULES[*]}" >"$2/.chosen"
}

take_module() { # TREE NAME DIRECTORY
  local tree=$1 name=${2//-/_} file dependency
  [[ -z ${MODULE_TAKEN[$name]:-} ]] || return 0
  MODULE_TAKEN[$name]=yes
  file=$(find "$tree" -name "${name//_/[-_]}.ko*" -print -quit)
  [[ -n $file ]] || return 0 # built into the kernel
  if [[ $file == *.xz ]]; then unxz "$file"; file=${file%.xz}; fi
  for dependency in $(tr '\0' '\n' <"$file" | sed -n 's/^depends=//p' | tr ',' ' '); do take_module "$tree" "$dependency" "$3"; done
  cp "$file" "$(printf '%s/%02d-%s.ko' "$3" "$(find "$3" -name '*.ko' | wc -l)" "$name")"
}

kernel_package() { # linux-image-cloud-amd64 itself is empty and depends on the current one
  apt-cache depends linux-image-cloud-amd64 2>/dev/null | awk '/Depends: linux-image-[0-9]/ { print $2; found = 1; exit } END { exit !found }'
}

build_initrd() { # FILE MODULES
  local root program
  root=$(mktemp -d)
  mkdir "$root"/{bin,dev,proc,sys}
  for program in memload diskload; do
    gcc -std=gnu11 -O2 -Wall -Wextra -Werror -static -pthread -o "$root/bin/$program" "$HERE/$program.c"
  done
  cp /bin/busybox "$HERE/devices" "$root/bin/"
  cp -r "$2" "$root/modules"
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
  [[ -s $out/vmlinuz && $(cat "$out/modules/.chosen" 2>/dev/null) == "${MODULES[*]}" ]] || fetch_kernel "$out"
  if ! is_newer_than "$out/initrd.gz" "$HERE"/{memload.c,diskload.c,init,devices,build-guest.sh} "$out/modules/.chosen"; then
    install_packages busybox-static cpio gcc libc6-dev >&2
    build_initrd "$out/initrd.gz" "$out/modules"
  fi
  say "$out"
}

main "$@"
