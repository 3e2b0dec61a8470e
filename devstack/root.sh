#!/usr/bin/env bash
# Debian of another suite beside this machine's: a root directory made by debootstrap, in which the same scripts run with that
# suite's QEMU, libvirt, JDK and Nova, under the running kernel.
#
# usage: root.sh COMMAND ...
#   make [--renew] SUITE [PACKAGES...]
#                          make the root of SUITE (bookworm, trixie, forky, sid, ...) unless it is there, and install PACKAGES
#                          that are missing in it; --renew: make it again from scratch, as also happens when its recipe changed
#   exec [--bind] SUITE [COMMAND...]
#                          run COMMAND in it (default: a shell); when COMMAND ends, so do all processes it left, and all mounts
#                          and namespaces it made; COMMAND's exit code is returned
#   list                   the roots that are there
#   remove SUITE|--all     delete roots
#
# In a root, this repository is at the same path as outside, as a copy without what was built: renewed by each exec, and what a
# build writes stays in the root. Only target/SUITE below the repository is the same directory inside and outside, for results.
#   --bind                 the repository itself instead of a copy, with all that was built; builds in it write outside
# /proc, /run, /tmp and /dev/shm are new for each exec; ~/.m2, /dev, /sys, the network and the kernel are this machine's.
# Packages start no services. COMMAND that is to survive a signal to root.sh gets 30 s to clean up after TERM.
#
# $SPLITMEM_ROOTS           where the roots are (default /var/lib/splitmem-roots)
# $SPLITMEM_DEBIAN_MIRROR   where Debian is fetched from (default: as this machine's apt, else http://deb.debian.org/debian)
# Needs root; installs debootstrap where it is missing.

set -euo pipefail
umask 022

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=lib.sh
. "$HERE/lib.sh"
ROOTS=${SPLITMEM_ROOTS:-/var/lib/splitmem-roots}
for part in recipe make enter; do
  # shellcheck source=/dev/null
  . "$HERE/root/$part.sh"
done

check_suite() { # SUITE
  [[ -n ${1:-} ]] || die "name a suite, like trixie (see --help)"
  [[ $1 =~ ^[a-z]+$ ]] || die "'$1' is no suite of Debian: bookworm, trixie, forky, sid, ..."
}

root_is_made() { [[ -e $ROOTS/$1/$RECIPE_FILE ]]; }

cmd_make() {
  local renew=no suite
  if [[ ${1:-} == --renew ]]; then renew=yes; shift; fi
  check_suite "${1:-}"
  suite=$1
  shift
  need_root
  mkdir -p "$ROOTS"
  take_lock "$ROOTS/.$suite.lock"
  if [[ $renew == yes ]] || ! is_current "$suite"; then bootstrap "$suite"; fi
  if (($#)); then install_in_root "$suite" "$@"; fi
  say "$ROOTS/$suite"
}

cmd_exec() {
  local repository=copy suite
  if [[ ${1:-} == --bind ]]; then repository=bind; shift; fi
  check_suite "${1:-}"
  suite=$1
  shift
  need_root
  root_is_made "$suite" || die "there is no root of $suite at $ROOTS: root.sh make $suite"
  use_root "$suite"
  if [[ $repository == copy ]]; then copy_repository "$ROOTS/$suite"; fi
  (($#)) || set -- bash
  enter "$ROOTS/$suite" "$repository" "$@"
}

roots() { [[ ! -d $ROOTS ]] || find "$ROOTS" -mindepth 1 -maxdepth 1 -type d -name '[a-z]*' -printf '%f\n' | sort; }

# shellcheck disable=SC2059  # one format for head and lines
cmd_list() {
  local suite current format='%-10s %-8s %-9s %s\n'
  printf "$format" SUITE DEBIAN RECIPE MADE
  for suite in $(roots); do
    if is_current "$suite"; then current=current; else current=changed; fi
    printf "$format" "$suite" "$(cat "$ROOTS/$suite/etc/debian_version")" "$current" \
      "$(date -r "$ROOTS/$suite/$RECIPE_FILE" '+%F %R')"
  done
}

cmd_remove() {
  local suites suite
  if [[ ${1:-} == --all ]]; then mapfile -t suites < <(roots); else check_suite "${1:-}"; suites=("$1"); fi
  need_root
  for suite in "${suites[@]}"; do
    [[ -d $ROOTS/$suite ]] || die "there is no root of $suite at $ROOTS"
    take_lock "$ROOTS/.$suite.lock"
    claim_unused "$suite"
    discard "$ROOTS/$suite"
    rm -f "$ROOTS/$suite.log" # not the locks: others may be waiting for them
    say "$suite is removed"
  done
}

main() {
  local command=${1:-}
  (($# == 0)) || shift
  case $command in
    make | exec | list | remove) "cmd_$command" "$@" ;;
    -h | --help | help) usage ;;
    "") usage >&2; exit 2 ;;
    *) die "no command '$command' (see --help)" ;;
  esac
}

main "$@"
