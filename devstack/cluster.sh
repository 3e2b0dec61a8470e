#!/usr/bin/env bash
# A cluster of virtual hosts on this machine: each has its own network, mount and UTS namespace, libvirtd and splitmemd.
#
# usage: cluster.sh [--state DIR] COMMAND ...
#   up [N] [--no-daemon] [--bandwidth RATE|off] [--lend SIZE]
#                          make hosts h1 ... hN (10.78.0.1 ... 10.78.0.N; default 3 or as many as there are, at most 18);
#                          on a running cluster: start what is missing, renew the copy of the distribution
#   down                   end every process of the hosts, guests too, and remove the hosts; logs stay in DIR/log
#   status                 one line per host; exit code 0 only if nothing is missing
#   exec hK COMMAND...     run a command in a host (splitmem and splitmemd are on its PATH)
#   virsh hK ARGS...       virsh of a host; to migrate: cluster.sh virsh h1 migrate --live --p2p VM qemu+tcp://10.78.0.2/system
#   bandwidth RATE|off     limit each host's link, both directions (500mbit, 1gbit, ...)
#   restart-daemon hK [--kill]
#                          renew the copy of the distribution and restart splitmemd; --kill: end it by SIGKILL
#   stop-daemon hK [--kill]
#   pid hK SERVICE         pid of splitmemd or libvirtd
#   log hK [NAME]          log of splitmemd (default), of libvirtd, or of the guest NAME's QEMU
#
#   --state DIR            all files of the cluster (default /var/lib/splitmem-devstack, or $SPLITMEM_DEVSTACK_STATE)
#   --no-daemon            do not start splitmemd (a running one stays); otherwise the distribution must have been built
#                          (build.sh; or $SPLITMEM_DISTRIBUTION names another one)
#   --lend SIZE            what each host lends to others (default 8GiB)
#
# Installs Debian packages that are missing. Outside DIR it leaves only empty directories, the mount points of the hosts.

set -euo pipefail
umask 022

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if [[ ${1:-} == --state ]]; then
  [[ -n ${2:-} ]] || { echo "--state needs a directory" >&2; exit 2; }
  mkdir -p "$2"
  SPLITMEM_DEVSTACK_STATE=$(cd "$2" && pwd)
  shift 2
fi
# shellcheck source=lib.sh
. "$HERE/lib.sh"
for part in process namespace network libvirt daemon hosts; do
  # shellcheck source=/dev/null
  . "$HERE/cluster/$part.sh"
done

MAX_HOSTS=18
PACKAGES=(qemu-system-x86 libvirt-daemon-system libvirt-clients iproute2 util-linux curl busybox-static cpio gcc libc6-dev)

need_host() { # [NAME]: refuses what is not a running host
  [[ ${1:-} =~ ^h[1-9][0-9]?$ ]] || die "name a host: h1, h2, ... (see --help)"
  host_is_made "$1" || die "there is no host $1 (cluster.sh up; cluster.sh status)"
}

parse_up() {
  HOST_COUNT="" WITH_DAEMON=yes NEW_BANDWIDTH="" NEW_LEND=""
  while (($#)); do
    case $1 in
      --no-daemon) WITH_DAEMON=no ;;
      --bandwidth) NEW_BANDWIDTH=${2:?--bandwidth needs a rate}; check_bandwidth "$2"; shift ;;
      --lend) NEW_LEND=${2:?--lend needs a size}; shift ;;
      [0-9]*) HOST_COUNT=$1 ;;
      *) die "up does not know '$1' (see --help)" ;;
    esac
    shift
  done
  [[ -z $NEW_LEND || $NEW_LEND =~ ^[0-9]+([KMGT]iB)?$ ]] || die "--lend is like 512MiB or 8GiB, not '$NEW_LEND'"
  [[ -z $HOST_COUNT ]] || [[ $HOST_COUNT =~ ^[0-9]{1,2}$ && $HOST_COUNT -ge 1 && $HOST_COUNT -le $MAX_HOSTS ]] ||
    die "a cluster has 1 to $MAX_HOSTS hosts, not $HOST_COUNT"
}

cmd_up() {
  local started k existing
  started=$(now)
  parse_up "$@"
  need_root
  [[ $WITH_DAEMON == no ]] || distribution_is_built ||
    die "no distribution at $DISTRIBUTION: run $HERE/build.sh first (or up --no-daemon)"
  install_packages "${PACKAGES[@]}"
  mkdir -p "$STATE"
  take_lock "$STATE/lock"
  mkdir -p "$RUN" "$HOSTS" "$LOGS" # only now: a down may have been at work
  [[ -z $NEW_LEND ]] || printf '%s\n' "$NEW_LEND" >"$LEND_FILE"
  [[ -z $NEW_BANDWIDTH ]] || set_bandwidth "$NEW_BANDWIDTH"
  copy_distribution
  create_cluster_key
  prepare_pins
  create_switch
  existing=$(known_hosts | sed 's/^h//' | tail -n 1)
  [[ -n $HOST_COUNT ]] || HOST_COUNT=${existing:-3}
  for ((k = 1; k <= HOST_COUNT; k++)); do mkdir -p "$HOSTS/h$k"; done
  bring_up_all
  say "$(known_hosts | wc -l) hosts up after $(elapsed "$started") s"
}

cmd_down() {
  local names
  need_root
  [[ -e $STATE/lock ]] || { say "nothing to take down at $STATE"; return 0; }
  take_lock "$STATE/lock"
  mapfile -t names < <(known_hosts)
  if ((${#names[@]})); then destroy_hosts "${names[@]}"; fi
  unpin switch.net
  release_pins
  rm -rf --one-file-system "$RUN" "$HOSTS" "$DIST" "$KEY_FILE" "$LEND_FILE" "$BANDWIDTH_FILE"
  say "${#names[@]} hosts down"
}

# From inside a host the pins of the namespaces cannot be seen, and every host would look broken.
refuse_inside() {
  local device
  device=$(findmnt -n -o SOURCE /var/lib/splitmem/mem || true)
  [[ $device != splitmem-h* ]] || die "this is inside the host ${device#splitmem-}: leave it first"
}

service_state() { # RECORD
  if is_running "$1"; then echo up; else echo down; fi
}

# shellcheck disable=SC2059  # one format for head and lines
cmd_status() {
  local name libvirtd daemon guests complete=yes names format='%-5s %-11s %-9s %-10s %-10s %s\n'
  mapfile -t names < <(known_hosts)
  ((${#names[@]})) || { say "no cluster at $STATE"; return 1; }
  printf "$format" HOST ADDRESS LIBVIRTD SPLITMEMD MEMORY GUESTS
  for name in "${names[@]}"; do
    if ! host_is_made "$name"; then
      printf '%-5s %-11s %s\n' "$name" "$(host_address "$name")" "broken: cluster.sh up repairs it"
      complete=no
      continue
    fi
    libvirtd=$(service_state "$name.libvirtd") daemon=$(service_state "$name.splitmemd")
    # A daemon that was not started, or was stopped on purpose, is not missing; one that ended by itself is.
    [[ -e $RUN/$name.splitmemd ]] || daemon=none
    [[ "$libvirtd $daemon" != *down* ]] || complete=no
    guests=$(guests_of "$name" | tr '\n' ' ')
    printf "$format" "$name" "$(host_address "$name")" "$libvirtd" "$daemon" "$(memory_used "$name")" "${guests:--}"
  done
  say "bandwidth of each link: $(current_bandwidth)"
  [[ $complete == yes ]]
}

memory_used() { # NAME: what its RAM tmpfs holds
  (in_host "$1" df --output=used -B1M /var/lib/splitmem/mem) | awk 'NR == 2 { print $1 "MiB" }'
}

cmd_exec() {
  need_host "${1:-}"
  (($# > 1)) || die "exec hK COMMAND..."
  local name=$1
  shift
  in_host "$name" env -C "$PWD" "$@"
}

cmd_virsh() {
  need_host "${1:-}"
  local name=$1
  shift
  in_host "$name" env -C "$PWD" virsh -c qemu:///system "$@"
}

cmd_bandwidth() {
  check_bandwidth "${1:?bandwidth RATE|off}"
  need_root
  [[ -e $STATE/lock ]] || die "no cluster at $STATE"
  take_lock "$STATE/lock"
  set_bandwidth "$1"
}

cmd_stop_daemon() { # hK [--kill]
  need_host "${1:-}"
  local signal=TERM
  case ${2:-} in
    "") ;;
    --kill) signal=KILL ;;
    *) die "only --kill may follow the host" ;;
  esac
  take_lock "$STATE/lock"
  stop_process "$1.splitmemd" 15 "$signal"
}

cmd_restart_daemon() { # hK [--kill]
  cmd_stop_daemon "$@"
  copy_distribution
  configure_daemon "$1" || true # succeeds only if something changed
  install_hook "$1"
  start_daemon "$1"
  start_libvirt "$1"
  await_daemon "$1"
}

cmd_pid() { # hK SERVICE
  need_host "${1:-}"
  running_pid "$1.${2:?pid hK SERVICE}" || die "$2 does not run on $1"
}

cmd_log() { # hK [NAME]
  local file=$LOGS/${1:?log hK}/${2:-splitmemd}.log
  [[ -e $file ]] || file=$LOGS/$1/libvirt/qemu/${2:-}.log
  [[ -e $file ]] || die "no log of ${2:-splitmemd} on $1 below $LOGS/$1"
  cat "$file"
}

main() {
  local command=${1:-}
  refuse_inside
  (($# == 0)) || shift
  case $command in
    up | down | status | exec | virsh | bandwidth | pid | log) "cmd_$command" "$@" ;;
    restart-daemon | stop-daemon) "cmd_${command/-/_}" "$@" ;;
    -h | --help | help) usage ;;
    "") usage >&2; exit 2 ;;
    *) die "no command '$command' (see --help)" ;;
  esac
}

main "$@"
