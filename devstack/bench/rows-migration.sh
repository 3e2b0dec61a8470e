# shellcheck shell=bash
# Rows that compare whole migrations.

IGNORE_SHARED='{"execute":"migrate-set-capabilities","arguments":{"capabilities":[{"capability":"x-ignore-shared","state":true}]}}'
MEMFD_BACKING="  <memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>"
PARALLEL=(--parallel --parallel-connections 4)

# The migrations of the rows time and downtime are the same: whichever row comes first makes them.
migrations_once() {
  local link load
  [[ ! -e $WORK/migrated ]] || return 0
  warm_up
  for link in off 1gbit; do
    limit_links "$link"
    for load in idle busy; do
      rm -f "$WORK"/series.{split,stock,multifd}.{took,down}."$load.$link"
      migrations_of "$load" "$link"
    done
  done
  unlimit_links
  : >"$WORK/migrated"
}

# One after the other in each run, so that what else the machine does hits all alike.
migrations_of() { # LOAD LINK
  local run key=$1.$2
  for ((run = 0; run < RUNS; run++)); do
    split_run "$1" "$MEMORY"
    keep split "$key"
    sample cli "$CLI_START"
    stock_run "$1" "$MEMORY"
    keep stock "$key"
    stock_run "$1" "$MEMORY" "${PARALLEL[@]}"
    keep multifd "$key"
  done
}

keep() { # WHAT KEY: the last migration's times
  sample "$1.took.$2" "$TOOK"
  if [[ -n $DOWN ]]; then sample "$1.down.$2" "$DOWN"; fi
  if [[ $CONVERGED == no ]]; then sample "$1.endless.$2" 1; fi
  say "   $1 $2: $TOOK s, down ${DOWN:--} ms"
}

link_name() { if [[ $1 == off ]]; then echo "unlimited links"; else echo "1 Gbit/s links"; fi; }

endless_note() { # KEY
  if has_series "$1.endless.$2"; then
    printf '; %s of %s stock migrations did not end within %s s and count as that' \
      "$(series "$1.endless.$2" | wc -l)" "$RUNS" "$MIGRATION_LIMIT_S"
  fi
}

row_time() {
  set -e
  local link load against key
  migrations_once
  for link in off 1gbit; do
    for load in idle busy; do
      key=$load.$link
      for against in stock multifd; do
        result "one-to-N time, $load guest, $(link_name "$link")" "$against pre-copy, enough memory" \
          "$(ratio "split.took.$key" "$against.took.$key")" "<= 1.0" \
          "$(series "split.took.$key" | spread 2) s against $(series "$against.took.$key" | spread 2) s$(endless_note "$against" "$key")" \
          "before the first byte the guest is watched for its hot pages, 0.1 to 0.3 s whatever its size"
      done
    done
  done
  say "   start of the CLI until the request, not in the times: $(series cli | spread 2) s"
}

row_downtime() {
  set -e
  local link load key why
  migrations_once
  for link in off 1gbit; do
    for load in idle busy; do
      key=$load.$link
      # Known for the idle guest alone: for a busy one, stock QEMU has something left to send.
      why=""
      if [[ $load == idle ]]; then why="stock QEMU is near what libvirt alone takes, see the migration without any transfer of RAM"; fi
      has_series "stock.down.$key" || { warn "no stock migration of the $load guest ended"; continue; }
      result "downtime, $load guest, $(link_name "$link")" "stock pre-copy" \
        "$(ratio "split.down.$key" "stock.down.$key")" "<= 0.3" \
        "$(series "split.down.$key" | spread) ms against $(series "stock.down.$key" | spread) ms; multifd $(series "multifd.down.$key" | spread) ms" \
        "$why"
    done
  done
  for load in idle busy; do downtime_by_size "$load"; done
}

downtime_by_size() { # LOAD
  local size run sizes=(512 4096) down
  for ((run = 0; run < RUNS; run++)); do
    for size in "${sizes[@]}"; do
      split_run "$1" "$size"
      sample "size.$1.$size" "$DOWN"
      say "   $1 $size MiB: $TOOK s, down $DOWN ms"
    done
  done
  down=$(for size in "${sizes[@]}"; do printf '%s MiB: %s ms  ' "$size" "$(series "size.$1.$size" | spread)"; done)
  result "downtime with 4 GiB of RAM, $1 guest" "downtime with 0.5 GiB" "$(ratio "size.$1.4096" "size.$1.512")" "<= 1.5" "${down%  }" \
    "the last look for written pages walks the page table of QEMU"
}

# ---- a destination that swaps

row_swap() {
  set -e
  local load run key
  migrations_once
  mount_swap
  for load in idle busy; do
    key=$load.off
    for ((run = 0; run < (RUNS + 1) / 2; run++)); do
      swapped_run "$load"
      keep swap "$key"
    done
    result "one-to-N time, $load guest, unlimited links" "stock pre-copy to a host that swaps what is over the budget" \
      "$(ratio "split.took.$key" "swap.took.$key")" "<= 0.5" \
      "$(series "split.took.$key" | spread 2) s against $(series "swap.took.$key" | spread 2) s$(endless_note swap "$key"); swapped out: $(series "swapped.$load" | spread 0) MiB"
  done
  release_swap
}

mount_swap() {
  [[ -d ${CGROUP%/*} && -e ${CGROUP%/*}/memory.limit_in_bytes ]] || die "no memory cgroup (v1) is mounted here"
  grep -q '^SwapTotal: *0 kB' /proc/meminfo || die "this machine swaps already: swap space of its own would be used"
  (umask 077 && dd if=/dev/zero of="$SWAP_FILE" bs=1M count="$((MEMORY + 512))" status=none)
  mkswap -q "$SWAP_FILE"
  swapon "$SWAP_FILE"
  mkdir "$CGROUP"
}

# libvirtd of h2 starts the new QEMU: it is in the cgroup while it does. 64 MiB are for libvirtd and QEMU themselves.
swapped_run() { # LOAD
  local libvirtd
  next_guest swap
  boot "$GUEST" "$MEMORY" "$(workload_of "$1")"
  sleep 1
  libvirtd=$(cluster pid h2 libvirtd)
  echo $(((MEMORY / 2 + 64) << 20)) >"$CGROUP/memory.limit_in_bytes"
  echo "$libvirtd" >"$CGROUP/cgroup.procs"
  stock "$GUEST" h1 h2
  echo "$libvirtd" >"${CGROUP%/*}/cgroup.procs"
  sample "swapped.$1" "$(awk '$1 == "swap" { print $2 / 1048576 }' "$CGROUP/memory.stat")"
  end_guests
}

# ---- the floor: RAM that is there already

row_floor() {
  set -e
  local load run
  migrations_once
  install_floor_hook
  for load in idle busy; do
    for ((run = 0; run < RUNS; run++)); do
      shared_run "$load"
      sample "floor.$load" "$DOWN"
      say "   same memory, $load: $TOOK s, down $DOWN ms"
    done
    result "downtime, $load guest, unlimited links" "migration without any transfer of RAM" \
      "$(ratio "split.down.$load.off" "floor.$load")" "<= 3" \
      "$(series "split.down.$load.off" | spread) ms against $(series "floor.$load" | spread) ms"
  done
  rm -f "$HOOK"
}

# Capabilities of an incoming QEMU can be set only between its start and the migration, where libvirt calls this.
install_floor_hook() {
  cat >"$HOOK" <<END
#!/bin/sh
case "\$1 \$2 \$3" in
  floor-*" started begin")
    printf '%s\n' '{"execute":"qmp_capabilities"}' '$IGNORE_SHARED' | socat -t 1 - "UNIX-CONNECT:/run/splitmem/qmp/\$1.sock" >/dev/null ;;
esac
exit 0
END
  chmod 755 "$HOOK"
}

shared_run() { # LOAD
  local file
  next_guest floor
  file=$SHARED_RAM_FILES/$GUEST
  mkdir -p "$SHARED_RAM_FILES"
  "$HERE/guest/domain.sh" --name "$GUEST" --memory "$MEMORY" --workload "$(workload_of "$1")" --serial "$(serial "$GUEST")" |
    with_shared_ram "$file" >"$WORK/$GUEST.xml"
  start_domain "$GUEST"
  virsh_h h1 -q qemu-monitor-command "$GUEST" "$IGNORE_SHARED" >/dev/null
  sleep 1
  stock "$GUEST" h1 h2
  sleep 1
  [[ $(bad_pages "$GUEST") == 0 ]] || die "$GUEST found corrupt pages"
  end_guests
  rm -f "$file"
}

with_shared_ram() { # FILE
  sed -e "s|<domain type='qemu'>|<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>|" \
    -e "s|^  <vcpu>|$MEMFD_BACKING\n  <vcpu>|" \
    -e "s|^</domain>|  <qemu:commandline>\n\
    <qemu:arg value='-chardev'/><qemu:arg value='socket,id=bench,path=/run/splitmem/qmp/$GUEST.sock,server=on,wait=off'/>\n\
    <qemu:arg value='-mon'/><qemu:arg value='chardev=bench,mode=control'/>\n\
    <qemu:env name='LD_PRELOAD' value='$SHARED_RAM'/><qemu:env name='BENCH_SHARED_RAM' value='$1'/>\n\
  </qemu:commandline>\n</domain>|"
}
