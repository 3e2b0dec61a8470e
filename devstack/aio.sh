#!/usr/bin/env bash
# A small real OpenStack on this machine, of Debian's packages: a controller (MariaDB, RabbitMQ, Keystone, Placement, Glance,
# Neutron, Cinder, Nova, Kafka, nova-bridge) and compute hosts, which are virtual hosts as cluster.sh makes them, with libvirtd,
# splitmemd, Open vSwitch and its agent, and nova-compute. Volumes are files of a GlusterFS, see aio/volume.sh.
#
# usage: aio.sh COMMAND ...
#   up [N]                    make the cloud with hosts host1 ... hostN (10.79.0.1 ...; default 3 or as many as there are), its image
#                             and flavors; on a running cloud: start what is missing, renew the distribution and the Nova driver
#   down [--purge]            end every process of the cloud, guests too, and remove it; logs stay in DIR/log, and the databases'
#                             template and the guest's kernel in DIR/cache unless --purge
#   prepare                   install packages and make what is kept in DIR/cache, so that the next up takes less time; leaves
#                             nothing running
#   status                    one line per service; exit code 0 only if nothing is missing
#   openstack ARGS...         the command line client, as the administrator
#   exec HOST COMMAND...      run a command in controller, host1, ...
#   virsh HOST ARGS...
#   restart HOST SERVICE [--kill]
#                             restart splitmemd, libvirtd or nova-compute of a host, or a service of the controller
#   stop HOST SERVICE [--kill]
#   log HOST [SERVICE]        log of nova-compute (default), splitmemd, libvirtd, nova-api, ...
#   bandwidth RATE|off        limit each host's link, both directions (500mbit, 1gbit, ...)
#   prove [--junit FILE] [--all | NAME...]
#                             boot servers, migrate and resize them through Nova's API, make services fail meanwhile, and check
#                             every byte, Placement's books and Kafka's events. By default, in this order
#       split                 a server with a network card, a config drive and a volume migrates split, moves on and back, its lender is
#                             drained, and it is gathered
#       next                  a destination without sub-hosts is refused, the conductor takes the next
#       resize                resizes, hard reboot, stop, shelve of a server that fits no host whole
#       undone, lost          aborts; services and whole hosts' daemons killed in mid-copy
#       plain                 an ordinary server
#       events                what Kafka has of all that
#                             --all: before the events also
#       outage                Keystone, Placement and Kafka are away for a minute in mid-copy
#       soft-reboot           a split server that is rebooted softly comes up split
#       evacuate              a split server's host dies, and comes back
#       groups, zones         sub-hosts respect server groups, availability zones and disabled services
#   console SERVER            what the server's guest has written where the server is now
#
#   $SPLITMEM_AIO_STATE       all files of the cloud (default /var/lib/splitmem-aio)
#   $SPLITMEM_AIO_HOST_MEMORY MiB that Placement is told each host has for guests (default 6144)
#   $SPLITMEM_AIO_LEND        what each host lends to others (default 4GiB)
#   $SPLITMEM_AIO_WORKLOAD    the guest's work, see guest/memload.c (default "mb=300 hot=0.1 sweep=6")
#   $SPLITMEM_PATIENCE        all limits of waiting are multiplied by this, for a slow or busy machine (default 1)
#   $SPLITMEM_AIO_TOKEN_SECONDS   how long a token of Keystone is valid (default 3600)
#   $SPLITMEM_AIO_RECONCILE_SECONDS   reconcile.interval-s of nova-bridge (default 5)
#
# Installs Debian packages that are missing, without starting their services. /etc is not changed; outside of the state
# directory it leaves only empty directories, the mount points of the hosts.

set -euo pipefail
umask 022

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
SPLITMEM_DEVSTACK_STATE=${SPLITMEM_AIO_STATE:-/var/lib/splitmem-aio}
# shellcheck source=lib.sh
. "$HERE/lib.sh"
# shellcheck disable=SC2034 # for the parts
HOST_PREFIX=host SUBNET=10.79.0 WITH_DAEMON=yes TOLD_PEERS=yes HOST_MEMORY=${SPLITMEM_AIO_HOST_MEMORY:-6144}
for part in cluster/process cluster/namespace cluster/network cluster/libvirt cluster/daemon cluster/hosts \
  aio/settings aio/config aio/network aio/volume aio/database aio/controller aio/bridge aio/compute aio/tenant aio/server aio/devices aio/books aio/proofs aio/everyday aio/placing aio/prove; do
  # shellcheck source=/dev/null
  . "$HERE/$part.sh"
done
CONTROLLER_SERVICES=(epmd rabbitmq mariadb keystone placement glance neutron share cinder-api cinder-scheduler cinder-volume nova-conductor nova-scheduler nova-api kafka nova-bridge)
HOST_SERVICES=(libvirtd splitmemd sshd ovsdb ovs neutron-agent nova-compute)

parse_up() {
  (($# < 2)) || die "up takes one number (see --help)"
  [[ -z ${1:-} ]] || [[ $1 =~ ^[1-9]$ && $1 -le $MAX_HOSTS ]] || die "a cloud has 1 to $MAX_HOSTS hosts, not '$1'"
  HOST_COUNT=${1:-}
}

cmd_up() {
  local started k existing
  started=$(now)
  parse_up "$@"
  need_root
  distribution_is_built || die "no distribution at $DISTRIBUTION: run $HERE/build.sh first"
  install_openstack
  mkdir -p "$STATE"
  take_lock "$STATE/lock"
  # shellcheck disable=SC2153 # HOSTS is set by a part
  mkdir -p "$RUN" "$HOSTS" "$LOGS" # only now: a down may have been at work
  create_password
  printf '%s\n' "${SPLITMEM_AIO_LEND:-4GiB}" >"$LEND_FILE"
  fetch_kafka
  copy_distribution
  create_cluster_key
  create_ssh_keys
  prepare_pins
  create_switch
  existing=$(known_hosts | sed "s/^$HOST_PREFIX//" | tail -n 1)
  [[ -n $HOST_COUNT ]] || HOST_COUNT=${existing:-3}
  for ((k = 1; k <= HOST_COUNT; k++)); do mkdir -p "$HOSTS/$HOST_PREFIX$k"; done
  install_driver
  bring_up_cloud "$started"
  say "OpenStack with $(known_hosts | wc -l) hosts up after $(elapsed "$started") s"
}

cmd_prepare() {
  local started
  started=$(now)
  need_root
  install_openstack
  mkdir -p "$STATE"
  take_lock "$STATE/lock"
  ! host_is_made "$CONTROLLER" || die "the cloud is there already"
  mkdir -p "$RUN" "$HOSTS" "$LOGS"
  create_password
  build_guest
  prepare_pins
  create_switch
  create_controller
  write_controller_config
  prepare_template
  remove_cloud
  say "OpenStack's packages and databases are prepared after $(elapsed "$started") s"
}

bring_up_cloud() { # STARTED
  local name hosts
  create_controller
  configure_controller_names
  write_controller_config
  prepare_database
  say "databases ready after $(elapsed "$1") s"
  start_controller_services
  bring_up_all & hosts=$!
  await_controller_services
  wait "$hosts" || die "not every host came up (see above)"
  start_kafka
  renew_bridge
  say "controller and hosts ready after $(elapsed "$1") s"
  for name in $(known_hosts); do start_compute "$name"; done
  create_images
  create_flavors
  create_network
  await_computes
}

cmd_down() {
  local count
  need_root
  [[ ${1:-} == "" || $1 == --purge ]] || die "only --purge may follow"
  [[ -e $STATE/lock ]] || { say "nothing to take down at $STATE"; return 0; }
  take_lock "$STATE/lock"
  count=$(known_hosts | wc -l)
  remove_cloud
  if [[ ${1:-} == --purge ]]; then rm -rf --one-file-system "$CACHE" "$LOGS"; fi
  say "OpenStack with $count hosts down"
}

remove_cloud() {
  local names
  mapfile -t names < <(known_hosts)
  destroy_hosts "${names[@]}" "$CONTROLLER"
  unpin switch.net
  release_pins
  rm -rf --one-file-system "$RUN" "$HOSTS" "$DIST" "$ETC" "$MYSQL" "$PYTHON_TREE" "$NOVA_VIRT" "$STATE"/{rabbit,keystone,glance,cinder,volumes,share-programs,locks,kafka,bridge} \
    "$KEY_FILE" "$LEND_FILE" "$BANDWIDTH_FILE" "$STATE"/{id_ed25519,hostkey}{,.pub}
}

# From inside a host the pins of the namespaces cannot be seen, and every host would look broken.
refuse_inside() {
  local device
  device=$(findmnt -n -o SOURCE /var/lib/splitmem/mem || true)
  [[ $device != splitmem-* ]] || die "this is inside the host ${device#splitmem-}: leave it first"
}

# shellcheck disable=SC2059 # one format for all lines
cmd_status() {
  local name service state complete=yes format='%-12s %-12s %-15s %s\n'
  host_is_made "$CONTROLLER" || { say "no cloud at $STATE"; return 1; }
  printf "$format" HOST ADDRESS SERVICE STATE
  for name in "$CONTROLLER" $(known_hosts); do
    for service in $(services_of "$name"); do
      if is_running "$name.$service"; then state=up; else state=down complete=no; fi
      printf "$format" "$name" "$(host_address "$name")" "$service" "$state"
    done
    [[ $name == "$CONTROLLER" ]] || printf "$format" "$name" "$(host_address "$name")" guests "$(guests_of "$name" | tr '\n' ' ')"
  done
  [[ $complete == yes ]]
}

services_of() { # NAME
  if [[ $1 == "$CONTROLLER" ]]; then printf '%s\n' "${CONTROLLER_SERVICES[@]}"; else printf '%s\n' "${HOST_SERVICES[@]}"; fi
}

need_host() { # [NAME]
  [[ ${1:-} == "$CONTROLLER" || ${1:-} =~ ^host[1-9]$ ]] || die "name a host: controller, host1, ... (see --help)"
  host_is_made "$1" || die "there is no host $1 (aio.sh up; aio.sh status)"
}

need_service() { # HOST [SERVICE]
  need_host "$1"
  services_of "$1" | grep -qx -- "${2:-}" || die "$1 has these services: $(services_of "$1" | tr '\n' ' ')"
}

cmd_openstack() {
  need_host "$CONTROLLER"
  create_password
  openstack_client "$@"
}

cmd_bandwidth() {
  check_bandwidth "${1:?bandwidth RATE|off}"
  need_host "$CONTROLLER"
  take_lock "$STATE/lock"
  set_bandwidth "$1"
}

cmd_prove() {
  need_host "$CONTROLLER"
  create_password
  prove "$@"
}

cmd_exec() {
  need_host "${1:-}"
  (($# > 1)) || die "exec HOST COMMAND..."
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

cmd_stop() { # HOST SERVICE [--kill]
  local signal=TERM
  need_service "${1:-}" "${2:-}"
  case ${3:-} in
    "") ;;
    --kill) signal=KILL ;;
    *) die "only --kill may follow" ;;
  esac
  take_lock "$STATE/lock"
  stop_process "$1.$2" 60 "$signal"
}

cmd_restart() { # HOST SERVICE [--kill]
  cmd_stop "$@"
  create_password
  case $2 in
    splitmemd) copy_distribution; install_hook "$1"; start_daemon "$1"; await_daemon "$1" ;;
    libvirtd) start_libvirt "$1" ;;
    nova-compute) start_nova_compute "$1" ;;
    sshd) start_compute "$1" ;;
    mariadb) start_database ;;
    rabbitmq | epmd) start_rabbit ;;
    kafka) start_kafka ;;
    nova-bridge) copy_distribution; start_bridge 1 ;;
    *) start_controller_services ;;
  esac
}

cmd_log() { # HOST [SERVICE]
  local file=$LOGS/${1:?log HOST}/${2:-nova-compute}.log
  [[ -e $file ]] || file=$LOGS/$1/libvirt/qemu/${2:-}.log
  [[ -e $file ]] || die "no log of ${2:-nova-compute} on $1 below $LOGS/$1"
  cat "$file"
}

# Read from the host's files: the console log of Nova's API is cut at its beginning.
cmd_console() { # SERVER
  local id host
  need_host "$CONTROLLER"
  create_password
  read -r host id < <(openstack_client server show "${1:?console SERVER}" -f json | jq -r '[."OS-EXT-SRV-ATTR:host", .id] | join(" ")')
  cat "$HOSTS/$host/lib-nova/instances/$id/console.log"
}

main() {
  local command=${1:-}
  refuse_inside
  (($# == 0)) || shift
  case $command in
    up | down | prepare | status | openstack | exec | virsh | restart | stop | log | console | bandwidth | prove) "cmd_$command" "$@" ;;
    -h | --help | help) usage ;;
    "") usage >&2; exit 2 ;;
    *) die "no command '$command' (see --help)" ;;
  esac
}

main "$@"
