# shellcheck shell=bash
# The compute hosts: those of cluster.sh, with nova-compute, and sshd for Nova's copies of disks when a server is resized.

NOVA_PYTHON=$REPOSITORY/nova-bridge/src/main/python

# The driver goes where an installation puts it: into nova/virt itself. PYTHON_TREE gets what it imports, and its entry points.
install_driver() {
  local new=$STATE/python.new
  rm -rf "$new"
  mkdir -p "$new"
  cp -r "$NOVA_PYTHON" "$new/source" # pip leaves build files there
  /usr/bin/python3 -m pip install -q --no-deps --no-index --no-build-isolation --no-warn-script-location --root-user-action=ignore \
    --target "$new/tree" "$new/source" || die "the Nova driver cannot be installed"
  mkdir -p "$PYTHON_TREE" "$NOVA_VIRT"
  cp -rT "$NOVA_PACKAGE/virt" "$NOVA_VIRT" # filled in place: it is a mount point of running hosts
  cp -rT "$new/tree/nova/virt/splitmem" "$NOVA_VIRT/splitmem"
  rm -rf "$new/tree/nova"
  cp -rT "$new/tree" "$PYTHON_TREE"
  rm -rf "$new"
}

complete_host() { # NAME
  [[ $1 != "$CONTROLLER" ]] || return 0
  connect_to_servers "$1"
  fix_memory "$1"
}

# The memory of a host is $SPLITMEM_AIO_HOST_MEMORY MiB, whatever this machine has, which may become more at any time. libvirt's
# figure, and with it Nova's, is the sum of the NUMA nodes' (virNumaGetNodeMemory).
fix_memory() { # NAME
  local file=$HOSTS/$1/node node kib=$((HOST_MEMORY * 1024))
  (($(awk '$1 == "MemTotal:" { print $2 }' /proc/meminfo) > kib)) || die "a host is to have $HOST_MEMORY MiB: more than this machine"
  for node in /sys/devices/system/node/node[0-9]*; do
    node=${node##*/node}
    printf 'Node %s MemTotal: %15d kB\nNode %s MemFree: %16d kB\n' "$node" "$kib" "$node" "$kib" >"$file$node-meminfo"
    kib=0 # the first node has all of it
    (in_host "$1" mount --bind "$file$node-meminfo" "/sys/devices/system/node/node$node/meminfo")
  done
}

# A key of its own for all hosts: Nova on one copies files to another as root.
create_ssh_keys() {
  local key
  for key in id_ed25519 hostkey; do
    [[ -s $STATE/$key ]] || ssh-keygen -q -t ed25519 -N '' -C splitmem-aio -f "$STATE/$key"
  done
}

configure_nova() { # NAME
  local dir=$HOSTS/$1 ssh=$HOSTS/$1/ssh
  mkdir -p "$dir/etc-nova/provider_config" "$dir"/lib-nova/{instances,keys,tmp}
  cp "$(shipped nova api-paste.ini)" /etc/nova/rootwrap.conf "$dir/etc-nova/"
  cp -r /etc/nova/rootwrap.d "$dir/etc-nova/"
  compute_config "$1" >"$dir/etc-nova/nova.conf"
  provider_config >"$dir/etc-nova/provider_config/splitmem.yaml"
  mkdir -p "$ssh"
  chmod 0700 "$ssh"
  install -m 0600 "$STATE/id_ed25519" "$ssh/id_ed25519"
  install -m 0600 "$STATE/id_ed25519.pub" "$ssh/authorized_keys"
  printf 'Host *\n StrictHostKeyChecking no\n UserKnownHostsFile /dev/null\n LogLevel ERROR\n' >"$ssh/config"
}

# nova-compute reads its configuration and our driver only when it starts.
start_compute() { # NAME
  local name=$1 seen=$HOSTS/$1/nova-seen now
  configure_nova "$name"
  now=$(cat "$HOSTS/$name/etc-nova/nova.conf" "$PYTHON_TREE"/splitmem_nova/*.py "$NOVA_VIRT"/splitmem/*.py | md5sum)
  if [[ $(cat "$seen" 2>/dev/null) != "$now" ]]; then stop_process "$name.nova-compute" 60; fi
  printf '%s\n' "$now" >"$seen"
  if ! is_running "$name.sshd"; then
    start_in_host "$name" sshd /usr/sbin/sshd -D -e -f /dev/null -h "$STATE/hostkey" -o ListenAddress="$(host_address "$name")" \
      -o PidFile=none -o StrictModes=no -o "Subsystem=sftp internal-sftp"
  fi
  start_network "$name"
  start_nova_compute "$name"
}

start_nova_compute() { # NAME
  is_running "$1.nova-compute" ||
    start_in_host "$1" nova-compute env PYTHONPATH="$PYTHON_TREE" "$(with_share)" nova-compute --config-file /etc/nova/nova.conf
}

computes_are_up() {
  local up
  up=$(openstack_client compute service list -f value -c Binary -c State --service nova-compute 2>/dev/null | grep -c up) || return 1
  [[ $up == "$(known_hosts | wc -l)" ]]
}

# Each nova-compute tells the bridge where its splitmemd is.
hosts_are_registered() {
  local token
  token=$(openstack_client token issue -f value -c id 2>/dev/null) || return 1
  [[ $( (in_host "$CONTROLLER" curl -sS -H "X-Auth-Token: $token" "http://$CONTROLLER_ADDRESS:$BRIDGE_PORT/v1/hosts") |
    jq '[.hosts[] | select(.registered_at and .reachable)] | length') == "$(known_hosts | wc -l)" ]]
}

# And the bridge tells each splitmemd where the others are.
hosts_know_each_other() {
  local name
  for name in $(known_hosts); do
    [[ $( (in_host "$name" curl -sS --unix-socket /run/splitmem/splitmemd.sock http://localhost/v1/hosts) |
      jq '[.[] | select(.reachable)] | length') == "$(known_hosts | wc -l)" ]] || return 1
  done
}

# A new host has to be mapped to its cell before it gets servers.
await_computes() {
  local name service
  wait_for 180 "nova-compute on all hosts (logs: $LOGS/host*/nova-compute.log)" computes_are_up || die "not all computes came up"
  wait_for 120 "all hosts to register with nova-bridge" hosts_are_registered || die "not all hosts are registered with nova-bridge"
  wait_for 120 "all hosts to know each other" hosts_know_each_other || die "nova-bridge has not told each splitmemd of the others"
  nova_manage cell_v2 discover_hosts
  for name in $(known_hosts); do
    for service in nova-compute sshd; do
      is_running "$name.$service" || die "$service of $name has ended, see $LOGS/$name/$service.log"
    done
  done
}
