# shellcheck shell=bash
# Guests: each has a name of its own (next_guest), so that its events and log lines cannot be mistaken for another's.

# A hot set that stock QEMU can finish to copy at 1 Gbit/s: about 3 % of the RAM, rewritten all the time.
BUSY="hot=0.04 cold=200"
IDLE="idle=1"
CALM="hot=0.1 cold=0" # works on its hot set alone
READY_LIMIT_S=240

# next_guest PREFIX: a new name, into GUEST. Not by $(...): the counter must survive.
GUEST=""
next_guest() { GUEST=$1-$BASHPID-$((GUEST_NUMBER = ${GUEST_NUMBER:-0} + 1)); }

serial() { printf '%s/%s.serial\n' "$WORK" "$1"; }

# boot GUEST MEMORY WORKLOAD [OPTIONS of domain.sh]: on h1, and waits until the workload has filled its memory.
boot() {
  local guest=$1 memory=$2 workload=$3
  shift 3
  "$HERE/guest/domain.sh" --name "$guest" --memory "$memory" --workload "$workload" --serial "$(serial "$guest")" "$@" >"$WORK/$guest.xml"
  start_domain "$guest"
}

boot_split_ready() { boot "$@" --split-ready; }

start_domain() { # GUEST, whose XML is ready
  virsh_h h1 -q create "$WORK/$1.xml" >/dev/null
  wait_for "$READY_LIMIT_S" "guest $1 to fill its memory" guest_is_ready "$(serial "$1")"
}

destroy() { # GUEST HOST
  virsh_h "$2" -q destroy "$1" >/dev/null
  wait_for 30 "the daemons to forget $1" forgotten "$1"
}

# How it was split stays until it is forgotten, too: it would start split again.
forgotten() {
  local host
  for host in h1 h2; do
    ! vm_info "$host" "$1" || { in_h "$host" curl -fsS -X DELETE --unix-socket /run/splitmem/splitmemd.sock "http://localhost/v1/vms/$1/split" || true; }
    ! vm_info "$host" "$1" || return 1
  done
} >/dev/null 2>&1

end_guests() {
  local host guest
  for host in h1 h2; do
    for guest in $(virsh_h "$host" -q list --name 2>/dev/null); do virsh_h "$host" -q destroy "$guest" >/dev/null 2>&1 || true; done
  done
}

# The workload's reports: T time ops/s N bad N ...
report_lines() { tr -d '\r' <"$(serial "$1")" | grep -cE '^T .* sweep [0-9]+$' || true; }

# throughput GUEST SECONDS: mean of the ops a second that the guest reports in the coming seconds. The first report is left
# out: it began before.
throughput() {
  local before
  before=$(report_lines "$1")
  sleep "$2"
  tr -d '\r' <"$(serial "$1")" | grep -E '^T .* sweep [0-9]+$' | tail -n "+$((before + 2))" |
    awk '{ sum += $4 } END { if (!NR) exit 1; printf "%.0f\n", sum / NR }'
}

bad_pages() { guest_value "$(serial "$1")" bad; }

# vm_info HOST GUEST: what "splitmem --json show" prints, without starting a JVM on the measured machine.
vm_info() { in_h "$1" curl -fsS --unix-socket /run/splitmem/splitmemd.sock "http://localhost/v1/vms/$2"; }
