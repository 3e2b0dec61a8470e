# shellcheck shell=bash
# Migrations, timed. Each leaves TOOK (seconds from the request to RESUME at the destination) and DOWN (milliseconds from STOP
# at the source to RESUME), both by QEMU's own stamps.

MIGRATION_LIMIT_S=90
TOOK="" DOWN="" DONE="" ROUND0="" CLI_START="" REQUESTED="" CONVERGED=yes

take_times() { # GUEST FROM TO REQUEST-TIME
  local stop resume
  wait_for 10 "the events of $1" stamp "$3" RESUME "$1" "$4"
  stop=$(stamp "$2" STOP "$1" "$4")
  resume=$(stamp "$3" RESUME "$1" "$4")
  TOOK=$(calculate "$resume - $4")
  DOWN=$(calculate "($resume - $stop) * 1000")
}

# split GUEST [OPTIONS of splitmem migrate]: from h1 to h2. ROUND0: bytes a second of the first round.
split() {
  local guest=$1 out=$WORK/$1.h1
  shift
  migrate "$guest" h1 h2 "$@"
  ROUND0=$(first_round "$(tail -n 1 "$out" | jq -r .id)")
}

# migrate GUEST FROM TO [OPTIONS of splitmem migrate]: leaves also DONE, seconds from the request until splitmemd had nothing of it at its
# source any more, and REQUESTED. The request is when splitmemd got it; CLI_START is how long the command had taken until then. What was
# printed is in $WORK/GUEST.FROM.
migrate() {
  local guest=$1 from=$2 to=$3 out=$WORK/$1.$2 command
  shift 3
  command=$EPOCHREALTIME
  in_h "$from" splitmem --json migrate "$guest" --to "$to" "$@" >"$out" 2>"$out.errors" ||
    die "the migration of $guest failed: $(tail -n 1 "$out.errors")"
  REQUESTED=$(tail -n 1 "$out" | jq -r '.startedAtMs / 1000')
  CLI_START=$(calculate "$REQUESTED - $command")
  DONE=$(tail -n 1 "$out" | jq -r '(.finishedAtMs - .startedAtMs) / 1000')
  take_times "$guest" "$from" "$to" "$REQUESTED"
}

# From the line "... migration=ID round 0: 208932 pages sent so far, 19100 written meanwhile, 1881 ms" of the source's log.
first_round() { # MIGRATION
  cluster log h1 | sed -n "s/.*migration=$1 round 0: \([0-9]*\) pages .* \([0-9]*\) ms\$/\1 \2/p" |
    awk '{ printf "%.0f\n", $1 * 4096 / ($2 / 1000) }'
}

# stock GUEST FROM TO [OPTIONS of virsh migrate]: an ordinary live migration. One that does not end is stopped; it then counts
# as having taken all that time, which favours it, and CONVERGED is no.
stock() {
  local guest=$1 from=$2 to=$3 started job
  shift 3
  CONVERGED=yes
  started=$EPOCHREALTIME
  in_h "$from" virsh -q -c qemu:///system migrate --live --p2p "$@" "$guest" "qemu+tcp://$PEER.${to#h}/system" >"$WORK/$guest.virsh" 2>&1 &
  job=$!
  if ! wait_for_end "$job" "$MIGRATION_LIMIT_S"; then
    virsh_h "$from" -q domjobabort "$guest" || true
    wait "$job" || true
    CONVERGED=no TOOK=$MIGRATION_LIMIT_S DOWN=""
    return 0
  fi
  # Fails also if the guest panicked at the destination, which happens to stock QEMU under emulation; its times are known.
  wait "$job" || stamp "$to" RESUME "$guest" >/dev/null || die "virsh migrate of $guest failed: $(tail -n 1 "$WORK/$guest.virsh")"
  take_times "$guest" "$from" "$to" "$started"
}

wait_for_end() { # PID SECONDS
  local deadline=$((${EPOCHREALTIME/./} + $2 * 1000000))
  while kill -0 "$1" 2>/dev/null; do
    ((${EPOCHREALTIME/./} < deadline)) || return 1
    sleep 0.05
  done
}

# The plan of the rows: half of the RAM stays with the guest.
half_split() { split "$1" --budget "$((${2:-$MEMORY} / 2))MiB" --sub-host h3; } # GUEST [MEMORY]

workload_of() { if [[ $1 == busy ]]; then printf '%s\n' "$BUSY"; else printf '%s\n' "$IDLE"; fi; }

# split_run LOAD MEMORY: one guest, booted, split and ended.
split_run() {
  next_guest split
  boot_split_ready "$GUEST" "$2" "$(workload_of "$1")"
  sleep 1
  half_split "$GUEST" "$2"
  sleep 1
  [[ $(bad_pages "$GUEST") == 0 ]] || die "$GUEST found corrupt pages"
  destroy "$GUEST" h2
}

# stock_run LOAD MEMORY [OPTIONS of virsh migrate]
stock_run() {
  local load=$1 memory=$2
  shift 2
  next_guest stock
  boot "$GUEST" "$memory" "$(workload_of "$load")"
  sleep 1
  stock "$GUEST" h1 h2 "$@"
  end_guests
}

# The first migrations of a daemon run in its interpreter; a daemon of a cloud has seen some.
warm_up() {
  [[ ! -e $WORK/warm ]] || return 0
  say "   warming up"
  split_run idle 512
  split_run busy 512
  split_run busy 512
  stock_run idle 512
  : >"$WORK/warm"
}
