#!/usr/bin/env bash
# The first process of a root's PID and mount namespace, started by enter.sh: sets up its file systems, moves into it, runs the
# command, and ends with it.
#
# The root becomes the namespace's root by pivot_root, not by chroot: a process that enters a mount namespace by setns lands in that
# namespace's root, and from a chroot that would be the machine's own.

set -euo pipefail

ROOT=$1 REPOSITORY=$2 REPOSITORY_AS=$3 DIRECTORY=$4 MAVEN=$5
shift 5

mount_all() {
  mount --bind "$ROOT" "$ROOT" # pivot_root wants a mount point
  mount -t proc proc "$ROOT/proc"
  mount --rbind /sys "$ROOT/sys"
  mount --rbind /dev "$ROOT/dev"
  mount -t tmpfs -o mode=1777 tmpfs "$ROOT/dev/shm"
  mount -t tmpfs -o mode=0755 tmpfs "$ROOT/run"
  mount -t tmpfs -o mode=1777 tmpfs "$ROOT/tmp"
  mkdir -p "$ROOT/run/lock" "$ROOT/root/.m2"
  mount --bind "$MAVEN" "$ROOT/root/.m2"
  case $REPOSITORY_AS in
    bind) bind "$REPOSITORY" ;;
    copy) bind "$REPOSITORY/target/${ROOT##*/}" ;;
  esac
}

bind() { # DIRECTORY, at the same path inside
  mkdir -p "$ROOT$1"
  mount --bind "$1" "$ROOT$1"
}

# Names as this machine resolves them. Copies: a package may replace a file, but not a mount point.
copy_names() {
  local file new
  for file in /etc/resolv.conf /etc/hosts /etc/hostname; do
    if [[ -e $file ]]; then
      new=$(mktemp "$ROOT$file.XXXXXX")
      cat "$file" >"$new"
      chmod 644 "$new"
      mv "$new" "$ROOT$file"
    fi
  done
}

# Variables that lead to files of this machine stay out.
run() {
  local child status
  # shellcheck disable=SC2086  # the unset options are words
  env --default-signal=INT,QUIT -u JAVA_HOME -u MAVEN_HOME -u M2_HOME -u TMPDIR -u XDG_RUNTIME_DIR -u LD_LIBRARY_PATH -u LD_PRELOAD \
    HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@" <&0 &
  child=$!
  trap : INT
  trap 'kill -TERM $child 2>/dev/null || true' TERM
  while :; do
    status=0
    wait "$child" || status=$?
    kill -0 "$child" 2>/dev/null || break
  done
  exit "$status"
}

mount_all
copy_names
cd "$ROOT"
pivot_root . mnt
umount -l /mnt
cd "$DIRECTORY" 2>/dev/null || cd /
run "$@"
