#!/usr/bin/env bash
# Measures splitmem side by side with stock QEMU, raw sockets and itself, on a cluster of virtual hosts of its own.
#
# usage: bench.sh [options]
#   --rows A,B,...      only these rows (see --list); the results of the others are then not in the files
#   --runs N            repetitions of each measurement, of which the median counts (default 3)
#   --memory MIB        RAM of the guest (default 1024), but where a row compares sizes
#   --results FILE      measurements in Markdown (default docs/BENCHMARKS.md)
#   --json FILE         a list of measure, value, target, met (default target/bench.json)
#   --keep              leave the cluster up
#   --list              the rows
#
#   $SPLITMEM_BENCH_BRIDGE_CONF   a nova-bridge.conf: reservations are made in that cloud's Placement, and taken back; its nova-bridge
#                                 should be stopped meanwhile (default: a Placement in memory)
#   $SPLITMEM_BENCH_BRIDGE_EXEC   what runs a command where that Placement can be reached, as "devstack/aio.sh exec controller"
#   $SPLITMEM_BENCH_BRIDGE_ADDS   a file of seconds, one a line, by which nova-bridge made migrations longer on an OpenStack
#
# Needs root, 8 GiB of free memory and 3 GiB of free disk. Takes about three quarters of an hour; nothing else should run meanwhile.
# The distribution must have been built (build.sh). Every number is measured, none is asserted: exit code 0 unless a row
# could not be measured.

set -euo pipefail
umask 022

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export SPLITMEM_DEVSTACK_STATE=${SPLITMEM_DEVSTACK_STATE:-/var/lib/splitmem-bench}
# shellcheck source=lib.sh
. "$HERE/lib.sh"
# shellcheck source=bench/results.sh
. "$HERE/bench/results.sh"
# shellcheck source=bench/hosts.sh
. "$HERE/bench/hosts.sh"
# shellcheck source=bench/guests.sh
. "$HERE/bench/guests.sh"
# shellcheck source=bench/migrations.sh
. "$HERE/bench/migrations.sh"
# shellcheck source=bench/rows-migration.sh
. "$HERE/bench/rows-migration.sh"
# shellcheck source=bench/rows-paging.sh
. "$HERE/bench/rows-paging.sh"
# shellcheck source=bench/rows-onward.sh
. "$HERE/bench/rows-onward.sh"
# shellcheck source=bench/rows-telemetry.sh
. "$HERE/bench/rows-telemetry.sh"
# shellcheck source=bench/rows-bridge.sh
. "$HERE/bench/rows-bridge.sh"

# Name, and what it measures. The function row_NAME measures it; order of the results.
ROWS=(
  "time:one-to-N time against stock pre-copy and multifd; idle and busy guest, unlimited and 1 Gbit/s"
  "swap:the same against stock pre-copy to a host that has only the budget and swaps"
  "downtime:STOP to RESUME against stock pre-copy, from the same migrations as time, and from 0.5 to 4 GiB"
  "floor:downtime against a migration whose RAM needs no transfer"
  "latency:page-in latency against a request on a raw socket"
  "bulk:bulk rate against raw sockets"
  "gather:rate at which a split VM is gathered against a raw socket"
  "move:rate at which a sub-host's pages move to another against a raw socket"
  "partial:time, downtime and bytes of moving a split VM's main host alone, against moving all of it and against one-to-N"
  "collect:N-to-one time and downtime against QEMU's own migration of the split VM, one-to-one and one-to-N"
  "replace:guest throughput while a sub-host is replaced against before"
  "local:guest throughput, split-ready against not"
  "after:guest throughput after the split against before"
  "sampling:CPU time of working-set sampling"
  "metadata:daemon memory per page"
  "telemetry:page-in latency while the daemon is asked how it goes, against while it is not"
  "planning:time of a plan at 1,000 hosts"
  "booking:100 reservations at once in Placement"
  "bridge:what nova-bridge adds to a migration"
)

parse() {
  WANTED=("${ROWS[@]%%:*}") RUNS=3 MEMORY=1024 KEEP=no FAILED=0 ROW="" RESULTS=$REPOSITORY/docs/BENCHMARKS.md JSON=$REPOSITORY/target/bench.json
  while (($#)); do
    case $1 in
      --keep) KEEP=yes; shift; continue ;;
      --list) list_rows; exit 0 ;;
      -h | --help) usage; exit 0 ;;
      --*) (($# > 1)) || die "$1 needs a value" ;;&
      --rows) IFS=, read -ra WANTED <<<"$2" ;;
      --runs) RUNS=$2 ;;
      --memory) MEMORY=$2 ;;
      --results) RESULTS=$2 ;;
      --json) JSON=$2 ;;
      *) die "unknown option '$1' (see --help)" ;;
    esac
    shift 2
  done
  [[ $RUNS =~ ^[1-9][0-9]?$ ]] || die "--runs is a number from 1 to 99, not '$RUNS'"
  if ! [[ $MEMORY =~ ^[1-9][0-9]{2,4}$ ]] || ((MEMORY < 256)); then die "--memory is in MiB, 256 to 99999, not '$MEMORY'"; fi
  check_rows
}

list_rows() {
  local row
  for row in "${ROWS[@]}"; do printf '%-10s %s\n' "${row%%:*}" "${row#*:}"; done
}

check_rows() {
  local row
  for row in "${WANTED[@]}"; do
    [[ " ${ROWS[*]%%:*} " == *" $row "* ]] || die "no row '$row' (see --list)"
  done
}

wanted() { [[ " ${WANTED[*]} " == *" $1 "* ]]; }

# In a background shell, so that any error ends the row, and only the row; in a process group of its own, so that it can be ended
# with all that it has started.
measure_row() { # NAME
  local started shown log=$WORK/$1.log
  started=$(now)
  say "== $1"
  : >"$log" # before tail looks for it
  set -m
  ("row_$1") >"$log" 2>&1 &
  ROW=$!
  set +m
  tail -n +1 -q --pid="$ROW" -s 0.5 -f "$log" &
  shown=$!
  if wait "$ROW"; then
    ROW=""
    wait "$shown" || true
    say "   $1 took $(elapsed "$started") s"
    return 0
  fi
  end_row
  wait "$shown" || true
  FAILED=1
  record_failure "$1" "$(grep -v '^ *$' "$log" | tail -n 1 | cut -c 1-300)"
  warn "the row $1 could not be measured"
  end_guests
  unlimit_links
  release_swap
  place_hosts free || true
}

end_row() {
  if [[ -n $ROW ]]; then kill -- "-$ROW" 2>/dev/null || true; fi
  ROW=""
}

main() {
  local row name
  parse "$@"
  need_root
  prepare
  trap 'clean_up' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  for row in "${ROWS[@]}"; do
    name=${row%%:*}
    if wanted "$name"; then measure_row "$name"; fi
  done
  write_results "$RESULTS" "$JSON" "sudo devstack/bench.sh${*:+ $*}"
  say "results: $RESULTS and $JSON"
  return "$FAILED"
}

main "$@"
