# shellcheck shell=bash
# Functions and settings that the devstack scripts share. Sourced, never run.

export LC_ALL=C.UTF-8 # what programs print is read here, and numbers have a point
DEVSTACK=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
REPOSITORY=$(dirname "$DEVSTACK")
# What the environment may override, for the scripts that source this file.
# shellcheck disable=SC2034
STATE=${SPLITMEM_DEVSTACK_STATE:-/var/lib/splitmem-devstack}
# shellcheck disable=SC2034
DISTRIBUTION=${SPLITMEM_DISTRIBUTION:-$REPOSITORY/distribution/target/splitmem}

say() { printf '%s\n' "$*"; }
warn() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() { warn "$*"; exit 1; }

# The comment block at the head of the running script is its help.
usage() { sed -n '2,/^[^#]*$/s/^# \{0,1\}//p' "$0"; }

need_root() { [[ $(id -u) == 0 ]] || die "needs root (namespaces, mounts, libvirtd)"; }

# Seconds with fraction, for measuring: elapsed START prints what passed since START=$(now).
now() { printf '%s\n' "$EPOCHREALTIME"; }
elapsed() { awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }'; }

# wait_for LIMIT_SECONDS WHAT COMMAND...: retries COMMAND until it succeeds; after the limit says so and returns 1. On a machine that
# is slow, or busy with something else, $SPLITMEM_PATIENCE times the limit.
wait_for() {
  local limit=$(($1 * ${SPLITMEM_PATIENCE:-1})) what=$2 deadline
  shift 2
  deadline=$((${EPOCHREALTIME/./} + limit * 1000000))
  until "$@" >/dev/null 2>&1; do
    if ((${EPOCHREALTIME/./} > deadline)); then
      warn "gave up after $limit s: $what"
      return 1
    fi
    sleep 0.1
  done
}

# take_lock FILE: waits for the exclusive use of FILE until this script ends. start_process closes it in what it starts.
take_lock() {
  exec {LOCK_FD}>>"$1"
  flock -n "$LOCK_FD" || { say "waiting for another run to finish ($1)"; flock "$LOCK_FD"; }
}

# Closes every descriptor above 2: a daemon must hold neither our lock nor a pipe of whoever called us.
close_inherited_descriptors() {
  local entry fd
  for entry in "/proc/$BASHPID/fd/"*; do
    fd=${entry##*/}
    if ((fd > 2)); then eval "exec $fd>&-"; fi
  done
}

# packages_missing PACKAGE...: prints those that are not installed.
packages_missing() {
  local package
  for package in "$@"; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || printf '%s\n' "$package"
  done
}

# install_packages PACKAGE...: installs what is missing, without letting a package start its services on this machine.
install_packages() {
  local missing log
  command -v dpkg-query >/dev/null || { warn "no dpkg here: assuming that $* are installed"; return 0; }
  mapfile -t missing < <(packages_missing "$@")
  ((${#missing[@]})) || return 0
  say "installing ${missing[*]}"
  log=$(mktemp)
  if ! without_starting_services install_now "${missing[@]}" >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    die "apt-get could not install ${missing[*]} (whole log: $log)"
  fi
  rm -f "$log"
}

# In a subshell, of which the end takes the policy away also when it is interrupted: otherwise no package could ever start a service.
without_starting_services() (
  policy=/usr/sbin/policy-rc.d
  if [[ ! -e $policy ]]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
  fi
  "$@"
)

install_now() { apt_get install "$@" || { apt_get update && apt_get install "$@"; }; }

# Waits for another run of apt-get that is under way.
apt_get() { DEBIAN_FRONTEND=noninteractive apt-get -y -o DPkg::Lock::Timeout=300 --no-install-recommends "$@" </dev/null; }

# test_totals DIRECTORY: adds up Surefire's reports below it; prints: tests, failures and errors, skipped.
test_totals() {
  find "$1" -path '*/target/surefire-reports/TEST-*.xml' -exec grep -h -m 1 -A 3 '<testsuite ' {} + |
    grep -oE ' (tests|errors|failures|skipped)="[0-9]+"' | tr -d '"' |
    awk -F= '{ n[$1] += $2 } END { print n[" tests"] + 0, n[" errors"] + n[" failures"] + 0, n[" skipped"] + 0 }'
}

# failed_tests DIRECTORY: the names of those that failed, from Surefire's reports below it, a line each.
failed_tests() {
  find "$1" -path '*/target/surefire-reports/TEST-*.xml' -exec awk '
    /<testcase / {
      test = class = $0
      sub(/.* name="/, "", test); sub(/".*/, "", test)
      sub(/.* classname="/, "", class); sub(/".*/, "", class); sub(/.*\./, "", class)
    }
    /<(failure|error)[ >]/ { print class "#" test }' {} + | sort -u
}

# ---- the guest's workload, read from its serial log (see guest/memload.c) ----

guest_is_ready() { grep -q '^READY ' "$1" 2>/dev/null; }

# guest_report LOG: the newest complete line "T ..." of the workload.
guest_report() { tr -d '\r' <"$1" | grep -E '^T [0-9.]+ ops/s [0-9]+ bad [0-9]+ verified [0-9]+ sweep [0-9]+$' | tail -n 1; }

# guest_value LOG NAME: one number of the newest report; NAME is T, ops/s, bad, verified or sweep.
guest_value() { guest_report "$1" | awk -v name="$2" '{ for (i = 1; i < NF; i += 2) if ($i == name) print $(i + 1) }'; }

# guest_swept LOG SWEEP: true once the guest has completed more than SWEEP full verifications.
guest_swept() { (($(guest_value "$1" sweep || echo 0) > $2)); }
