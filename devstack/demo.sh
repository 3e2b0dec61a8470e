#!/usr/bin/env bash
# Shows a split migration on this machine, from nothing to the result: installs and builds what is missing, makes virtual hosts,
# starts a guest that writes and verifies all its memory on h1, and migrates it while it runs: part of its memory to h2, which
# becomes its main host, the rest to h3 (and h4, ...). Then the guest runs on by remote paging until it has verified every page
# twice. Then the split VM moves on: its main host changes to one more host while its sub-hosts keep what they have (a partial migration),
# and all of it is gathered on h1; after each the guest verifies every page again. A report tells how it went. About three minutes, after
# the first run.
#
# With --openstack the same on a small real OpenStack: a server whose flavor is twice what its destination has free is migrated by
# Nova, which calls nova-bridge and splitmemd, and does not move on. Three minutes more, and OpenStack's packages are installed (see
# aio.sh).
#
# usage: sudo demo.sh [options]
#   --openstack      migrate a server of an OpenStack; hosts are called host1, host2, ...
#   --memory MIB     RAM of the guest (default 1024)
#   --budget SIZE    how much of it may be resident on h2, as in 256MiB (default: half); of a server, its main share
#   --hosts N        3 to 17, with --openstack to 9 (default 3); all from h3 on may be sub-hosts. Without --openstack there is one more,
#                    to which the split VM's main host moves
#   --kernel FILE    another kernel for the guest (default: Debian's cloud kernel)
#   --initrd FILE    another initramfs; like the usual one, it has to report on its serial console as guest/memload.c describes
#   --cmdline WORDS  the guest's whole kernel command line, workload included (see guest/memload.c)
#   --report FILE    the report as JSON (default: target/demo-report.json of the repository)
#   --plot FILE      throughput and memory over time, as SVG (default: target/demo-plot.svg)
#   --keep           leave the hosts and the guest running, for a look around; the next run takes them down
#   --help
#
# Exit code: 0 if the guest came through with every byte; 1 if not, or if anything failed; 2 for a wrong command line; 130 after
# Ctrl-C. Whatever happens, the hosts, the guest and their memory are gone at the end. What stays is in /var/lib/splitmem-demo (or
# $SPLITMEM_DEVSTACK_STATE; the OpenStack's are beside it, with -openstack): logs, what was recorded, and the kernel that was downloaded.
# $SPLITMEM_DISTRIBUTION names a distribution to use instead of building one.

set -euo pipefail
umask 022

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# A cluster of its own, beside the one that somebody may be working with.
export SPLITMEM_DEVSTACK_STATE=${SPLITMEM_DEVSTACK_STATE:-/var/lib/splitmem-demo}
# shellcheck source=lib.sh
. "$HERE/lib.sh"
WORK=$STATE/demo
# shellcheck source=demo/record.sh
. "$HERE/demo/record.sh"

# shellcheck disable=SC2034 # for the parts
SWEEP_SECONDS=30     # the guest's sweep over all its memory
BEFORE_SECONDS=10    # of throughput, to compare with
SILENCE_SECONDS=30   # without a word from the guest: it has stopped
PATIENCE_SECONDS=900 # for the verification
STARTED=$(now)
CLUSTER_TOUCHED=no

refuse() { warn "$* (see --help)"; exit 2; }

parse() {
  OPENSTACK=no MEMORY=1024 BUDGET="" HOSTS=3 KERNEL="" INITRD="" CMDLINE="" KEEP=no
  REPORT=$REPOSITORY/target/demo-report.json PLOT=$REPOSITORY/target/demo-plot.svg
  while (($#)); do
    case $1 in
      --keep) KEEP=yes; shift; continue ;;
      --openstack) OPENSTACK=yes; shift; continue ;;
      -h | --help) usage; exit 0 ;;
      --memory | --budget | --hosts | --kernel | --initrd | --cmdline | --report | --plot)
        [[ $# -gt 1 && -n $2 ]] || refuse "$1 needs a value" ;;&
      --memory) MEMORY=$2 ;;
      --budget) BUDGET=$2 ;;
      --hosts) HOSTS=$2 ;;
      --kernel) KERNEL=$(existing_file "$1" "$2") ;;
      --initrd) INITRD=$(existing_file "$1" "$2") ;;
      --cmdline) CMDLINE=$2 ;;
      --report) REPORT=$(new_file "$1" "$2") ;;
      --plot) PLOT=$(new_file "$1" "$2") ;;
      *) refuse "unknown option '$1'" ;;
    esac
    shift 2
  done
  check_sizes
}

existing_file() { # OPTION FILE: its absolute path
  [[ -f $2 && -r $2 ]] || refuse "$1: there is no file $2 that can be read"
  realpath "$2"
}

new_file() { # OPTION FILE
  local directory
  directory=$(dirname "$2")
  [[ ! -d $2 && -d $directory ]] || refuse "$1: cannot be written: $2"
  printf '%s/%s\n' "$(realpath "$directory")" "$(basename "$2")"
}

check_sizes() {
  [[ $MEMORY =~ ^[1-9][0-9]{0,6}$ && $MEMORY -ge 128 ]] || refuse "--memory is a number of MiB from 128 on, not '$MEMORY'"
  [[ $HOSTS =~ ^[1-9][0-9]?$ && $HOSTS -ge 3 && $HOSTS -le 17 ]] || refuse "--hosts is 3 to 17, not '$HOSTS'"
  [[ -n $BUDGET ]] || BUDGET=$((MEMORY / 2))MiB
  [[ $BUDGET =~ ^([1-9][0-9]{0,6})([MG])(iB)?$ ]] || refuse "--budget is like 256MiB or 2GiB, not '$BUDGET'"
  BUDGET_MIB=${BASH_REMATCH[1]}
  [[ ${BASH_REMATCH[2]} == M ]] || BUDGET_MIB=$((BUDGET_MIB * 1024))
  if [[ $OPENSTACK == yes ]]; then
    [[ -z $KERNEL$INITRD$CMDLINE ]] || refuse "--kernel, --initrd and --cmdline do not go with --openstack, whose image is aio.sh's"
    ((HOSTS <= 9)) || refuse "--hosts is 3 to 9 with --openstack"
  fi
  ((BUDGET_MIB < MEMORY)) || refuse "--budget $BUDGET leaves nothing for sub-hosts of a guest of $MEMORY MiB"
}

step() { printf '\n[%s s] %s\n' "$(elapsed "$STARTED")" "$*"; }

in_cluster() { "$HERE/$TOOL" "$@"; }

# virsh_on HOST ARGS...: without the terminal, on which virsh would start a polkit agent that complains.
virsh_on() { setsid --wait "$HERE/$TOOL" virsh "$@"; }

# ---- set-up

warn_if_busy() {
  local load
  read -r load _ </proc/loadavg
  if ((${load%.*} >= $(nproc))); then warn "this machine is busy (load average $load): expect less throughput, and less steady"; fi
}

# The guest is on two hosts for a moment: its RAM once, what the destinations hold once more; each daemon has a JVM.
check_machine() {
  local available needed=$((2 * MEMORY + MEMORY_OF_A_HOST * ALL_HOSTS + FURTHER_MEMORY))
  command -v javac >/dev/null || die "no JDK on the PATH: install one, 17 or newer"
  available=$(awk '$1 == "MemAvailable:" { print int($2 / 1024) }' /proc/meminfo)
  ((available >= needed)) || die "needs $needed MiB of free memory, and only $available MiB are available (try --memory 512)"
}

# Two runs at once would share hosts and guest; without waiting, since the other one may be a --keep for a look around.
claim_state() {
  mkdir -p "$WORK"
  exec {LOCK_FD}>>"$WORK/lock"
  flock -n "$LOCK_FD" || die "another demo runs (lock: $WORK/lock)"
  find "$WORK" -mindepth 1 ! -name lock ! -name cluster-is-ours -delete # recorded by an earlier run
}

# Maven writes into the repository: its owner is to be able to build again afterwards.
build_distribution() {
  if [[ -n ${SPLITMEM_DISTRIBUTION:-} ]]; then
    [[ -x $DISTRIBUTION/bin/splitmemd ]] || die "no distribution at $DISTRIBUTION (\$SPLITMEM_DISTRIBUTION)"
    return 0
  fi
  install_packages gcc libc6-dev make
  as_owner "$HERE/build.sh"
}

# as_owner COMMAND...: as the user who called sudo, if the repository is theirs.
as_owner() {
  local owner
  owner=$(stat -c %U "$REPOSITORY")
  if [[ $owner != root && $owner == "${SUDO_USER:-}" ]]; then
    runuser -u "$owner" -- env HOME="$(getent passwd "$owner" | cut -d: -f6)" "$@"
  else
    "$@"
  fi
}

compile_report() {
  rm -rf "$WORK/classes"
  javac -Xlint:all -Werror -proc:none -encoding UTF-8 -cp "$DISTRIBUTION/lib/*" -d "$WORK/classes" "$HERE/demo/"*.java
}

bring_hosts_up() {
  local host
  if [[ -n $(find "$CLUSTER_STATE/hosts" -mindepth 1 -maxdepth 1 2>/dev/null) ]]; then
    [[ -e $WORK/cluster-is-ours ]] || die "a cluster that is not the demo's is at $CLUSTER_STATE: take it down, or set SPLITMEM_DEVSTACK_STATE"
    CLUSTER_TOUCHED=yes # from here on an interrupted demo has to finish this
    say "taking down what an earlier run left"
    in_cluster down
  fi
  : >"$WORK/cluster-is-ours"
  CLUSTER_TOUCHED=yes
  in_cluster up "$ALL_HOSTS"
  for ((host = 1; host <= ALL_HOSTS; host++)); do record_memory "${SOURCE%1}$host"; done
}

wait_for_guest() {
  local deadline=$((SECONDS + 300))
  until guest_is_ready "$WORK/console.log" && [[ -n $(guest_report "$WORK/console.log") ]]; do
    guest_runs_on "$SOURCE" || guest_failed "the guest ended while it booted"
    ((SECONDS < deadline)) || guest_failed "the guest has not reported READY after 300 s"
    sleep 0.5
  done
  say "it $(grep -a '^READY' "$WORK/console.log" | tr -d '\r' | sed -E 's/READY pages=([0-9]+).*/works on \1 pages of its memory/')"
}

guest_failed() {
  warn "last lines of its console:"
  tail -n 5 "$WORK/console.log" >&2
  die "$*"
}

# ---- the migration and what follows

watch_before() {
  local end=$((SECONDS + BEFORE_SECONDS))
  while ((SECONDS < end)); do show_guest "$SOURCE"; sleep 0.5; done
  end_of_show
}

# await_verification TIMES: until the guest has verified all its memory so often since.
await_verification() {
  local times=$1 count=0 verified sweep deadline=$((SECONDS + PATIENCE_SECONDS))
  verified=$(reported verified)
  sweep=$(reported sweep)
  while ((count < times)); do
    if console_silent_for "$SILENCE_SECONDS"; then guest_failed "the guest has been silent for $SILENCE_SECONDS s"; fi
    ((SECONDS < deadline)) || guest_failed "the guest has not verified everything after $PATIENCE_SECONDS s"
    show_guest "$MAIN" ", all of it $count of $times times"
    sleep 1
    count=$(verified_since "$verified" "$sweep")
  done
  end_of_show
  guest_runs_on "$MAIN" || guest_failed "the guest does not run on $MAIN any more"
}

# verified_since VERIFIED SWEEP: how often the guest has verified all its memory since it reported these numbers. Three of four pages that
# it verifies are those of its sweep, which goes round: with one thread, each page has had its turn after as many. Of another guest, with
# perhaps more threads, only whole sweeps count that began later.
verified_since() {
  local pages count
  if [[ -n $INITRD$CMDLINE ]]; then
    count=$(($(reported sweep) - $2 - 1))
  else
    pages=$(sed -nE '/^READY/ { s/^READY pages=([0-9]+).*/\1/p; q }' "$WORK/console.log")
    count=$((($(reported verified) - $1) * 3 / 4 / pages))
  fi
  echo $((count > 0 ? count : 0))
}

# show_guest HOST [WORDS]: how the guest does, on a line that is written again and again; on no terminal, every ten seconds.
SHOWN=-10
show_guest() {
  local line
  line="guest on $1: $(reported ops/s) ops/s, $(reported verified) pages verified, $(reported bad) bad${2:-}"
  if [[ -t 1 ]]; then
    printf '\r\033[K%s' "$line"
  elif ((SECONDS - SHOWN >= 10)); then
    SHOWN=$SECONDS
    say "$line"
  fi
}

end_of_show() {
  SHOWN=-10
  [[ ! -t 1 ]] || printf '\n'
}

# ---- the result

# Times of the migration's phases are in the source's log to the millisecond; asking for them all the time would disturb.
collect_split() {
  in_cluster exec "$SOURCE" splitmem --json migrations >"$WORK/migrations.json"
  in_cluster exec "$TARGET" splitmem --json show "$GUEST" >"$WORK/vm.json"
  in_cluster log "$SOURCE" splitmemd | sed -nE 's/^([^ ]+) .* migration=[^ ]+ [A-Z]+ -> ([A-Z]+):.*/\1 \2/p' >"$WORK/phases"
  : >"$WORK/moves"
}

collect() {
  stop_recorders
  cat "$WORK"/memory.h* >"$WORK/memory"
}

write_report() {
  local result=0
  [[ $REPORT != "$REPOSITORY"/target/* && $PLOT != "$REPOSITORY"/target/* ]] || as_owner mkdir -p "$REPOSITORY/target"
  java -cp "$WORK/classes:$DISTRIBUTION/lib/*" DemoReport "$WORK" "$REPORT" "$PLOT" || result=$?
  if [[ -n ${SUDO_UID:-} && -e $REPORT && -e $PLOT ]]; then chown "$SUDO_UID:${SUDO_GID:-$SUDO_UID}" "$REPORT" "$PLOT"; fi
  return "$result"
}

clean_up() {
  local status=$?
  trap - EXIT
  trap '' INT TERM HUP # once is enough
  stop_recorders
  rm -rf "$WORK/classes"
  if [[ $CLUSTER_TOUCHED == yes && $KEEP == yes ]]; then
    step "kept: try  $STATE_SETTING $HERE/$TOOL exec $MAIN splitmem show $GUEST  and, at the end,  ... $TOOL down"
  elif [[ $CLUSTER_TOUCHED == yes ]]; then
    step "taking the hosts down"
    if in_cluster down; then rm -f "$WORK/cluster-is-ours"; else status=1; fi
  fi
  ((status == 0)) || warn "failed (exit code $status); logs: $STATE/log, recorded: $WORK"
  exit "$status"
}

main() {
  parse "$@"
  # shellcheck source=/dev/null
  if [[ $OPENSTACK == yes ]]; then . "$HERE/demo/openstack.sh"; else . "$HERE/demo/cluster.sh"; fi
  need_root
  check_machine
  warn_if_busy
  claim_state
  trap clean_up EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  step "building"
  build_distribution
  "$HERE/guest/build-guest.sh" >/dev/null
  compile_report
  MAIN=$SOURCE
  step "bringing $ALL_HOSTS hosts up"
  bring_hosts_up
  step "booting a guest of $MEMORY MiB on $SOURCE"
  boot_guest
  watch_before
  step "migrating it"
  migrate
  MAIN=$TARGET
  step "waiting until the guest has verified every page twice"
  await_verification 2
  collect_split
  move_on
  step "the result"
  collect
  tell_more
  write_report
}

main "$@"
