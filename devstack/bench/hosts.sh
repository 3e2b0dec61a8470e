# shellcheck shell=bash
# The cluster that is measured, and what the rows need besides it.

CLUSTER=$HERE/cluster.sh
WORK=$STATE/bench # of this run
NETBENCH=$STATE/bench-tools/netbench
SHARED_RAM=$STATE/bench-tools/sharedram.so
SHARED_RAM_FILES=/dev/shm/splitmem-bench
SWAP_FILE=$STATE/bench-swap
CGROUP=/sys/fs/cgroup/memory/splitmem-bench
HOOK=$STATE/hosts/h2/etc-libvirt/hooks/qemu.d/splitmem-bench
PEER=10.78.0 # their addresses without the last number
WATCHERS=()

cluster() { "$CLUSTER" "$@"; }
in_h() { "$CLUSTER" exec "$@"; }     # HOST COMMAND...
virsh_h() { "$CLUSTER" virsh "$@"; } # HOST ARGS...

prepare() {
  need_root
  mkdir -p "$STATE"
  take_lock "$STATE/bench.lock"
  LOAD_BEFORE=$(cut -d ' ' -f 1-3 /proc/loadavg)
  rm -rf --one-file-system "$WORK"
  mkdir -p "$WORK"
  : >"$WORK/results"
  install_packages jq socat gcc libc6-dev
  build_tools
  say "preparing the cluster and the guest"
  cluster down >"$WORK/down.log" 2>&1 || die "could not take down what an earlier run left: $(tail -n 1 "$WORK/down.log")"
  release_swap
  cluster up 3 --bandwidth off --lend 100GiB >"$WORK/up.log" 2>&1 || die "the cluster did not come up: $(tail -n 1 "$WORK/up.log")"
  "$HERE/guest/build-guest.sh" >/dev/null
  watch_events h1
  watch_events h2
}

build_tools() {
  mkdir -p "${NETBENCH%/*}"
  gcc -std=gnu11 -O2 -Wall -Wextra -Werror -pthread -o "$NETBENCH" "$HERE/bench/netbench.c"
  gcc -std=gnu11 -O2 -Wall -Wextra -Werror -shared -fPIC -o "$SHARED_RAM" "$HERE/bench/sharedram.c"
}

# All QMP events of a host's guests, as QEMU stamped them: "event STOP at 1795235668.938236 for domain 'g1': <null>".
watch_events() { # HOST
  (
    close_inherited_descriptors
    exec "$CLUSTER" virsh "$1" qemu-monitor-event --loop
  ) </dev/null >"$WORK/events.$1" 2>&1 &
  WATCHERS+=($!)
}

# stamp HOST EVENT GUEST [AFTER]: the time of the newest such event; fails if there is none after that time.
stamp() {
  awk -v event="$2" -v guest="'$3':" -v after="${4:-0}" '$2 == event && $7 == guest && $4 > after { at = $4 } END { if (!at) exit 1; print at }' "$WORK/events.$1"
}

limit_links() { cluster bandwidth "$1"; } # RATE
unlimit_links() { cluster bandwidth off || true; }

daemon_pid() { cluster pid "$1" splitmemd; } # HOST

release_swap() {
  local pid
  if [[ -d $CGROUP ]]; then
    while read -r pid; do echo "$pid" >"${CGROUP%/*}/cgroup.procs" || true; done <"$CGROUP/cgroup.procs"
    rmdir "$CGROUP" || true
  fi
  if [[ -e $SWAP_FILE ]]; then
    if grep -q "^$SWAP_FILE " /proc/swaps; then swapoff "$SWAP_FILE"; fi
    rm -f "$SWAP_FILE"
  fi
}

clean_up() {
  local code=$?
  trap - EXIT INT TERM
  set +e
  end_row
  end_guests
  if ((${#WATCHERS[@]})); then kill "${WATCHERS[@]}" 2>/dev/null; fi
  release_swap
  rm -f "$HOOK"
  rm -rf --one-file-system "$SHARED_RAM_FILES"
  if [[ $KEEP == yes ]]; then unlimit_links; else cluster down >"$WORK/down.log" 2>&1 || warn "see $WORK/down.log"; fi
  exit "$code"
}
