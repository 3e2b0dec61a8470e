# shellcheck shell=bash
# Rows about what goes on after a migration, and about the parts of one.

# ---- page-in latency

# A guest that reads its whole memory once in 200 seconds, three of four pages in order, and rewrites none. Once with a CPU for each
# of the two hosts, as hosts have, and once where the scheduler puts them: a raw request then mostly stays on one CPU and never
# wakes another, which no request between hosts could do.
row_latency() {
  set -e
  local run place
  warm_up
  for ((run = 0; run < RUNS; run++)); do
    for place in apart free; do
      next_guest latency
      boot_split_ready "$GUEST" "$MEMORY" "idle=1 sweep=200"
      sleep 1
      half_split "$GUEST"
      place_hosts "$place" "$GUEST"
      sleep 15
      raw_round_trips "$place"
      wait_for 60 "$GUEST to page in" paged_in "$GUEST" 3000
      take_latency "$place" "$(vm_info h2 "$GUEST")"
      destroy "$GUEST" h2
      place_hosts free
    done
  done
  latency_result p50 "<= 2.0"
  latency_result p99 "<= 5.0"
}

CPU_OF_MAIN=0 CPU_OF_SUB=1

# place_hosts apart|free [GUEST]: splitmemd of h2, and QEMU, on one CPU, splitmemd of h1 and h3 on another; or wherever they like.
place_hosts() {
  local host cpus main=$CPU_OF_MAIN sub=$CPU_OF_SUB
  cpus=0-$(($(nproc --all) - 1))
  if [[ $1 == free ]]; then main=$cpus sub=$cpus; fi
  taskset -apc "$main" "$(daemon_pid h2)" >/dev/null
  for host in h1 h3; do taskset -apc "$sub" "$(daemon_pid "$host")" >/dev/null; done
  if [[ -n ${2:-} ]]; then taskset -apc "$main" "$(qemu_pid "$2")" >/dev/null; fi
}

qemu_pid() { pgrep -f "guest=$1," | tail -n 1; } # GUEST

take_latency() { # PLACE INFO
  local q
  for q in p50 p99; do sample "latency.$1.$q" "$(jq ".pageInUs.$q" <<<"$2")"; done
  say "   hosts $1: $(jq -c '{pageInUs, faults}' <<<"$2")"
}

latency_result() { # PERCENTILE TARGET
  result "page-in latency, $1, a CPU for each host" "4 KiB request on a raw socket, $1" "$(ratio "latency.apart.$1" "raw.apart.$1")" "$2" \
    "$(series "latency.apart.$1" | spread) us against $(series "raw.apart.$1" | spread) us" \
    "a page-in passes several threads on both hosts, which wait for the CPU when others use it; the first page-ins after the handover are in it, too"
  result "page-in latency, $1, placed by the scheduler" "4 KiB request on a raw socket, $1" "$(ratio "latency.free.$1" "raw.free.$1")" "$2" \
    "$(series "latency.free.$1" | spread) us against $(series "raw.free.$1" | spread) us" \
    "the raw request stays on one CPU, as it could not between hosts; a page-in wakes the other one, which a virtual machine like this one pays for twice a page"
}

paged_in() { (($(vm_info h2 "$1" | jq .pageInUs.count) >= $2)); } # GUEST COUNT

# While the guest runs and pages, between the hosts that it pages between, as seldom as a fault comes.
raw_round_trips() { # PLACE
  local echo line on_main=() on_sub=()
  if [[ $1 == apart ]]; then on_main=(taskset -c "$CPU_OF_MAIN") on_sub=(taskset -c "$CPU_OF_SUB"); fi
  (exec "$CLUSTER" exec h3 "${on_sub[@]}" "$NETBENCH" echo 7002) >/dev/null & # exec all the way: $! is netbench itself
  echo=$!
  line=$(in_h h2 "${on_main[@]}" "$NETBENCH" ping "$PEER.3" 7002 5000 2000)
  kill "$echo"
  wait "$echo" 2>/dev/null || true
  sample "raw.$1.p50" "$(cut -d ' ' -f 1 <<<"$line")"
  sample "raw.$1.p99" "$(cut -d ' ' -f 3 <<<"$line")"
  say "   hosts $1: raw socket p50 p90 p99 max: $line us"
}

# ---- bulk rate

row_bulk() {
  set -e
  local run kind streams=4 mib=$((MEMORY * 3 / 4))
  warm_up
  for ((run = 0; run < RUNS; run++)); do
    next_guest bulk
    boot_split_ready "$GUEST" "$MEMORY" "$IDLE"
    sleep 1
    split "$GUEST" --streams "$streams"
    sample bulk.splitmem "$ROUND0"
    destroy "$GUEST" h2
    sample bulk.plain "$(raw_rate "$streams" "$mib")"
    sample bulk.memfd "$(raw_rate "$streams" "$mib" memfd)"
  done
  for kind in splitmem plain memfd; do series "bulk.$kind" | awk '{ print $1 / 1e6 }' >"$WORK/series.mb.$kind"; done
  result "bulk rate, memfd to memfd, $streams streams" "raw socket from one small buffer to another" \
    "$(ratio bulk.splitmem bulk.plain)" ">= 0.8" "$(series mb.splitmem | spread 0) MB/s against $(series mb.plain | spread 0) MB/s" \
    "the kernel gives out and clears the memory that arrives, which the raw socket's buffers do not need; compare the next value"
  result "bulk rate, memfd to memfd, $streams streams" "raw socket, sendfile from a memfd, receive into a fresh memfd" \
    "$(ratio bulk.splitmem bulk.memfd)" report "$(series mb.splitmem | spread 0) MB/s against $(series mb.memfd | spread 0) MB/s"
}

# ---- gathering

# As warm_up, for what no migration does: without it more of the first gather's time goes into the JVM's compiler than into pages.
warm_up_bulk() {
  local run
  [[ ! -e $WORK/warm-bulk ]] || return 0
  warm_up
  for ((run = 0; run < 2; run++)); do
    next_guest warm
    boot_split_ready "$GUEST" "$MEMORY" "$IDLE"
    sleep 1
    half_split "$GUEST"
    in_h h2 splitmem move-pages "$GUEST" --from h3 --to h1 --wait >/dev/null
    in_h h2 splitmem gather "$GUEST" --wait >/dev/null
    destroy "$GUEST" h2
  done
  : >"$WORK/warm-bulk"
}

row_gather() {
  set -e
  rate_row gather "rate at which a split VM is gathered from one sub-host" 0.8 gather '{}'
}

# ---- moving what a sub-host keeps to another

row_move() {
  set -e
  rate_row move "rate at which a sub-host's pages move to another" 0.85 move-pages '{"from":"h3","to":[{"host":"h1"}]}'
}

# Half of an idle guest is on h3, its only sub-host. From the first request to the last page, by what NAME_rate finds in the main host's log.
rate_row() { # NAME MEASURE TARGET OPERATION BODY
  local link run uuid
  warm_up_bulk
  for link in "${ONWARD_LINKS[@]}"; do
    limit_links "$link"
    for ((run = 0; run < RUNS; run++)); do
      next_guest "$1"
      boot_split_ready "$GUEST" "$MEMORY" "$IDLE"
      sleep 1
      half_split "$GUEST"
      sleep 2
      uuid=$(vm_info h2 "$GUEST" | jq -r .uuid)
      begin_busy
      ask_h2 "$4" "$5"
      wait_for "$MIGRATION_LIMIT_S" "the end of $4 of $GUEST" is_told "$1_rate" "$uuid"
      end_busy "$1.$link"
      sample "$1.$link" "$("$1_rate" "$uuid")"
      [[ $(bad_pages "$GUEST") == 0 ]] || die "$GUEST found corrupt pages"
      destroy "$GUEST" h2
      sample "$1.$link.memfd" "$(raw_rate 1 "$((MEMORY / 2))" memfd)"
    done
  done
  unlimit_links
  for link in "${ONWARD_LINKS[@]}"; do rate_result "$2" "$1.$link" "$link" "$3"; done
}

ask_h2() { # OPERATION BODY
  in_h h2 curl -fsS -X POST --unix-socket /run/splitmem/splitmemd.sock -H 'Content-Type: application/json' -d "$2" \
    "http://localhost/v1/vms/$GUEST/$1" >/dev/null
}

is_told() { [[ -n $("$1" "$2") ]]; } # gather_rate|move_rate UUID

# Which part of the machine's time its cores work, from here to end_busy.
begin_busy() { BUSY_BEFORE=$(cpu_ticks); }

end_busy() { # SERIES
  local idle_before all_before idle all
  read -r idle_before all_before <<<"$BUSY_BEFORE"
  read -r idle all <<<"$(cpu_ticks)"
  sample "$1.busy" "$(calculate "100 * (1 - ($idle - $idle_before) / ($all - $all_before))")"
}

cpu_ticks() { awk '$1 == "cpu" { for (i = 2; i <= 9; i++) all += $i; print $5 + $6, all }' /proc/stat; } # prints IDLE ALL

rate_result() { # MEASURE SERIES LINK TARGET
  local kind
  for kind in "$2" "$2.memfd"; do series "$kind" | awk '{ print $1 / 1e6 }' >"$WORK/series.mb.$kind"; done
  result "$1, $(link_name "$3")" "raw socket, sendfile from a memfd, receive into a fresh memfd" "$(ratio "$2" "$2.memfd")" ">= $4" \
    "$(series "mb.$2" | spread 0) MB/s, the cores busy for $(series "$2.busy" | spread 0) % of the time, against $(series "mb.$2.memfd" | spread 0) MB/s"
}

# From the line "vm=UUID from h3 to h1: 98304 pages moved in 412345 us" of the main host's log.
move_rate() { # UUID
  cluster log h2 | sed -n "s/.*vm=$1 from h3 to h1: \([0-9]*\) pages moved in \([0-9]*\) us\$/\1 \2/p" | head -n 1 |
    awk '{ printf "%.0f\n", $1 * 4096 / ($2 / 1000000) }'
}

# From the line "vm=UUID gathered 98304 pages in 412345 us" of the main host's log.
gather_rate() { # UUID
  cluster log h2 | sed -n "s/.*vm=$1 gathered \([0-9]*\) pages in \([0-9]*\) us\$/\1 \2/p" | tail -n 1 |
    awk '{ printf "%.0f\n", $1 * 4096 / ($2 / 1000000) }'
}

raw_rate() { # STREAMS MIB [memfd]
  local sink
  in_h h2 "$NETBENCH" sink 7001 "$1" ${3:+"$3"} &
  sink=$!
  in_h h1 "$NETBENCH" source "$PEER.2" 7001 "$1" "$2" ${3:+"$3"}
  wait "$sink"
}

# ---- throughput of the guest

# The guests are booted once; only one runs at a time, in turns. The third tells what is due to the kind of memory alone: RAM of a
# memfd has no transparent huge pages unless the machine is set up so.
row_local() {
  set -e
  local ready plain shared turn
  next_guest ready
  ready=$GUEST
  boot_split_ready "$ready" "$MEMORY" "$CALM"
  virsh_h h1 -q suspend "$ready" >/dev/null
  next_guest plain
  plain=$GUEST
  boot "$plain" "$MEMORY" "$CALM"
  virsh_h h1 -q suspend "$plain" >/dev/null
  next_guest shared
  shared=$GUEST
  "$HERE/guest/domain.sh" --name "$shared" --memory "$MEMORY" --workload "$CALM" --serial "$(serial "$shared")" |
    sed "s|^  <vcpu>|$MEMFD_BACKING\n  <vcpu>|" >"$WORK/$shared.xml"
  start_domain "$shared"
  virsh_h h1 -q suspend "$shared" >/dev/null
  for ((turn = 0; turn < RUNS * 2; turn++)); do
    take_turn "$ready" local.ready
    take_turn "$plain" local.plain
    take_turn "$shared" local.shared
  done
  end_guests
  result "guest throughput, split-ready but local" "the same VM not split-ready" "$(paired_ratio local.ready local.plain)" ">= 0.99" \
    "$(series local.ready | spread 0) against $(series local.plain | spread 0) ops/s; transparent huge pages: $(thp_mode enabled), in shared memory: $(thp_mode shmem_enabled)" \
    "see the next value for what is due to RAM in a memfd, which any shared memory has"
  result "guest throughput, split-ready but local" "the same VM not split-ready, its RAM a shared memfd" \
    "$(paired_ratio local.ready local.shared)" report "$(series local.ready | spread 0) against $(series local.shared | spread 0) ops/s"
}

thp_mode() { sed 's/.*\[\(.*\)\].*/\1/' "/sys/kernel/mm/transparent_hugepage/$1"; }

take_turn() { # GUEST SERIES
  virsh_h h1 -q resume "$1" >/dev/null
  sleep 0.5
  sample "$2" "$(throughput "$1" 3)"
  virsh_h h1 -q suspend "$1" >/dev/null
}

row_after() {
  set -e
  local run
  warm_up
  for ((run = 0; run < RUNS; run++)); do
    next_guest after
    boot_split_ready "$GUEST" "$MEMORY" "$CALM"
    sleep 3
    sample after.before "$(throughput "$GUEST" 8)"
    half_split "$GUEST"
    wait_for 60 "the paging of $GUEST to settle" settled "$GUEST"
    sample after.after "$(throughput "$GUEST" 8)"
    [[ $(bad_pages "$GUEST") == 0 ]] || die "$GUEST found corrupt pages"
    destroy "$GUEST" h2
  done
  result "guest throughput after the split, working set within the budget" "before" "$(paired_ratio after.after after.before)" ">= 0.95" \
    "$(series after.after | spread 0) against $(series after.before | spread 0) ops/s"
}

# True if less than ten pages were fetched in the last two seconds.
settled() { # GUEST
  local before
  before=$(vm_info h2 "$1" | jq .faults.pageIns)
  sleep 2
  (($(vm_info h2 "$1" | jq .faults.pageIns) - before < 10))
}

# ---- what it costs

row_sampling() {
  set -e
  local pid qemu before after run seconds=15 started took gib
  gib=$(calculate "$MEMORY / 1024")
  warm_up
  next_guest sampling
  boot_split_ready "$GUEST" "$MEMORY" "$CALM"
  sleep 2
  half_split "$GUEST"
  wait_for 60 "the paging of $GUEST to settle" settled "$GUEST"
  pid=$(daemon_pid h2)
  qemu=$(qemu_pid "$GUEST")
  for ((run = 0; run < RUNS; run++)); do
    started=$EPOCHREALTIME
    before=$(sampling_cpu_ms "$pid" "$qemu")
    sleep "$seconds"
    after=$(sampling_cpu_ms "$pid" "$qemu")
    took=$(calculate "$EPOCHREALTIME - $started")
    sample sampling "$(calculate "($after - $before) / $took / $gib")"
  done
  destroy "$GUEST" h2
  sample sampling.smemv 1.5
  result "working-set sampling, CPU time per GiB and second" "S-memV: 1.5 ms" "$(ratio sampling sampling.smemv)" "<= 1.0" \
    "$(series sampling | spread 2) ms in splitmemd and its shim, for 32 pages a second of each GiB"
}

# The threads that sample: the clock hand, the pager (which sees the touches), and the shim's in QEMU (which zaps).
sampling_cpu_ms() { # DAEMON QEMU
  local task ns total=0
  for task in "/proc/$1/task/"* "/proc/$2/task/"*; do
    case $(cat "$task/comm" 2>/dev/null) in
      housekeeping-* | pager-* | splitmem*)
        read -r ns _ <"$task/schedstat"
        total=$((total + ns))
        ;;
    esac
  done
  calculate "$total / 1e6"
}

# The RAM of the large VM is mostly unused, so that it fits here; its metadata is there all the same. Memory servers want as much
# free memory as could be sent to them.
row_metadata() {
  set -e
  local run available small=1024 large=16384 small_b large_b
  available=$(awk '/^MemAvailable/ { print int($2 / 1024) }' /proc/meminfo)
  if ((available < large + 4096)); then large=$((available - 4096)); fi
  for ((run = 0; run < RUNS; run++)); do
    daemon_memory "$small"
    small_b=$DAEMON_BYTES
    daemon_memory "$large"
    large_b=$DAEMON_BYTES
    sample metadata "$(calculate "($large_b - $small_b) / (($large - $small) * 256)")"
    say "   daemon and page table, bytes: $small MiB: $small_b, $large MiB: $large_b"
  done
  cluster restart-daemon h2 >/dev/null
  result "daemon memory per page, main host, bytes" "-" "$(series metadata | median)" "<= 2" \
    "$(series metadata | spread 2): page table, live heap and other private memory of splitmemd, $large MiB less $small MiB"
}

# Of a fresh daemon, with one split VM: its page table, what lives on the Java heap, and all other private memory. The heap is
# touched as a whole at the start, so that how much of it the JVM happens to have used does not count; nor does what its compiler
# and the arenas of malloc happen to hold, which would drown the rest: interpreted, and with one arena.
daemon_memory() { # MEMORY
  local pid
  MALLOC_ARENA_MAX=1 SPLITMEM_JAVA_OPTS="-Xint -Xms256m -XX:+AlwaysPreTouch" cluster restart-daemon h2 >/dev/null
  next_guest metadata
  boot_split_ready "$GUEST" "$1" "" --cmdline "console=ttyS0 quiet panic=-1 mitigations=off pti=on mem=512M mb=256 $IDLE"
  split "$GUEST" --budget 256MiB --sub-host h3
  sleep 1
  pid=$(daemon_pid h2)
  jcmd "$pid" GC.run >/dev/null
  DAEMON_BYTES=$(awk '$1 == "RssAnon:" { print $2 * 1024 - 256 * 1048576 }' "/proc/$pid/status")
  DAEMON_BYTES=$((DAEMON_BYTES + $(heap_bytes "$pid") + $(table_bytes h2)))
  destroy "$GUEST" h2
}

# Old and new generation, from "tenured generation   total 174784K, used 9316K [...": jcmd's summary of the serial collector.
heap_bytes() { jcmd "$1" GC.heap_info | sed -n 's/.*generation .* used \([0-9]*\)K .*/\1/p' | awk '{ k += $1 } END { printf "%d\n", k * 1024 }'; }

table_bytes() { in_h "$1" find /var/lib/splitmem/mem -name 'table*' -printf '%s\n' | awk '{ s += $1 } END { printf "%d\n", s }'; }
