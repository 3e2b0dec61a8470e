# shellcheck shell=bash
# Rows about a split VM that moves on: its main host alone, all of it, one of its sub-hosts. It runs on h2, its sub-host is h3.

ONWARD_LINKS=(off 1gbit)

# The first of its kind run in the daemons' interpreters.
warm_up_onward() {
  local run
  [[ ! -e $WORK/warm-onward ]] || return 0
  warm_up_bulk
  for ((run = 0; run < 2; run++)); do
    boot_half_split warm 512
    migrate "$GUEST" h2 h1
    sleep 2 # until it has settled there
    migrate "$GUEST" h1 h2 --gather
    wait_for 60 "$GUEST to be whole" is_whole h2 "$GUEST"
    destroy "$GUEST" h2
  done
  : >"$WORK/warm-onward"
}

boot_half_split() { # PREFIX [MEMORY [WORKLOAD]]
  next_guest "$1"
  boot_split_ready "$GUEST" "${2:-$MEMORY}" "${3:-$IDLE}"
  sleep 1
  half_split "$GUEST" "${2:-$MEMORY}"
  sleep 2
}

is_whole() { [[ $(vm_info "$1" "$2" | jq -r .state) == LOCAL ]]; } # HOST GUEST

# whole_run SERIES: a whole guest moves to another host.
whole_run() {
  next_guest whole
  boot_split_ready "$GUEST" "$MEMORY" "$IDLE"
  sleep 1
  split "$GUEST"
  sample "$1.took" "$TOOK"
  sample "$1.done" "$DONE"
  say "   whole: runs there after $TOOK s, done after $DONE s, down $DOWN ms"
  destroy "$GUEST" h2
}

# ---- the main host alone

row_partial() {
  set -e
  local link run
  warm_up_onward
  for link in "${ONWARD_LINKS[@]}"; do
    limit_links "$link"
    for ((run = 0; run < RUNS; run++)); do
      partial_run "partial.$link"
      whole_run "partial.$link.whole"
    done
  done
  unlimit_links
  for link in "${ONWARD_LINKS[@]}"; do partial_results "$link"; done
  result "pages sent in a partial migration beyond the main host's share and what the guest wrote" "-" "$(series partial.beyond | median)" "<= 0" \
    "by splitmemd's count; $(series partial.stays | spread 0) MiB stayed on the sub-host. What the destination received from the request to the end, libvirt's stream and protocols included, was $(series partial.received | spread 3) of that share and what was written"
}

# A quarter of the RAM is the main host's, which is about a quarter of what the guest uses: a part of the budget stays free.
partial_run() { # SERIES
  local before received out
  next_guest partial
  boot_split_ready "$GUEST" "$MEMORY" "$IDLE"
  sleep 1
  split "$GUEST" --budget "$((MEMORY / 4))MiB" --sub-host h3
  sample "$1.split.down" "$DOWN"
  sleep 2
  before=$(vm_info h2 "$GUEST")
  received=$(received_bytes h1)
  migrate "$GUEST" h2 h1
  received=$(($(received_bytes h1) - received))
  out=$(tail -n 1 "$WORK/$GUEST.h2")
  sample "$1.took" "$TOOK"
  sample "$1.done" "$DONE"
  sample "$1.down" "$DOWN"
  sample partial.remote "$(jq '(.remoteBytes | add) / ((.remoteBytes | add) + .residentBytes)' <<<"$before")"
  sample partial.beyond "$(jq '[.bytesDone - .bytesTotal, 0] | max / 4096' <<<"$out")"
  sample partial.stays "$(jq '(.pages.subHosts | add) / 256' <<<"$out")"
  sample partial.received "$(calculate "$received / $(jq .bytesTotal <<<"$out")")"
  say "   main host alone: runs there after $TOOK s, done after $DONE s, down $DOWN ms"
  sleep 2
  [[ $(bad_pages "$GUEST") == 0 ]] || die "$GUEST found corrupt pages"
  destroy "$GUEST" h1
}

# Of all links but the loopback.
received_bytes() { in_h "$1" awk '/:/ && $1 != "lo:" { bytes += $2 } END { printf "%d\n", bytes }' /proc/net/dev; } # HOST

partial_results() { # LINK
  local key=partial.$1
  result "moving the main host alone, until the guest runs there, $(link_name "$1")" "moving the whole VM" \
    "$(ratio "$key.took" "$key.whole.took")" "<= 0.17" \
    "$(series "$key.took" | spread 2) s against $(series "$key.whole.took" | spread 2) s; $(series partial.remote | spread 2) of the VM's pages stay on the sub-host"
  result "moving the main host alone, until done, $(link_name "$1")" "moving the whole VM" \
    "$(ratio "$key.done" "$key.whole.done")" "<= 0.28" \
    "$(series "$key.done" | spread 2) s against $(series "$key.whole.done" | spread 2) s"
  result "downtime of moving the main host alone, $(link_name "$1")" "of the one-to-N migration before" \
    "$(ratio "$key.down" "$key.split.down")" "<= 1.1" "$(series "$key.down" | spread) ms against $(series "$key.split.down" | spread) ms"
}

# ---- all of it

row_collect() {
  set -e
  local link run
  warm_up_onward
  for link in "${ONWARD_LINKS[@]}"; do
    limit_links "$link"
    for ((run = 0; run < RUNS; run++)); do
      collect_run "collect.$link"
      whole_run "collect.$link.whole"
      stock_split_run "collect.$link.stock"
    done
  done
  unlimit_links
  for link in "${ONWARD_LINKS[@]}"; do collect_results "$link"; done
}

collect_run() { # SERIES
  local watcher whole
  boot_half_split collect
  sample "$1.split.down" "$DOWN"
  when_whole h1 "$GUEST" >"$WORK/$GUEST.whole" &
  watcher=$!
  migrate "$GUEST" h2 h1 --gather
  wait_for_end "$watcher" "$MIGRATION_LIMIT_S" || die "$GUEST is not whole on h1 after $MIGRATION_LIMIT_S s"
  wait "$watcher"
  whole=$(calculate "$(<"$WORK/$GUEST.whole") - $REQUESTED")
  sample "$1.whole-there" "$whole"
  sample "$1.took" "$TOOK"
  sample "$1.down" "$DOWN"
  say "   N-to-one: runs there after $TOOK s, whole there after $whole s, down $DOWN ms"
  sleep 2
  [[ $(bad_pages "$GUEST") == 0 ]] || die "$GUEST found corrupt pages"
  destroy "$GUEST" h1
}

# when_whole HOST GUEST: waits until the guest is there with all its memory, and prints when that was first seen. Asks every 50 ms.
when_whole() {
  # shellcheck disable=SC2016 # expands in the host
  in_h "$1" bash -c '
    until curl -fsS --unix-socket /run/splitmem/splitmemd.sock "http://localhost/v1/vms/$1" 2>/dev/null | grep -q "\"state\":\"LOCAL\""; do
      sleep 0.05
    done
    printf "%s\n" "$EPOCHREALTIME"' bash "$2"
}

# QEMU's own migration, to a program on h1 that throws away what comes: virsh would move the main host by splitmem. QEMU reads all its RAM, what
# h3 has through the pager. A destination that loads it could only be slower.
stock_split_run() { # SERIES
  local sink answer deadline took
  boot_half_split stock
  (exec "$CLUSTER" exec h1 "$NETBENCH" discard 7003) &
  sink=$!
  qmp '{"execute":"migrate-set-parameters","arguments":{"max-bandwidth":1000000000000}}' >/dev/null # as libvirt does
  wait_for 10 "the program that takes it" listens h1 7003
  qmp '{"execute":"migrate","arguments":{"uri":"tcp:'"$PEER"'.1:7003"}}' >/dev/null
  deadline=$((${EPOCHREALTIME/./} + MIGRATION_LIMIT_S * 1000000))
  until answer=$(qmp '{"execute":"query-migrate"}') && [[ $(jq -r .return.status <<<"$answer") == @(completed|failed) ]]; do
    ((${EPOCHREALTIME/./} < deadline)) || break
    sleep 0.2
  done
  case $(jq -r .return.status <<<"$answer") in
    completed)
      took=$(qemus_time "$answer")
      sample "$1.took" "$took"
      ;;
    failed) die "QEMU's own migration of $GUEST failed: $(jq -c .return <<<"$answer")" ;;
    *) sample "$1.took" "$MIGRATION_LIMIT_S"; sample "$1.endless" 1 ;;
  esac
  say "   QEMU's own: $(series "$1.took" | tail -n 1) s; $(jq -c '.return.ram | {transferred, duplicate, normal}' <<<"$answer")"
  destroy "$GUEST" h2
  kill "$sink" 2>/dev/null || true
  wait "$sink" 2>/dev/null || true
}

# QEMU says that it is completed a moment before it says how long that took.
qemus_time() { # ANSWER
  local answer=$1 left=50
  while [[ $(jq '.return."total-time" // 0' <<<"$answer") == 0 ]]; do
    ((left-- > 0)) || die "QEMU does not say how long its own migration of $GUEST took: $(jq -c .return <<<"$answer")"
    sleep 0.1
    answer=$(qmp '{"execute":"query-migrate"}')
  done
  jq '.return."total-time" / 1000' <<<"$answer"
}

qmp() { virsh_h h2 -q qemu-monitor-command "$GUEST" "$1"; }

listens() { in_h "$1" ss -Hltn "sport = :$2" | grep -q .; } # HOST PORT

collect_results() { # LINK
  local key=collect.$1 endless=""
  if has_series "$key.stock.endless"; then endless="; $(series "$key.stock.endless" | wc -l) of $RUNS did not end within $MIGRATION_LIMIT_S s and count as that"; fi
  result "N-to-one time, half of the VM remote, $(link_name "$1")" "QEMU's own migration of the same split VM, all of it through its main host" \
    "$(ratio "$key.whole-there" "$key.stock.took")" "<= 0.5" \
    "$(series "$key.whole-there" | spread 2) s until all of it is there (it runs there after $(series "$key.took" | spread 2) s) against $(series "$key.stock.took" | spread 2) s into a program that throws it away$endless"
  result "N-to-one time, half of the VM remote, $(link_name "$1")" "one-to-one of the same guest" \
    "$(ratio "$key.whole-there" "$key.whole.done")" "<= 1.0" \
    "$(series "$key.whole-there" | spread 2) s against $(series "$key.whole.done" | spread 2) s"
  result "downtime of an N-to-one migration, $(link_name "$1")" "of the one-to-N migration before" \
    "$(ratio "$key.down" "$key.split.down")" "<= 1.1" "$(series "$key.down" | spread) ms against $(series "$key.split.down" | spread) ms"
}

# ---- one of its sub-hosts

REPLACE_S=8

# Its only sub-host is replaced again and again, from h3 to h1 and back, at full speed. The guest works on its hot pages, and touches others.
# Once with a CPU for the main host and one for those that send and take the pages, as hosts have, and once where the scheduler puts them.
row_replace() {
  set -e
  local run place
  warm_up_bulk
  for ((run = 0; run < RUNS; run++)); do
    for place in apart free; do replace_run "$place"; done
  done
  for place in apart free; do
    result "guest throughput while a sub-host is replaced, $(place_name "$place")" "before" \
      "$(paired_ratio "replace.during.$place" "replace.before.$place")" ">= 0.9" \
      "$(series "replace.during.$place" | spread 0) against $(series "replace.before.$place" | spread 0) ops/s; pages moved in $(series "replace.moving.$place" | spread 2) of the time"
  done
}

place_name() { if [[ $1 == apart ]]; then echo "a CPU for the main host"; else echo "placed by the scheduler"; fi; }

replace_run() { # PLACE
  local mover lines started moved
  boot_half_split replace "$MEMORY" "$BUSY"
  place_hosts "$1" "$GUEST"
  wait_for 60 "the paging of $GUEST to settle" settles "$GUEST"
  sample "replace.before.$1" "$(throughput "$GUEST" "$REPLACE_S")"
  rm -f "$WORK/stop-moving"
  lines=$(moved_us | wc -l)
  started=$EPOCHREALTIME
  replace_again_and_again &
  mover=$!
  sample "replace.during.$1" "$(throughput "$GUEST" "$REPLACE_S")"
  : >"$WORK/stop-moving"
  wait "$mover"
  moved=$(moved_us | tail -n "+$((lines + 1))" | awk '{ us += $1 } END { printf "%d\n", us }')
  sample "replace.moving.$1" "$(calculate "$moved / 1e6 / ($EPOCHREALTIME - $started)")"
  say "   hosts $1: $(tail -n 1 "$WORK/series.replace.during.$1") against $(tail -n 1 "$WORK/series.replace.before.$1") ops/s, pages moved for $moved us"
  place_hosts free
  [[ $(bad_pages "$GUEST") == 0 ]] || die "$GUEST found corrupt pages"
  destroy "$GUEST" h2
}

# A guest that touches cold pages never ceases to page: true if it fetches no more in two seconds than twice what it touches.
settles() { # GUEST
  local before
  before=$(vm_info h2 "$1" | jq .faults.pageIns)
  sleep 2
  (($(vm_info h2 "$1" | jq .faults.pageIns) - before < 800))
}

replace_again_and_again() {
  local from=h3 to=h1 moves
  while [[ ! -e $WORK/stop-moving ]]; do
    moves=$(moved_us | wc -l)
    until in_h h2 curl -fsS -X POST --unix-socket /run/splitmem/splitmemd.sock -H 'Content-Type: application/json' \
      -d "{\"from\":\"$from\",\"to\":[{\"host\":\"$to\"}]}" "http://localhost/v1/vms/$GUEST/move-pages" >/dev/null 2>"$WORK/move.errors"; do
      [[ ! -e $WORK/stop-moving ]] || return 0
      sleep 0.1 # the one before is just being completed
    done
    wait_for 60 "the pages to move from $from to $to" has_moved "$moves" "$from"
    read -r from to <<<"$to $from"
  done
}

has_moved() { (($(moved_us | wc -l) > $1)) && [[ $(vm_info h2 "$GUEST" | jq ".remoteBytes.$2") == null ]]; } # MOVES FROM

# Of each move so far, from lines like "vm=UUID from h3 to h1: 98304 pages moved in 412345 us" of the main host's log.
moved_us() { sed -n 's/.* pages moved in \([0-9]*\) us$/\1/p' "$STATE/log/h2/splitmemd.log"; }
