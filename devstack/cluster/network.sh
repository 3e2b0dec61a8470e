# shellcheck shell=bash
# One bridge in a network namespace of its own, one veth pair per host: eth0 in the host, the port with the host's name at the bridge.

SUBNET=${SUBNET:-10.78.0}
BANDWIDTH_FILE=$STATE/bandwidth

host_number() { printf '%s\n' "${1#"$HOST_PREFIX"}"; }
host_address() { printf '%s.%s\n' "$SUBNET" "$(host_number "$1")"; }

in_switch() { nsenter --net="$NAMESPACES/switch.net" "$@"; }

create_switch() {
  if is_pinned switch.net && in_switch ip link show br0 >/dev/null 2>&1; then return 0; fi
  unpin switch.net
  : >"$NAMESPACES/switch.net"
  unshare --net="$NAMESPACES/switch.net" true
  in_switch ip -batch - <<<'link set lo up
link add br0 type bridge stp_state 0 forward_delay 0
link set br0 up'
}

# connect_host NAME: inside a fresh network namespace. A path instead of a name makes ip take any pinned namespace.
connect_host() {
  local name=$1
  # Left over from a host that was only half taken down; its other end is gone with it or will be now.
  in_switch ip link delete "$name" 2>/dev/null || true
  (in_host "$name" true) || die "cannot enter $name"
  nsenter --net="$NAMESPACES/$name.net" ip -batch - <<<"link set lo up
link add eth0 type veth peer name $name netns $NAMESPACES/switch.net
address add $(host_address "$name")/24 dev eth0
link set eth0 up"
  in_switch ip link set "$name" master br0 up
  limit_host "$name" "$(current_bandwidth)"
}

current_bandwidth() { cat "$BANDWIDTH_FILE" 2>/dev/null || echo off; }

# bits_per_second RATE: of 100mbit, 1gbit, ...; fails for what tc would read differently.
bits_per_second() {
  [[ $1 =~ ^([1-9][0-9]{0,5})(kbit|mbit|gbit)$ ]] || return 1
  case ${BASH_REMATCH[2]} in
    kbit) echo $((BASH_REMATCH[1] * 1000)) ;;
    mbit) echo $((BASH_REMATCH[1] * 1000000)) ;;
    gbit) echo $((BASH_REMATCH[1] * 1000000000)) ;;
  esac
}

check_bandwidth() { [[ $1 == off ]] || bits_per_second "$1" >/dev/null || die "bandwidth is like 500mbit, 1gbit or off, not '$1'"; }

# limit_host NAME RATE|off: both directions of the host's link, each where it leaves.
limit_host() {
  local name=$1 rate=$2
  limit_device "$rate" eth0 nsenter --net="$NAMESPACES/$name.net"
  limit_device "$rate" "$name" in_switch
}

limit_device() { # RATE|off DEVICE IN-WHICH-NAMESPACE...
  local rate=$1 device=$2 burst
  shift 2
  if [[ $rate == off ]]; then
    "$@" tc qdisc delete dev "$device" root 2>/dev/null || true # fails if there is none
    return 0
  fi
  # 2 ms of traffic, but never less than one 64 KiB segment as veth passes them on: below that tbf cuts them up, which costs CPU.
  burst=$(($(bits_per_second "$rate") / 8 / 500))
  if ((burst < 131072)); then burst=131072; fi
  "$@" tc qdisc replace dev "$device" root tbf rate "$rate" burst "$burst" latency 20ms
}

set_bandwidth() { # RATE|off, for all hosts, now and later
  local name
  printf '%s\n' "$1" >"$BANDWIDTH_FILE"
  for name in $(known_hosts); do
    if host_is_made "$name"; then limit_host "$name" "$1"; fi
  done
}
