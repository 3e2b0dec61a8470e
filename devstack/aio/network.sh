# shellcheck shell=bash
# The servers' network: one flat network of Neutron's, by Open vSwitch and its agent on each compute host. The switch works in user
# space (datapath_type=netdev), so it needs no module of the kernel; ports, bindings and vif-plugged events are as with any other.
#
# Each host has a second link, eth1, to a second bridge of the switch's namespace, br1, which has an address in the servers' subnet:
# from there a server is to be reached wherever it runs.

SERVERS_SUBNET=10.80.0
SERVERS_GATEWAY=$SERVERS_SUBNET.1

# Hosts come up at the same time, and each of them may be the first.
create_servers_bridge() {
  in_switch ip link add br1 type bridge stp_state 0 forward_delay 0 2>/dev/null || in_switch ip link show br1 >/dev/null
  in_switch ip -batch - <<<"address replace $SERVERS_GATEWAY/24 dev br1
link set br1 up"
}

# As connect_host, for the servers' network.
connect_to_servers() { # NAME
  local name=$1
  create_servers_bridge
  in_switch ip link delete "$name-s" 2>/dev/null || true
  nsenter --net="$NAMESPACES/$name.net" ip -batch - <<<"link add eth1 type veth peer name $name-s netns $NAMESPACES/switch.net
link set eth1 up"
  in_switch ip link set "$name-s" master br1 up
  # Open vSwitch in user space reads packets as a program does: it gets what the card would have sent, with its checksum.
  nsenter --net="$NAMESPACES/$name.net" ethtool -K eth1 tx off >/dev/null 2>&1 || true
  in_switch ethtool -K br1 tx off >/dev/null 2>&1 || true
}

vsctl() { # HOST ARGS...
  local name=$1
  shift
  (in_host "$name" ovs-vsctl --timeout=20 "$@")
}

start_switch() { # NAME
  local name=$1
  if ! is_running "$name.ovsdb"; then
    rm -f "$HOSTS/$name/etc-openvswitch/conf.db"
    (in_host "$name" ovsdb-tool create /etc/openvswitch/conf.db /usr/share/openvswitch/vswitch.ovsschema)
    start_in_host "$name" ovsdb ovsdb-server /etc/openvswitch/conf.db --remote=punix:/run/openvswitch/db.sock \
      --remote=ptcp:6640:127.0.0.1 --pidfile=/run/openvswitch/ovsdb-server.pid --unixctl=/run/openvswitch/ovsdb.ctl
    wait_for 20 "ovsdb-server of $name (log: $LOGS/$name/ovsdb.log)" test -S "$HOSTS/$name/run-openvswitch/db.sock"
    vsctl "$name" --no-wait init
  fi
  # --disable-system: without the kernel's module, which may be missing; nor can hosts that are namespaces share it.
  is_running "$name.ovs" || start_in_host "$name" ovs ovs-vswitchd unix:/run/openvswitch/db.sock --disable-system \
    --pidfile=/run/openvswitch/ovs-vswitchd.pid --unixctl=/run/openvswitch/ovs.ctl
  vsctl "$name" -- --may-exist add-br br-servers -- set bridge br-servers datapath_type=netdev -- --may-exist add-port br-servers eth1
}

start_network() { # NAME: the switch of a compute host, and Neutron's agent
  local name=$1
  start_switch "$name"
  mkdir -p "$HOSTS/$name/etc-neutron"
  agent_config "$name" >"$HOSTS/$name/etc-neutron/agent.conf"
  is_running "$name.neutron-agent" ||
    start_in_host "$name" neutron-agent neutron-openvswitch-agent --config-file "$HOSTS/$name/etc-neutron/agent.conf"
}

agent_config() { # NAME
  local section
  cat <<EOF
[DEFAULT]
host = $1
transport_url = $(rabbit)
[oslo_concurrency]
lock_path = $HOSTS/$1/etc-neutron
[agent]
root_helper =
[ovs]
datapath_type = netdev
bridge_mappings = servers:br-servers
of_listen_address = 127.0.0.1
ovsdb_connection = tcp:127.0.0.1:6640
[securitygroup]
enable_security_group = false
firewall_driver = noop
EOF
  for section in privsep privsep_ovs_vsctl privsep_namespace privsep_link privsep_conntrack privsep_dhcp_release; do
    printf '[%s]\nhelper_command = privsep-helper --config-file %s\n' "$section" "$HOSTS/$1/etc-neutron/agent.conf"
  done
}

create_network() {
  [[ -z $( (openstack_client network list --name servers -f value -c ID) ) ]] || return 0
  {
    echo "network create servers --share --provider-network-type flat --provider-physical-network servers"
    echo "subnet create servers --network servers --subnet-range $SERVERS_SUBNET.0/24 --gateway $SERVERS_GATEWAY --no-dhcp"
  } | (openstack_commands) >/dev/null
}

# reached ADDRESS: does the server answer from where it is?
reached() { in_switch busybox ping -c 1 -W 2 -q "$1" >/dev/null; }
